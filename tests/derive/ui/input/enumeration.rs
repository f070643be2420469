use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
enum User {
    Guest { id: i64 },
    Member { id: i64 },
}

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {}
