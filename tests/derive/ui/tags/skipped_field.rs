//! A field that is not stored.

use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(tag = "org:{org}")]
struct User {
    id: i64,
    #[serde(skip)]
    org: u32,
}

impl User {
    async fn find(id: i64) -> Result<Option<User>, std::io::Error> {
        let _ = id;
        Ok(None)
    }
}

fn main() {}
