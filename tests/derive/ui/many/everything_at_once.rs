use cachecow::Cached;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = &Db, ttl = "10", ttl_whit = User::ttl, colour = "red")]
#[cache(key = "user:{idd}", fetch = "User::find", ttl = "10m")]
#[cache(key = "user:{mail}:{name", fetch = User::find)]
#[cache(fetch = User::find)]
#[cache(key = "user:email:{email}", name = "by email")]
struct User {
    #[serde(skip)]
    id: i64,
    #[cache(hidden)]
    email: String,
}

struct Db;

impl User {
    fn ttl(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }
}

fn main() {
    let _ = Db;
    let _ = User::by_id(1);
    let _ = User::by_email("a");
}
