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
    cow.get_many([1, 2].map(User::by_id)).await?;
    Ok(())
}

fn main() {
    let _ = (Transaction, read);
}
