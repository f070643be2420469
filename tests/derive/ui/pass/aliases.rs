//! Types through aliases, parentheses and qualified paths.

#![deny(warnings)]

use cachecow::{CacheKeys, Cached, Lookup};
use serde::{Deserialize, Serialize};

type Number = i64;

struct Db<T>(T);

trait Find {
    fn find(db: &Db<(u8, String)>, id: &Number) -> impl Future<Output = Outcome> + Send;
}

type Outcome = Result<User, Box<dyn std::error::Error + Send + Sync>>;

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Db<(u8, String)>)]
#[cache(key = "user:{id}", fetch = <User as Find>::find,)]
#[cache(
    name = "named",
    fetch = <Self as Find>::find,
    key = "user {{by}} name:{r#number}",
)]
struct User {
    id: Number,
    r#number: Number,
}

impl Find for User {
    async fn find(db: &Db<(u8, String)>, id: &Number) -> Outcome {
        let _ = &db.0;
        Ok(Self { id: *id, number: 1 })
    }
}

fn all(_: &impl CacheKeys) {}

fn asked<L: Lookup<Object = User> + CacheKeys>(lookup: &L) {
    all(lookup);
}

fn main() {
    let user = User { id: 1, number: 2 };
    all(&user);
    all(&[User::by_id(1), User::by_id(&2)]);
    all(&(User::by_id(1), User::named(1), user));
    asked(&User::named(1));
}
