//! Keys that a writer puts into PostgreSQL's log, in its own transaction.

use crate::log::emitted;
use crate::model::keys::{CacheKeys, KeySet};

/// The prefix of the messages in PostgreSQL's log that contain keys for a [`PostgresLog`](super::PostgresLog).
///
/// [`message`] has an example.
pub const MESSAGE_PREFIX: &str = "cachecow:keys";

/// Invalidates these keys with the transaction. It writes them into PostgreSQL's own log
/// (`pg_logical_emit_message`). A follower with [`PostgresLog`](super::PostgresLog) invalidates them soon after the
/// transaction's commit, and never if it is rolled back.
///
/// It needs no table, no trigger, no publication with tables, and no special rights. It is for sqlx (feature
/// `postgres`); with another driver, execute the statement yourself, see [`message`].
///
/// In addition to `cow.write`, it makes the protection durable: whatever happens to this process, to its holds or
/// to the cache, the keys are invalidated after the commit.
///
/// ```no_run
/// # #[cfg(feature = "derive")]
/// # async fn rename(pool: sqlx::PgPool) -> Result<(), Box<dyn std::error::Error>> {
/// # use cachecow::Cached;
/// # #[derive(Cached)]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// let mut tx = pool.begin().await?;
/// sqlx::query("update users set name = 'Ann' where id = 42").execute(&mut *tx).await?;
/// cachecow::log::emit_message(&mut tx, User::by_id(42)).await?;
/// tx.commit().await?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Store`](crate::ErrorKind::Store), if the statement fails. Roll the transaction back.
///
/// # Consistency
///
/// The keys are invalidated after the transaction is visible to everyone. On a connection without a transaction
/// they are invalidated at once, which protects no change. Every follower of the database's log gets them, each for
/// the scope of its handle. A message takes about sixty bytes of the log, plus the keys.
///
/// # Round trips
///
/// One to the database, none to the cache.
#[cfg(all(feature = "postgres", feature = "sqlx-0_8"))]
pub async fn emit_message(
    tx: &mut sqlx::PgConnection,
    keys: impl CacheKeys,
) -> Result<(), crate::error::Error> {
    let sql = "select pg_logical_emit_message(true, $1::text, $2::text)";
    let emitted = sqlx::query(sql).bind(MESSAGE_PREFIX).bind(message(keys)).execute(tx).await;
    emitted.map(|_| ()).map_err(|error| crate::error::Error::store("emit_message", error))
}

/// Returns the text of a message with these keys, for a driver other than sqlx:
///
/// ```sql
/// select pg_logical_emit_message(true, 'cachecow:keys', $1::text)
/// ```
///
/// inside the transaction that changes the rows. The first text is [`MESSAGE_PREFIX`], and `$1` is this text. It
/// names keys by their hashes, and contains no values.
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
/// use cachecow::log::{MESSAGE_PREFIX, message};
///
/// let statement = "select pg_logical_emit_message(true, $1::text, $2::text)";
/// let parameters = [MESSAGE_PREFIX.to_owned(), message(User::by_id(42))];
/// // transaction.execute(statement, &parameters)?;
/// assert!(parameters[1].contains("user:"));
/// # let _ = statement;
/// # }
/// ```
pub fn message(keys: impl CacheKeys) -> String {
    let mut set = KeySet::default();
    keys.add_to(&mut set);
    emitted::of_keys(&set)
}
