//! The crate `hitbox`: a cached function, with its manager against stampedes, as it advises for production.

use std::convert::Infallible;
use std::error::Error;
use std::sync::Arc;

use hitbox::concurrency::BroadcastConcurrencyManager;
use hitbox::policy::{ConcurrencyLimit, PolicyConfig};
use hitbox::{CacheKey, KeyPart};
use hitbox_backend::format::BincodeFormat;
use hitbox_fn::{CacheableResponse, cached};
use hitbox_moka::MokaBackend;
use hitbox_redis::{ConnectionMode, RedisBackend};
use race::{Contender, Database, Row, TTL};
use serde::{Deserialize, Serialize};

/// A row as hitbox caches it.
#[derive(Clone, Debug, Serialize, Deserialize, CacheableResponse)]
struct Response {
    row: Row,
}

#[cached(prefix = "row", skip(database))]
async fn row(id: u64, database: Arc<Database>) -> Result<Response, Infallible> {
    Ok(Response { row: database.fetch(id).await })
}

type Manager = Arc<BroadcastConcurrencyManager<Result<Response, Infallible>>>;

/// hitbox on one of its backends.
pub struct Hitbox<B> {
    name: &'static str,
    cache: hitbox_fn::Cache<B, Manager>,
    database: Arc<Database>,
}

impl<B> Clone for Hitbox<B> {
    fn clone(&self) -> Self {
        let Self { name, cache, database } = self;
        Self { name, cache: cache.clone(), database: Arc::clone(database) }
    }
}

impl Hitbox<RedisBackend> {
    /// On Redis.
    ///
    /// # Errors
    ///
    /// The address is not valid.
    pub fn over_redis(url: &str, database: Arc<Database>) -> Result<Self, Box<dyn Error>> {
        let backend = RedisBackend::builder().connection(ConnectionMode::single(url)).build()?;
        Ok(Self::new("hitbox over Redis", backend, database))
    }
}

impl Hitbox<MokaBackend<BincodeFormat>> {
    /// On moka.
    pub fn in_memory(database: Arc<Database>) -> Self {
        let backend =
            MokaBackend::builder().max_entries(100_000).value_format(BincodeFormat).build();
        Self::new("hitbox on moka", backend, database)
    }
}

impl<B: hitbox::backend::CacheBackend> Hitbox<B> {
    fn new(name: &'static str, backend: B, database: Arc<Database>) -> Self {
        let one = ConcurrencyLimit::new(1).expect("within the bounds");
        let policy = PolicyConfig::builder().ttl(TTL).concurrency(one).build();
        let manager = Manager::new(BroadcastConcurrencyManager::new());
        let builder = hitbox_fn::Cache::builder().backend(backend).policy(policy);
        Self { name, cache: builder.concurrency_manager(manager).build(), database }
    }
}

impl<B> Contender for Hitbox<B>
where
    B: hitbox::backend::CacheBackend + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        self.name
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        let response = row(id, Arc::clone(&self.database)).cache(&self.cache).await;
        response.expect("no fetch fails").row.version
    }

    /// hitbox has no invalidation of a function's result: the key is put together as its macro does.
    async fn invalidate(&self, id: u64) {
        let parts = vec![KeyPart::new("fn", Some("row")), KeyPart::new("id", Some(id.to_string()))];
        let key = CacheKey::new("", 0, parts);
        self.cache.backend().remove(&key).await.expect("the backend answers");
    }
}
