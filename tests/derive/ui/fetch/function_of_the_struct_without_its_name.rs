use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = find)]
struct User {
    id: i64,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
