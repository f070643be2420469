//! The crate `moka`.

use std::sync::Arc;

use moka::future::Cache;

use crate::contender::{Contender, TTL};
use crate::database::{Database, Row};

/// moka's cache for async programs: `get_with` loads a missing value once for all of its callers, `invalidate` removes it.
#[derive(Clone, Debug)]
pub struct MokaCache {
    cache: Cache<u64, Arc<Row>>,
    database: Arc<Database>,
}

impl MokaCache {
    /// Makes one in front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        let cache = Cache::builder().max_capacity(100_000).time_to_live(TTL).build();
        Self { cache, database }
    }
}

impl Contender for MokaCache {
    fn name(&self) -> &'static str {
        "moka (get_with, invalidate)"
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        let load = async { Arc::new(self.database.fetch(id).await) };
        self.cache.get_with(id, load).await.version
    }

    async fn invalidate(&self, id: u64) {
        self.cache.invalidate(&id).await;
    }
}
