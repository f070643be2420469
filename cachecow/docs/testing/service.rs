// The service of the guide: what its first block shows, for the others.
use cachecow::{CacheCow, Cached};

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Db, ttl = "10m", stale_if_error = "1h")]
#[cache(key  = "user:{id}",          fetch = Db::user)]
#[cache(key  = "user:email:{email}", fetch = Db::user_by_email)]
#[cache(list = "user:org:{org_id}",  fetch = Db::users_of)]
struct User { id: i64, email: String, org_id: i64, name: String }

/// What a page shows.
async fn name(cow: &CacheCow, db: &Db, id: i64) -> Result<String, cachecow::Error> {
    let user = cow.with(db).get(User::by_id(id)).await?;
    Ok(user.map_or_else(|| "nobody".to_owned(), |user| user.name.clone()))
}

/// Gives a user another name.
async fn rename(cow: &CacheCow, db: &Db, id: i64, name: &str) -> Result<(), DbError> {
    cow.write(User::by_id(id), db.rename(id, name)).await
}

/// Moves a user to another organisation: two lists change.
async fn transfer(cow: &CacheCow, db: &Db, id: i64, org_id: i64) -> Result<(), DbError> {
    let old = db.find(id)?;
    let new = User { org_id, ..old.clone() };
    cow.write((&old, &new), db.transfer(id, org_id)).await
}

include!("db.rs");
