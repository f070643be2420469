//! A field whose type may not stand in a key.

use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(tag = "score:{score}")]
struct User {
    id: i64,
    score: f64,
}

impl User {
    async fn find(id: i64) -> Result<Option<User>, std::io::Error> {
        let _ = id;
        Ok(None)
    }
}

fn main() {}
