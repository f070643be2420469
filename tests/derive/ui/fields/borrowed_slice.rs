use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    field: &'static [u8],
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
