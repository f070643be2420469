// What the examples of the types read. The user with an id above zero exists.
use std::io;

use cachecow::{CacheCow, Cached};

struct Db;

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
#[cache(tag = "org:{org_id}")]
struct User {
    id: i64,
    org_id: i64,
    name: String,
}

impl User {
    async fn find(_: &Db, id: i64) -> Result<Option<User>, io::Error> {
        Ok((id > 0).then(|| User { id, org_id: 7, name: "Ann".into() }))
    }

    async fn find_by_org(db: &Db, _: i64) -> Result<Vec<User>, io::Error> {
        Ok(User::find(db, 1).await?.into_iter().collect())
    }
}
