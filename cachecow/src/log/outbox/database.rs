//! The outbox's statements, executed.

use sqlx::Row as _;

use super::kind::Kind;
use super::payload::Entry;
use crate::store::sql::pool::{SqlPool, with};

/// How many rows are read at a time.
pub(super) const PAGE: usize = 1_000;

/// The table, in its database.
#[derive(Clone, Debug)]
pub(super) struct Database {
    pub(super) pool: SqlPool,
    pub(super) table: String,
}

impl Database {
    pub(super) fn kind(&self) -> Kind {
        Kind::of(&self.pool)
    }

    /// The texts in the first column.
    pub(super) async fn texts(&self, sql: &str) -> sqlx::Result<Vec<String>> {
        with!(&self.pool, pool => {
            let rows = sqlx::query(sql).fetch_all(pool).await?;
            rows.iter().map(|row| row.try_get_unchecked(0)).collect()
        })
    }

    /// The first rows of these sources.
    pub(super) async fn page(&self, sources: &str) -> sqlx::Result<Vec<Entry>> {
        let sql = format!(
            "select id, source, old_row, new_row from {} where source in ({sources}) order by id limit {PAGE}",
            self.kind().outbox(&self.table)
        );
        with!(&self.pool, pool => {
            let rows = sqlx::query(&sql).fetch_all(pool).await?;
            rows.iter()
                .map(|row| {
                    let (id, source) = (row.try_get(0)?, row.try_get_unchecked(1)?);
                    Ok(Entry { id, source, old: row.try_get_unchecked(2)?, new: row.try_get_unchecked(3)? })
                })
                .collect()
        })
    }

    /// The first and the last of the ids.
    pub(super) async fn ends(&self, sources: &str) -> sqlx::Result<Option<(i64, i64)>> {
        let sql = format!(
            "select min(id), max(id) from {} where source in ({sources})",
            self.kind().outbox(&self.table)
        );
        with!(&self.pool, pool => {
            let row = sqlx::query(&sql).fetch_one(pool).await?;
            let ends: (Option<i64>, Option<i64>) = (row.try_get(0)?, row.try_get(1)?);
            Ok(ends.0.zip(ends.1))
        })
    }

    pub(super) async fn delete(&self, ids: &[i64]) -> sqlx::Result<()> {
        let sql = self.kind().delete(&self.table, ids);
        self.pool.execute(&sql, &[]).await.map(|_| ())
    }

    /// Adds a row that means nothing; its id.
    pub(super) async fn mark(&self) -> sqlx::Result<i64> {
        let sql = self.kind().mark(&self.table);
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => sqlx::query_scalar(&sql).fetch_one(pool).await,
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => {
                let done = sqlx::query(&sql).execute(pool).await?;
                Ok(i64::try_from(done.last_insert_id()).unwrap_or(i64::MAX))
            }
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => sqlx::query_scalar(&sql).fetch_one(pool).await,
        }
    }

    /// An id that was taken before: all rows that are committed and have smaller ones are in the table, or deleted.
    pub(super) async fn last_id(&self) -> sqlx::Result<i64> {
        let sql = self.kind().last_id(&self.table);
        match &self.pool {
            #[cfg(feature = "postgres")]
            SqlPool::Postgres(pool) => sqlx::query_scalar(&sql).fetch_one(pool).await,
            // What it has for its sequence may be ahead. A row that is rolled back takes an id for good.
            #[cfg(feature = "mysql")]
            SqlPool::MySql(pool) => {
                let mut transaction = pool.begin().await?;
                let done = sqlx::query(&sql).execute(&mut *transaction).await?;
                transaction.rollback().await?;
                Ok(i64::try_from(done.last_insert_id()).unwrap_or(i64::MAX))
            }
            #[cfg(feature = "sqlite")]
            SqlPool::Sqlite(pool) => sqlx::query_scalar(&sql).fetch_one(pool).await,
        }
    }
}
