//! The new version of a program in a rolling deploy: an account has a currency, a badge is found by
//! its name as well. `deploy::serve` says what it is told.

use cachecow::Cached;
use cachecow_tests::deploy::{Database, Versioned, serve};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "account:{id}", fetch = Account::find)]
struct Account {
    id: u64,
    version: u64,
    currency: String,
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "badge:{id}", fetch = Badge::find)]
#[cache(key = "badge:name:{name}", fetch = Badge::find_by_name)]
struct Badge {
    id: u64,
    name: String,
    version: u64,
}

impl Account {
    async fn find(database: &Database, id: u64) -> Result<Self, redis::RedisError> {
        Ok(Self { id, version: database.version(id).await?, currency: "EUR".to_owned() })
    }
}

impl Badge {
    async fn find(database: &Database, id: u64) -> Result<Self, redis::RedisError> {
        Ok(Self { id, name: name(id), version: database.version(id).await? })
    }

    async fn find_by_name(
        database: &Database,
        name: &str,
    ) -> Result<Option<Self>, redis::RedisError> {
        match name.strip_prefix("badge ").and_then(|id| id.parse().ok()) {
            Some(id) => Self::find(database, id).await.map(Some),
            None => Ok(None),
        }
    }
}

fn name(id: u64) -> String {
    format!("badge {id}")
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
    let keys = |id| (Account::by_id(id), Badge { id, name: name(id), version: 0 });
    serve(Account::by_id, Badge::by_id, |id| Badge::by_name(name(id)), keys).await;
}
