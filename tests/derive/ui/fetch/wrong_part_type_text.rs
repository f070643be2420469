use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{email}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_email("a");
}
