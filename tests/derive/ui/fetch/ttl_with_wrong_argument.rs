use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(ttl_with = User::remaining)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    fn remaining(_: &str) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

fn main() {
    let _ = User::by_id(1);
}
