use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{2}", fetch = User::find)]
struct User(i64, String);

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    
}
