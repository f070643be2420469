use cachecow::Cached;
use cachecow::{CacheSchema, KeyPart};

#[derive(Clone, Copy, CacheSchema, KeyPart)]
struct UserId(i64);

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: UserId,
    email: String,
}

impl User {
    async fn find(_: UserId) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
