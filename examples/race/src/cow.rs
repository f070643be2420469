//! cachecow.

use std::sync::Arc;
use std::time::Duration;

use cachecow::{Builder, CacheCow, Error};

use crate::contender::Contender;
use crate::database::{Database, Row};

/// Separates the rows from other data in the same Redis.
const NAMESPACE: &str = "cachecow-race";
/// The capacity of the near tier in bytes.
const NEAR: u64 = 64 << 20;

/// Through cachecow. Over Redis, the writers have a client of their own, as in another process.
#[derive(Clone, Debug)]
pub struct ThroughCow {
    name: &'static str,
    readers: CacheCow,
    writers: CacheCow,
    database: Arc<Database>,
}

impl ThroughCow {
    /// The embedded cache. Each hit decodes the object.
    ///
    /// # Errors
    ///
    /// None: the settings are valid.
    pub fn in_memory(database: Arc<Database>) -> Result<Self, Error> {
        Self::embedded("cachecow, embedded", CacheCow::builder(), database)
    }

    /// The embedded cache, with a near tier in front of it, which has the decoded objects.
    ///
    /// # Errors
    ///
    /// None: the settings are valid.
    pub fn near(database: Arc<Database>) -> Result<Self, Error> {
        Self::embedded("cachecow, embedded, near tier", CacheCow::builder().near(NEAR), database)
    }

    fn embedded(
        name: &'static str,
        builder: Builder,
        database: Arc<Database>,
    ) -> Result<Self, Error> {
        let cow = builder.namespace(NAMESPACE).memory()?;
        Ok(Self { name, readers: cow.clone(), writers: cow, database })
    }

    /// Redis, without the near tier.
    ///
    /// # Errors
    ///
    /// The address is not valid, or Redis does not answer.
    pub async fn over_redis(url: &str, database: Arc<Database>) -> Result<Self, Error> {
        let (readers, writers) = (patient().open(url).await?, patient().open(url).await?);
        readers.ping().await?;
        Ok(Self { name: "cachecow over Redis", readers, writers, database })
    }

    /// Redis, with a near tier. Readers and writers share it, as within one process.
    ///
    /// # Errors
    ///
    /// The address is not valid, or Redis does not answer.
    pub async fn near_over_redis(url: &str, database: Arc<Database>) -> Result<Self, Error> {
        let cow = patient().near(NEAR).open(url).await?;
        cow.ping().await?;
        Ok(Self {
            name: "cachecow over Redis, near tier",
            readers: cow.clone(),
            writers: cow,
            database,
        })
    }
}

/// A busy machine is no outage.
fn patient() -> Builder {
    let patience = Duration::from_secs(20);
    let builder = CacheCow::builder().namespace(NAMESPACE);
    builder.operation_timeout(patience).connect_timeout(patience)
}

impl Contender for ThroughCow {
    fn name(&self) -> &'static str {
        self.name
    }

    fn database(&self) -> &Database {
        &self.database
    }

    async fn read(&self, id: u64) -> u64 {
        let row = self.readers.with(&*self.database).get(Row::by_id(id)).await;
        row.expect("no fetch fails").expect("there is every row").version
    }

    async fn read_many(&self, ids: &[u64]) -> Vec<u64> {
        let lookups = ids.iter().copied().map(Row::by_id);
        let rows = self.readers.with(&*self.database).get_many(lookups).await;
        let rows = rows.expect("no fetch fails").into_iter();
        rows.map(|row| row.expect("there is every row").version).collect()
    }

    async fn invalidate(&self, id: u64) {
        self.writers.invalidate(Row::by_id(id)).await.expect("the cache answers");
    }
}
