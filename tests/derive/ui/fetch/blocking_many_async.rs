use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = blocking(User::find), fetch_many = blocking(User::find_many))]
struct User {
    id: i64,
    email: String,
}

impl User {
    fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    async fn find_many(_: &[i64]) -> Result<Vec<Self>, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
