//! A field that is not stored, and has no default.

use cachecow::Cached;

struct Session;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    #[cache(skip)]
    session: Session,
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
