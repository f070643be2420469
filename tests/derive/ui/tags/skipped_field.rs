//! A field that is not stored.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(tag = "org:{org}")]
struct User {
    id: i64,
    #[cache(skip)]
    org: u32,
}

impl User {
    async fn find(id: i64) -> Result<Option<User>, std::io::Error> {
        let _ = id;
        Ok(None)
    }
}

fn main() {}
