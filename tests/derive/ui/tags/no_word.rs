//! Nothing to name the constructor after.

use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(tag = "::")]
struct User {
    id: i64,
    org: u32,
}

impl User {
    async fn find(id: i64) -> Result<Option<User>, std::io::Error> {
        let _ = id;
        Ok(None)
    }
}

fn main() {}
