//! What every handler needs.

use std::future::Future;
use std::panic::resume_unwind;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use cachecow::log::{Follower, PostgresLog};
use cachecow::{CacheCow, View};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::errors::AppError;
use crate::metrics::Metrics;
use crate::posts::{Post, latest_posts};
use crate::users::User;

/// The most connections to the database.
const CONNECTIONS: u32 = 20;

/// The types whose tables are followed: the service sees changes made by others.
pub type Followed = (User, Post, latest_posts);

/// The database, and the cache in front of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The database.
    pub db: PgPool,
    /// The cache.
    pub cow: CacheCow,
    /// The cache's metrics, for Prometheus.
    pub metrics: Arc<Metrics>,
}

impl App {
    /// Connects to the database, creates missing tables, and opens the cache.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or the cache's URL is malformed. A cache that cannot be reached is not an
    /// error.
    pub async fn open(
        database_url: &str,
        redis_url: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        // A write must end before its hold does (60 s), and no request should wait that long.
        let limits = [("statement_timeout", "20s"), ("idle_in_transaction_session_timeout", "20s")];
        let database = PgConnectOptions::from_str(database_url)?.options(limits);
        let options = PgPoolOptions::new()
            .max_connections(CONNECTIONS)
            // A request that gets no connection within this time is answered with 503.
            .acquire_timeout(Duration::from_secs(3));
        let db = options.connect_with(database).await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&db).await?;
        // While Redis is away, reads wait for each other in the process, and not for a connection.
        let cow = CacheCow::builder().outage_fetch_concurrency(CONNECTIONS as usize);
        Ok(Self::new(db, cow.open(redis_url).await?))
    }

    /// Puts this cache in front of the database.
    pub fn new(db: PgPool, cow: CacheCow) -> Self {
        let metrics = Arc::new(Metrics::of(&cow));
        Self { db, cow, metrics }
    }

    /// Compares one in this number of hits with the database, in the background, to find writes that forget their
    /// invalidation.
    pub fn audit(&self, one_in: u32) {
        let auditor = self.cow.auditor().context(Arc::new(self.db.clone())).one_in(one_in);
        tokio::spawn(auditor.run());
    }

    /// Follows PostgreSQL's own log until the cache is closed, so that the service sees all changes in the
    /// database. `service setup-sql` prints what the database needs.
    ///
    /// # Errors
    ///
    /// Says what is missing in the database, with the SQL that fixes it.
    pub async fn follow(
        &self,
        database_url: &str,
        redis_url: &str,
    ) -> Result<Follower, cachecow::Error> {
        let log = PostgresLog::connect(database_url);
        // With Redis, one process reads the slot for all. With a cache in memory, each process must read the log
        // itself.
        let log = if redis_url.starts_with("memory:") { log } else { log.slot("cachecow") };
        self.cow.follow(log).types::<Followed>().start().await
    }

    /// Reads through the cache.
    pub fn cached(&self) -> View<'_, PgPool> {
        self.cow.with(&self.db)
    }

    /// The same reads without the cache, to compare with.
    pub fn uncached(&self) -> View<'_, PgPool> {
        self.cached().uncached()
    }
}

/// Runs a write to its end, even if its client disconnects.
///
/// axum drops a handler when its client is gone. A write that is dropped half-way keeps its keys out of the cache
/// until its hold expires, since the database may still commit. A separate task is not dropped. At the end of the
/// program, [`CacheCow::close`] waits for it.
///
/// # Errors
///
/// The write's own.
///
/// # Panics
///
/// If the write panics.
pub async fn carry_out<R: Send + 'static>(
    write: impl Future<Output = Result<R, AppError>> + Send + 'static,
) -> Result<R, AppError> {
    match tokio::spawn(write).await {
        Ok(result) => result,
        Err(panicked) => resume_unwind(panicked.into_panic()),
    }
}
