//! When to call `write`, when `invalidate`, and what their errors mean.
//!
//! ```sh
//! cargo run -p cachecow-examples --example write_and_invalidate    # needs no server
//! ```

use std::collections::HashMap;
use std::sync::Arc;

use cachecow::{CacheCow, Cached, ErrorKind};
use tokio::sync::Mutex;

#[derive(Clone, Debug, Cached)]
#[cache(context = Bank, ttl = "10m")]
#[cache(key = "account:{number}", fetch = Bank::find)]
#[cache(key = "account:owner:{owner}", fetch = Bank::find_by_owner)]
struct Account {
    number: u32,
    owner: String,
    balance: i64,
}

/// A stand-in for the database.
#[derive(Default)]
struct Bank(Mutex<HashMap<u32, Account>>);

type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let cow = CacheCow::memory();
    let bank = Bank::default();
    bank.save(Account { number: 1, owner: "Ada".to_owned(), balance: 100 }).await?;
    let ada = cow.with(&bank).get(Account::by_number(1)).await?.ok_or("no account 1")?;

    // `write` is the usual way. It names the object before and after the change, since the write
    // changes a field that is part of a key. An object names all of its keys. While the work runs,
    // nobody can fill the cache. If the process dies meanwhile, nobody can until the hold expires.
    let married = Account { owner: "Ada Lovelace".to_owned(), ..(*ada).clone() };
    cow.write((&*ada, &married), bank.save(married.clone())).await?;
    let by_old_name = cow.with(&bank).get(Account::by_owner("Ada")).await?;
    let by_new_name = cow.with(&bank).get(Account::by_owner("Ada Lovelace")).await?;
    println!("after write:       {} and {}", found(by_old_name), found(by_new_name));

    // `write` returns the work's own error unchanged. The keys are still invalidated, since a
    // failed statement may have had an effect.
    let overdrawn = Account { balance: -1, ..married.clone() };
    let refused = cow.write(&overdrawn, bank.save(overdrawn.clone())).await;
    println!("a failed write:    {}", refused.expect_err("the bank refuses"));

    // `invalidate` is for a change that is already committed: made by another program, or reported
    // by a message queue. Do not call it before the commit: a
    // reader could cache the old row again.
    bank.save(Account { balance: 50, ..married.clone() }).await?;
    cow.invalidate_object(&married).await?;
    let fresh = cow.with(&bank).get(Account::by_number(1)).await?;
    println!("after invalidate:  {}", found(fresh));

    // Without the cache, reads still work, and an invalidation that did not happen is an error. It
    // is retried in the background. Until it succeeds, reads in this process bypass the cache.
    let unreachable = CacheCow::open("redis://127.0.0.1:1").await?;
    let read = unreachable.with(&bank).get(Account::by_number(1)).await?;
    println!("read, no Redis:    {}", found(read));
    let error = unreachable.invalidate(Account::by_number(1)).await.expect_err("nothing listens");
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    println!("invalidate:        {error}");

    // `write` without a cache: the work runs, and its result is returned. `outcome` also says that the invalidation
    // failed.
    let emptied = Account { balance: 0, ..married };
    let written = unreachable.write(&emptied, bank.save(emptied.clone())).outcome().await;
    written.result?;
    println!("write, no Redis:   {}", written.invalidated.expect_err("nothing listens"));

    // To not begin such a write at all, require the hold.
    let more = Account { balance: 1000, ..emptied.clone() };
    let write = unreachable.write(&more, bank.save(more.clone())).require_hold();
    println!("write, required:   {}", write.await.expect_err("no hold without Redis"));
    let untouched = unreachable.with(&bank).get(Account::by_number(1)).await?;
    println!("the account:       {}", found(untouched));
    Ok(())
}

impl Bank {
    async fn find(&self, number: u32) -> Result<Option<Account>, std::io::Error> {
        Ok(self.0.lock().await.get(&number).cloned())
    }

    async fn find_by_owner(&self, owner: &str) -> Result<Option<Account>, std::io::Error> {
        Ok(self.0.lock().await.values().find(|account| account.owner == owner).cloned())
    }

    async fn save(&self, account: Account) -> Result<(), Error> {
        if account.balance < 0 {
            return Err("an account cannot be overdrawn".into());
        }
        self.0.lock().await.insert(account.number, account);
        Ok(())
    }
}

fn found(account: Option<Arc<Account>>) -> String {
    account.map_or_else(
        || "nobody".to_owned(),
        |account| format!("{} with {}", account.owner, account.balance),
    )
}
