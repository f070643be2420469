use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

impl User {
    fn by_id(id: i64) -> i64 {
        id
    }
}

fn main() {
    let _ = User::by_id(1);
}
