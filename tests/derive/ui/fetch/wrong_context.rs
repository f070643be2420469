use cachecow::Cached;
use serde::{Deserialize, Serialize};

struct Db;

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(context = Db)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: &String, _: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
