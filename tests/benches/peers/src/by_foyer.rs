//! The crate `foyer`, in memory.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use foyer_memory::{Cache, CacheBuilder};
use race::{Contender, Database, Row};

/// `get_or_fetch` loads a missing value once for all of its callers, `remove` removes it.
#[derive(Clone, Debug)]
pub struct Foyer {
    cache: Cache<u64, Arc<Row>>,
    database: Arc<Database>,
}

impl Foyer {
    /// In front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { cache: CacheBuilder::new(100_000).build(), database }
    }
}

impl Contender for Foyer {
    fn name(&self) -> &'static str {
        "foyer (get_or_fetch, remove)"
    }

    fn ttl(&self) -> Option<Duration> {
        None
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        let database = Arc::clone(&self.database);
        let load = || async move { Ok::<_, Infallible>(Arc::new(database.fetch(id).await)) };
        self.cache.get_or_fetch(&id, load).await.expect("no fetch fails").value().version
    }

    async fn invalidate(&self, id: u64) {
        self.cache.remove(&id);
    }
}
