//! A field that serde cannot store.

use cachecow::Cached;

struct Address;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    #[cache(opaque)]
    address: Address,
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
