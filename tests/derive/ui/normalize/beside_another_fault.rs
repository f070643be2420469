//! Of the key it is not said whether the field would stand in it.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:{email", name = "by_email", fetch = User::find_by_email)]
struct User {
    id: i64,
    #[cache(normalize = str::to_lowercase)]
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    async fn find_by_email(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
