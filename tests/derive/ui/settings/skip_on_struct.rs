//! A field's setting above the struct.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(skip)]
struct User {
    id: i64,
    note: String,
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
