//! Of two lookups and a tag, and reported once.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{email}", fetch = User::find)]
#[cache(key = "mail:{email}:{id}", fetch = User::find_both)]
#[cache(tag = "mail:{email}")]
struct User {
    id: i64,
    #[cache(normalize = str::to_lower)]
    email: String,
}

impl User {
    async fn find(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

impl User {
    async fn find_both(_: &str, _: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
