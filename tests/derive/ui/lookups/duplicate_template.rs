use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:{email}", fetch = User::find_by_email)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    
    }

    async fn find_by_email(email: &str) -> Result<Self, std::fmt::Error> {
        let _ = email;
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
