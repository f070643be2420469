//! Cache-aside by hand, in a map.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::contender::{Contender, TTL};
use crate::database::{Database, Row};

/// Looks into a map; on a miss, fetches the row and puts it there. A writer removes it after the commit.
#[derive(Clone, Debug)]
pub struct MapRecipe {
    rows: Arc<Mutex<HashMap<u64, Kept>>>,
    database: Arc<Database>,
}

/// A row and its expiry.
#[derive(Debug)]
struct Kept {
    row: Arc<Row>,
    end: Instant,
}

impl MapRecipe {
    /// Makes one in front of this database.
    pub fn new(database: Arc<Database>) -> Self {
        Self { rows: Arc::default(), database }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Kept>> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached(&self, id: u64) -> Option<Arc<Row>> {
        self.lock()
            .get(&id)
            .filter(|kept| kept.end > Instant::now())
            .map(|kept| Arc::clone(&kept.row))
    }
}

impl Contender for MapRecipe {
    fn name(&self) -> &'static str {
        "cache-aside by hand, in a map"
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        if let Some(row) = self.cached(id) {
            return row.version;
        }
        let row = Arc::new(self.database.fetch(id).await);
        let kept = Kept { row: Arc::clone(&row), end: Instant::now() + TTL };
        self.lock().insert(id, kept);
        row.version
    }

    async fn invalidate(&self, id: u64) {
        self.lock().remove(&id);
    }
}
