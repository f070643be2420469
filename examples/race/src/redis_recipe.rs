//! Cache-aside by hand, on Redis.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, RedisResult, Script};

use crate::contender::{Contender, TTL};
use crate::database::{Database, Row};

/// After this time a lock expires, even if someone holds it.
const LOCK_TTL: Duration = Duration::from_secs(5);
/// How often a caller that did not get the lock polls.
const POLL: Duration = Duration::from_millis(5);
/// Deletes the lock if it is still the caller's.
const UNLOCK: &str =
    "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0";

/// Which recipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recipe {
    /// Read the cache; on a miss, fetch and store with a time to live. After a write, delete. As in AWS's [lazy
    /// loading](https://docs.aws.amazon.com/AmazonElastiCache/latest/dg/Strategies.html) and Azure's [cache-aside
    /// pattern](https://learn.microsoft.com/en-us/azure/architecture/patterns/cache-aside).
    Plain,
    /// With a lock around fetch and store, against stampedes. After a write, delete the value. As in redis.io's
    /// [guide for Rust](https://redis.io/docs/latest/develop/use-cases/cache-aside/rust/).
    Locked,
}

/// The recipe on a Redis server, with `GET`, `SET` and `DEL`.
#[derive(Clone, Debug)]
pub struct RedisRecipe {
    recipe: Recipe,
    redis: MultiplexedConnection,
    database: Arc<Database>,
}

impl RedisRecipe {
    /// Connects to the server.
    ///
    /// # Errors
    ///
    /// The address is not valid, or Redis does not answer.
    pub async fn open(url: &str, recipe: Recipe, database: Arc<Database>) -> RedisResult<Self> {
        // A timer for each request would cost more than the request, and is not part of the recipe.
        let config = AsyncConnectionConfig::new().set_response_timeout(None);
        let client = redis::Client::open(url)?;
        let redis = client.get_multiplexed_async_connection_with_config(&config).await?;
        Ok(Self { recipe, redis, database })
    }

    fn key(&self, id: u64) -> String {
        format!("race:{:?}:{id}", self.recipe)
    }

    async fn cached(&self, id: u64) -> Option<Row> {
        let mut get = redis::cmd("GET");
        get.arg(self.key(id));
        let value: Option<Vec<u8>> =
            get.query_async(&mut self.redis.clone()).await.expect("Redis answers");
        value.map(|value| decoded(&value))
    }

    async fn fetch_and_store(&self, id: u64) -> Row {
        let row = self.database.fetch(id).await;
        let value = rmp_serde::to_vec_named(&row).expect("a row can be encoded");
        let mut set = redis::cmd("SET");
        set.arg(self.key(id)).arg(value).arg("EX").arg(TTL.as_secs());
        set.exec_async(&mut self.redis.clone()).await.expect("Redis answers");
        row
    }

    /// Takes the lock, or returns what its holder has stored meanwhile.
    async fn lock(&self, id: u64) -> Result<Lock, Row> {
        let lock = Lock { key: format!("{}:lock", self.key(id)), token: fastrand::u64(..) };
        while !lock.acquire(&self.redis).await {
            tokio::time::sleep(POLL).await;
            if let Some(row) = self.cached(id).await {
                return Err(row);
            }
        }
        Ok(lock)
    }
}

impl Contender for RedisRecipe {
    fn name(&self) -> &'static str {
        match self.recipe {
            Recipe::Plain => "cache-aside by hand (GET, SET, DEL)",
            Recipe::Locked => "redis.io's recipe (with a lock)",
        }
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        if let Some(row) = self.cached(id).await {
            return row.version;
        }
        if self.recipe == Recipe::Plain {
            return self.fetch_and_store(id).await.version;
        }
        match self.lock(id).await {
            Err(row) => row.version,
            Ok(lock) => {
                let row = self.fetch_and_store(id).await;
                lock.release(&self.redis).await;
                row.version
            }
        }
    }

    async fn read_many(&self, ids: &[u64]) -> Vec<u64> {
        let mut get = redis::cmd("MGET");
        for &id in ids {
            get.arg(self.key(id));
        }
        let values: Vec<Option<Vec<u8>>> =
            get.query_async(&mut self.redis.clone()).await.expect("Redis answers");
        let mut versions = Vec::with_capacity(ids.len());
        for (&id, value) in ids.iter().zip(values) {
            versions.push(match value {
                Some(value) => decoded(&value).version,
                None => self.read(id).await,
            });
        }
        versions
    }

    async fn invalidate(&self, id: u64) {
        let mut delete = redis::cmd("DEL");
        delete.arg(self.key(id));
        delete.exec_async(&mut self.redis.clone()).await.expect("Redis answers");
    }
}

/// A lock with its holder's token.
struct Lock {
    key: String,
    token: u64,
}

impl Lock {
    async fn acquire(&self, redis: &MultiplexedConnection) -> bool {
        let mut set = redis::cmd("SET");
        set.arg(&self.key).arg(self.token).arg("NX").arg("PX").arg(LOCK_TTL.as_secs() * 1_000);
        let set: Option<String> = set.query_async(&mut redis.clone()).await.expect("Redis answers");
        set.is_some()
    }

    async fn release(&self, redis: &MultiplexedConnection) {
        let script = Script::new(UNLOCK);
        let mut unlock = script.key(&self.key);
        unlock.arg(self.token);
        let _: u64 = unlock.invoke_async(&mut redis.clone()).await.expect("Redis answers");
    }
}

fn decoded(value: &[u8]) -> Row {
    rmp_serde::from_slice(value).expect("a row that was stored here")
}
