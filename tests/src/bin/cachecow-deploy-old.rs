//! The old version of a program in a rolling deploy; `deploy::serve` says what it is told.

use cachecow::Cached;
use cachecow_tests::deploy::{Database, Versioned, serve};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "account:{id}", fetch = Account::find)]
struct Account {
    id: u64,
    version: u64,
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "badge:{id}", fetch = Badge::find)]
struct Badge {
    id: u64,
    name: String,
    version: u64,
}

impl Account {
    async fn find(database: &Database, id: u64) -> Result<Self, redis::RedisError> {
        Ok(Self { id, version: database.version(id).await? })
    }
}

impl Badge {
    async fn find(database: &Database, id: u64) -> Result<Self, redis::RedisError> {
        Ok(Self { id, name: format!("badge {id}"), version: database.version(id).await? })
    }
}

impl Versioned for Account {
    fn version(&self) -> u64 {
        self.version
    }
}

impl Versioned for Badge {
    fn version(&self) -> u64 {
        self.version
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let keys = |id| (Account::by_id(id), Badge { id, name: format!("badge {id}"), version: 0 });
    serve(Account::by_id, Badge::by_id, Badge::by_id, keys).await;
}
