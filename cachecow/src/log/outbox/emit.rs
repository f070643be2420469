//! Keys that a writer names inside its own transaction.

use std::future::Future;

use super::TABLE;
use super::kind::Kind;
use crate::error::Error;
use crate::log::emitted;
use crate::model::keys::{CacheKeys, KeySet};
use crate::store::sql::dialect::check_table;

/// A connection or a transaction of sqlx 0.8 (feature `sqlx-0_8`), to a database that an [`Outbox`](super::Outbox) may be in.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// # use cachecow::Cached;
/// # #[derive(Cached)]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// use cachecow::log::{OutboxTransaction, emit};
///
/// /// For the transactions of any of the databases.
/// async fn changed(tx: &mut impl OutboxTransaction, ids: &[i64]) -> Result<(), cachecow::Error> {
///     emit(tx, ids.iter().copied().map(User::by_id).collect::<Vec<_>>()).await
/// }
/// # }
/// ```
pub trait OutboxTransaction: sealed::Insert {}

impl<T: sealed::Insert> OutboxTransaction for T {}

mod sealed {
    use super::{Future, Kind};

    pub trait Insert {
        #[doc(hidden)]
        fn insert(
            &mut self,
            outbox: &str,
            keys: &str,
        ) -> impl Future<Output = sqlx::Result<()>> + Send;
    }

    macro_rules! databases {
        ($($feature:literal $connection:ty, $database:ty, $kind:ident;)*) => {$(
            #[cfg(feature = $feature)]
            impl Insert for $connection {
                async fn insert(&mut self, outbox: &str, keys: &str) -> sqlx::Result<()> {
                    let sql = Kind::$kind.emit(outbox);
                    sqlx::query(&sql).bind(keys).execute(self).await.map(|_| ())
                }
            }

            #[cfg(feature = $feature)]
            impl Insert for sqlx::Transaction<'_, $database> {
                async fn insert(&mut self, outbox: &str, keys: &str) -> sqlx::Result<()> {
                    (**self).insert(outbox, keys).await
                }
            }
        )*};
    }

    databases! {
        "postgres" sqlx::PgConnection, sqlx::Postgres, Postgres;
        "mysql" sqlx::MySqlConnection, sqlx::MySql, MySql;
        "sqlite" sqlx::SqliteConnection, sqlx::Sqlite, Sqlite;
    }
}

/// Invalidates these keys with the transaction. It writes them into the table of the [`Outbox`](super::Outbox). A
/// follower invalidates them soon after the transaction's commit, and never if it is rolled back.
///
/// It needs no trigger. In addition to `cow.write`, it makes the protection durable: whatever happens to this
/// process, to its holds or to the cache, the keys are invalidated after the commit.
///
/// ```
/// # #[cfg(all(feature = "derive", feature = "sqlite"))]
/// # async fn rename(pool: sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
/// # use cachecow::Cached;
/// # #[derive(Cached)]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// let mut tx = pool.begin().await?;
/// sqlx::query("update users set name = 'Ann' where id = 42").execute(&mut *tx).await?;
/// cachecow::log::emit(&mut tx, User::by_id(42)).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Store`](crate::ErrorKind::Store), if the row cannot be inserted. Roll the transaction back.
///
/// # Consistency
///
/// If the follower's handle has a scope, the keys are invalidated in that scope.
///
/// # Round trips
///
/// One to the database, none to the cache.
pub async fn emit(tx: &mut impl OutboxTransaction, keys: impl CacheKeys) -> Result<(), Error> {
    emit_to(TABLE, tx, keys).await
}

/// The same for an outbox with another [table](super::Outbox::table).
///
/// ```
/// # #[cfg(all(feature = "derive", feature = "sqlite"))]
/// # async fn rename(pool: sqlx::SqlitePool) -> Result<(), Box<dyn std::error::Error>> {
/// # use cachecow::Cached;
/// # #[derive(Cached)]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// use cachecow::log::{Outbox, emit_to};
///
/// let outbox = Outbox::from_pool(pool.clone()).table("shop_outbox");
/// let mut tx = pool.begin().await?;
/// sqlx::query("update users set name = 'Ann' where id = 42").execute(&mut *tx).await?;
/// emit_to("shop_outbox", &mut tx, User::by_id(42)).await?;
/// tx.commit().await?;
/// # let _ = outbox;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// As [`emit`]; [`InvalidConfig`](crate::ErrorKind::InvalidConfig), for a name that cannot be a table's.
pub async fn emit_to(
    table: &str,
    tx: &mut impl OutboxTransaction,
    keys: impl CacheKeys,
) -> Result<(), Error> {
    check_table(table)?;
    let mut set = KeySet::default();
    keys.add_to(&mut set);
    let inserted = tx.insert(table, &emitted::of_keys(&set)).await;
    inserted.map_err(|error| Error::store("emit", error))
}
