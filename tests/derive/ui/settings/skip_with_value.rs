//! A setting without a value.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    #[cache(skip = true)]
    note: String,
}

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
