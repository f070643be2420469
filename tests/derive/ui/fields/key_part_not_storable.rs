//! A newtype that may stand in a key, and of which it was not said how it is stored.

use cachecow::{Cached, KeyPart};

#[derive(Clone, KeyPart)]
struct UserId(i64);

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: UserId,
}

impl User {
    async fn find(id: &UserId) -> Result<Self, std::fmt::Error> {
        Ok(Self { id: id.clone() })
    }
}

fn main() {}
