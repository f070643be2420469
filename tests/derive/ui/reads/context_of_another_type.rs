use cachecow::{CacheCow, Cached};

struct Db;
struct Transaction;

#[derive(Clone, Cached)]
#[cache(context = Db)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
}

impl User {
    async fn find(_: &Db, _: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

async fn read(cow: &CacheCow) -> Result<(), cachecow::Error> {
    cow.with(&Transaction).get(User::by_id(1)).await?;
    Ok(())
}

fn main() {
    let _ = (Transaction, read);
}
