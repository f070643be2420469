//! The crate `cached`: functions with its macros.

use std::sync::{Arc, OnceLock};

use cached::macros::{cached, concurrent_cached};
use cached::{AsyncRedisCache, Cached as _, ConcurrentCachedAsync as _};

use crate::contender::{Contender, TTL};
use crate::database::{Database, Row};

/// The macros' caches are statics, and so is the address of this one.
static URL: OnceLock<String> = OnceLock::new();

/// What the macro for Redis asks for: an error of the program's own.
#[derive(Debug)]
struct Failure(#[allow(dead_code, reason = "shown by `expect`")] String);

#[concurrent_cached(
    ty = "AsyncRedisCache<u64, Row>",
    create = { connect().await },
    key = "u64",
    convert = { id },
    map_error = |error| Failure(format!("{error:?}"))
)]
async fn row_over_redis(id: u64, database: Arc<Database>) -> Result<Row, Failure> {
    Ok(database.fetch(id).await)
}

#[cached(ttl_secs = 600, key = "u64", convert = { id }, sync_writes = "by_key")]
async fn row_coalescing(id: u64, database: Arc<Database>) -> Arc<Row> {
    Arc::new(database.fetch(id).await)
}

#[concurrent_cached(ttl_secs = 600, key = "u64", convert = { id })]
async fn row_sharded(id: u64, database: Arc<Database>) -> Arc<Row> {
    Arc::new(database.fetch(id).await)
}

async fn connect() -> AsyncRedisCache<u64, Row> {
    let url = URL.get().expect("set when it is opened");
    let opening = AsyncRedisCache::builder("race").connection_string(url).ttl(TTL).build();
    opening.await.expect("the server runs")
}

/// `#[concurrent_cached]` with a Redis store.
#[derive(Clone, Debug)]
pub struct CachedOverRedis(Arc<Database>);

impl CachedOverRedis {
    /// At this address, for the whole program.
    pub fn new(url: &str, database: Arc<Database>) -> Self {
        URL.get_or_init(|| url.to_owned());
        Self(database)
    }
}

impl Contender for CachedOverRedis {
    fn name(&self) -> &'static str {
        "cached, `#[concurrent_cached]` over Redis"
    }

    fn database(&self) -> &Database {
        &self.0
    }

    async fn read(&self, id: u64) -> u64 {
        let row = row_over_redis(id, Arc::clone(&self.0)).await;
        row.expect("the server runs").version
    }

    async fn invalidate(&self, id: u64) {
        let cache = ROW_OVER_REDIS.get_or_init(connect).await;
        cache.async_cache_remove(&id).await.expect("the server runs");
    }
}

/// `#[cached]`, with concurrent calls for a key made once.
#[derive(Clone, Debug)]
pub struct CachedCoalescing(Arc<Database>);

impl CachedCoalescing {
    /// In front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self(database)
    }
}

impl Contender for CachedCoalescing {
    fn name(&self) -> &'static str {
        "cached, `#[cached(sync_writes = \"by_key\")]`"
    }

    fn database(&self) -> &Database {
        &self.0
    }

    async fn read(&self, id: u64) -> u64 {
        row_coalescing(id, Arc::clone(&self.0)).await.version
    }

    async fn invalidate(&self, id: u64) {
        drop(ROW_COALESCING.write().await.cache_remove(&id));
    }
}

/// `#[concurrent_cached]` in memory.
#[derive(Clone, Debug)]
pub struct CachedSharded(Arc<Database>);

impl CachedSharded {
    /// In front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self(database)
    }
}

impl Contender for CachedSharded {
    fn name(&self) -> &'static str {
        "cached, `#[concurrent_cached]`"
    }

    fn database(&self) -> &Database {
        &self.0
    }

    async fn read(&self, id: u64) -> u64 {
        row_sharded(id, Arc::clone(&self.0)).await.version
    }

    async fn invalidate(&self, id: u64) {
        // The first read makes it.
        if let Some(cache) = ROW_SHARDED.get() {
            cache.async_cache_remove(&id).await.expect("it cannot fail");
        }
    }
}
