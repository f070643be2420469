//! A field whose type says nothing of how it is stored.

use cachecow::Cached;

struct Address;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    address: Option<Address>,
}

impl User {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
