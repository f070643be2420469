//! What every handler needs.

use std::future::Future;
use std::panic::resume_unwind;
use std::time::Duration;

use cachecow::{CacheCow, View};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

use crate::errors::AppError;

/// The database, and the cache in front of it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The database.
    pub db: PgPool,
    /// The cache.
    pub cow: CacheCow,
}

impl App {
    /// Connects to the database, makes the tables that are missing, and opens the cache.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached, or the cache's URL is malformed. A cache that cannot be reached is no
    /// error.
    pub async fn open(
        database_url: &str,
        redis_url: &str,
    ) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let options = PgPoolOptions::new()
            .max_connections(20)
            // A request that gets no connection for so long is answered with 503.
            .acquire_timeout(Duration::from_secs(3));
        let db = options.connect(database_url).await?;
        sqlx::raw_sql(include_str!("schema.sql")).execute(&db).await?;
        let cow = CacheCow::open(redis_url).await?;
        Ok(Self { db, cow })
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

/// Carries a write to its end, also if its client disconnects.
///
/// axum drops a handler whose client is gone, and a write that is dropped half-way keeps its keys out of the cache
/// until its hold expires, since the database may still commit. A task of its own is not dropped. At the end of the
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
