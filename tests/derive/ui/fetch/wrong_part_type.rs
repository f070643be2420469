use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
