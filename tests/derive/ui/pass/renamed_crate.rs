//! The crate under another path, as a framework that re-exports it would have it.

#![deny(warnings)]

mod framework {
    pub use cachecow as cow;
}

use framework::cow::{CacheSchema, Cached, KeyPart};

#[derive(Cached)]
#[cache(crate = crate::framework::cow)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: Id,
    address: Address,
}

#[derive(Clone, CacheSchema, KeyPart)]
#[cache(crate = crate::framework::cow)]
struct Id(i64);

#[derive(CacheSchema)]
#[cache(crate = crate::framework::cow)]
struct Address {
    city: String,
}

impl User {
    async fn find(id: &Id) -> Result<Self, std::fmt::Error> {
        Ok(Self { id: id.clone(), address: Address { city: String::new() } })
    }
}

fn main() {
    let _ = User::by_id(Id(1));
}
