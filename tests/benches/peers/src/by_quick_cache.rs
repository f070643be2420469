//! The crate `quick_cache`.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use quick_cache::sync::Cache;
use race::{Contender, Database, Row};

/// `get_or_insert_async` loads a missing value once for all of its callers, `remove` removes it.
#[derive(Clone, Debug)]
pub struct QuickCache {
    cache: Arc<Cache<u64, Arc<Row>>>,
    database: Arc<Database>,
}

impl QuickCache {
    /// In front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { cache: Arc::new(Cache::new(100_000)), database }
    }
}

impl Contender for QuickCache {
    fn name(&self) -> &'static str {
        "quick_cache (get_or_insert_async, remove)"
    }

    fn ttl(&self) -> Option<Duration> {
        None
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        let load = async { Ok::<_, Infallible>(Arc::new(self.database.fetch(id).await)) };
        self.cache.get_or_insert_async(&id, load).await.expect("no fetch fails").version
    }

    async fn invalidate(&self, id: u64) {
        self.cache.remove(&id);
    }
}
