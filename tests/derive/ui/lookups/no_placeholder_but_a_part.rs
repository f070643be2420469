//! The placeholder was forgotten, although the lookup has a name.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user", name = "by_id", fetch = User::find)]
struct User {
    id: i64,
}

impl User {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
