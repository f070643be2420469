//! Executes the outbox's statements.

use std::io;
use std::time::Duration;

#[cfg(feature = "mysql")]
use sqlx::Connection as _;
use sqlx::Row as _;
use tokio::time::timeout;

use super::kind::Kind;
use super::payload::Entry;
use crate::error::{Error, ErrorKind};
use crate::store::sql::pool::{SqlPool, with};

/// How many rows are read at a time.
pub(super) const PAGE: usize = 1_000;

/// How long a statement may take. The statements are small. sqlx itself would wait for an answer forever.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Runs the same code with a connection of any pool, in bounded time.
macro_rules! bounded {
    ($pool:expr, $connection:ident => $work:expr) => {
        with!($pool, pool => bounded!(of pool, $connection => $work))
    };
    (of $pool:expr, $connection:ident => $work:expr) => {{
        let mut held = $pool.acquire().await?;
        let work = async {
            let $connection = &mut *held;
            $work
        };
        match timeout(PATIENCE, work).await {
            Ok(done) => done,
            Err(_) => {
                // The pool would wait for the answer before it takes the connection back.
                held.close_on_drop();
                Err(late())
            }
        }
    }};
}

pub(super) fn failed(error: sqlx::Error) -> Error {
    let message = match error {
        sqlx::Error::Database(_) => {
            "follow: the outbox cannot be read, or its rows not deleted; does the role have the rights?"
        }
        _ => "follow: the outbox's database cannot be reached",
    };
    Error::caused_by(ErrorKind::Unavailable, message, error)
}

pub(super) fn late() -> sqlx::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the database did not answer in time").into()
}

/// The outbox's table and its database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) pool: SqlPool,
    pub(super) table: String,
}

impl Database {
    pub(super) fn kind(&self) -> Kind {
        Kind::of(&self.pool)
    }

    /// Returns the texts in the first column.
    pub(super) async fn texts(&self, sql: &str) -> sqlx::Result<Vec<String>> {
        bounded!(&self.pool, connection => {
            let rows = sqlx::query(sql).fetch_all(connection).await?;
            rows.iter().map(|row| row.try_get_unchecked(0)).collect()
        })
    }

    /// The texts in the first two columns.
    pub(super) async fn pairs(&self, sql: &str) -> sqlx::Result<Vec<(String, String)>> {
        bounded!(&self.pool, connection => {
            let rows = sqlx::query(sql).fetch_all(connection).await?;
            rows.iter().map(|row| Ok((row.try_get_unchecked(0)?, row.try_get_unchecked(1)?))).collect()
        })
    }

    /// Returns the first rows of these sources.
    pub(super) async fn page(&self, sources: &str) -> sqlx::Result<Vec<Entry>> {
        let sql = format!(
            "select id, source, old_row, new_row from {} where source in ({sources}) order by id limit {PAGE}",
            self.kind().outbox(&self.table)
        );
        bounded!(&self.pool, connection => {
            let rows = sqlx::query(&sql).fetch_all(connection).await?;
            rows.iter()
                .map(|row| {
                    let (id, source) = (row.try_get(0)?, row.try_get_unchecked(1)?);
                    Ok(Entry { id, source, old: row.try_get_unchecked(2)?, new: row.try_get_unchecked(3)? })
                })
                .collect()
        })
    }

    /// Returns some sources of rows beside these.
    pub(super) async fn other_sources(&self, sources: &str) -> sqlx::Result<Vec<String>> {
        let outbox = self.kind().outbox(&self.table);
        let sql = format!(
            "select distinct source from {outbox} where source not in ({sources}) order by source limit 5"
        );
        self.texts(&sql).await
    }

    /// Fails if the table or a column that is read first is not there, or may not be read. What it selects has the same type
    /// whatever the columns have: a connection that was used before the table was made anew knows the old types.
    pub(super) async fn is_readable(&self) -> sqlx::Result<()> {
        let table = self.kind().outbox(&self.table);
        let sql = format!("select 1 from {table} where id is null and source is null");
        bounded!(&self.pool, connection => sqlx::query(&sql).execute(connection).await.map(|_| ()))
    }

    /// Returns the first and the last id.
    pub(super) async fn ends(&self, sources: &str) -> sqlx::Result<Option<(i64, i64)>> {
        let sql = format!(
            "select min(id), max(id) from {} where source in ({sources})",
            self.kind().outbox(&self.table)
        );
        bounded!(&self.pool, connection => {
            let row = sqlx::query(&sql).fetch_one(connection).await?;
            let ends: (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            Ok(ends.0.zip(ends.1))
        })
    }

    pub(super) async fn delete(&self, ids: &[i64]) -> sqlx::Result<()> {
        let sql = self.kind().delete(&self.table, ids);
        bounded!(&self.pool, connection => sqlx::query(&sql).execute(connection).await.map(|_| ()))
    }

    /// Inserts a row without a meaning, and returns its id.
    pub(super) async fn mark(&self) -> sqlx::Result<i64> {
        let sql = self.kind().mark(&self.table);
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => {
                bounded!(of pool, connection => sqlx::query_scalar(&sql).fetch_one(connection).await)
            }
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => bounded!(of pool, connection => {
                let done = sqlx::query(&sql).execute(connection).await?;
                Ok(i64::try_from(done.last_insert_id()).unwrap_or(i64::MAX))
            }),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => {
                bounded!(of pool, connection => sqlx::query_scalar(&sql).fetch_one(connection).await)
            }
        }
    }

    /// Returns the last id that was assigned so far. Every committed row with a smaller id is in the table, or
    /// is already deleted.
    pub(super) async fn last_id(&self) -> sqlx::Result<i64> {
        let sql = self.kind().last_id(&self.table);
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => {
                bounded!(of pool, connection => sqlx::query_scalar(&sql).fetch_one(connection).await)
            }
            // The sequence's own figure may be ahead. An insert that is rolled back also uses up an id.
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => bounded!(of pool, connection => {
                let mut transaction = connection.begin().await?;
                let done = sqlx::query(&sql).execute(&mut *transaction).await?;
                transaction.rollback().await?;
                Ok(i64::try_from(done.last_insert_id()).unwrap_or(i64::MAX))
            }),
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => {
                bounded!(of pool, connection => sqlx::query_scalar(&sql).fetch_one(connection).await)
            }
        }
    }
}
