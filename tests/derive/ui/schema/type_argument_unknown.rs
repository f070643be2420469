use cachecow::{Cached, Lookup};

#[derive(Cached)]
#[cache(key = "page:{id}", fetch = find)]
struct Page<T> {
    id: i64,
    items: Vec<T>,
}

struct User;

async fn find<T>(_: i64) -> Result<Page<T>, std::fmt::Error> {
    Err(std::fmt::Error)
}

fn main() {
    asks(Page::<User>::by_id(1));
}

fn asks(_: impl Lookup) {}
