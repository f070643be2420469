use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Self, ()> {
        Err(())
    }
}

fn main() {
    let _ = User::by_id(1);
}
