use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = User::find, fetch_many = User::find_many)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    async fn find_many(_: Vec<i64>) -> Result<Vec<Self>, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
