//! A store in a table of a relational database.

pub(crate) mod dialect;
pub(crate) mod failure;
pub(crate) mod pool;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use self::dialect::{PAGE, Statements};
#[cfg(feature = "sqlx-0_8")]
pub use self::pool::SqlPool;
#[cfg(not(feature = "sqlx-0_8"))]
use self::pool::SqlPool;
use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::Error;

/// How often an operation is retried after a conflict with others.
const RETRIES: u32 = 20;

/// The default name of the table.
const TABLE: &str = "key_value";

/// A store in a table of PostgreSQL, MySQL, MariaDB or SQLite. Clones are one store.
///
/// ```
/// # #[cfg(feature = "sqlite")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, SqlStore};
///
/// let store = SqlStore::open("sqlite::memory:").await?;
/// store.create_table().await?;
/// store.put("k", "v").await?;
/// assert_eq!(store.get("k").await?, "v");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "sqlite"))]
/// # fn main() {}
/// ```
///
/// The table has the columns `key`, its primary key, and `value`, a blob; keys are compared by their bytes. Only
/// [`create_table`](Self::create_table) creates the table. There are no times to live.
///
/// # Errors
///
/// A value of more than [`with_max_value_len`](Self::with_max_value_len) is
/// [`TooLarge`](crate::ErrorKind::TooLarge). If there is no connection within five seconds (SQLite: thirty; an
/// existing pool: its own timeout), the error is [`Store`](crate::ErrorKind::Store). A lost connection is replaced.
///
/// # Consistency
///
/// Every change is made in one transaction. After a deadlock or a serialization failure it is
/// retried, at most twenty times. A lagging replica returns old values.
///
/// # Cancellation
///
/// Once there is a connection, a method waits for the database without a limit: use
/// `tokio::time::timeout` to set one.
///
/// # Runtime
///
/// Tokio, with its time and I/O drivers enabled.
#[derive(Clone)]
pub struct SqlStore {
    pool: SqlPool,
    statements: Arc<Statements>,
    key_space: KeySpace,
    max_value_len: u64,
}

impl SqlStore {
    /// Connects to the database: `postgres://user:password@host/database`, the same with `mysql` or
    /// `mariadb`, `sqlite:///path/of/a/file` or `sqlite::memory:`. The URL may have sqlx's parameters,
    /// as `?sslmode=require`, or `?mode=rwc` to create SQLite's file.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](crate::ErrorKind::InvalidUrl), also if the database's feature is not enabled;
    /// [`Store`](crate::ErrorKind::Store), after five seconds at most, if the database cannot be reached or refuses
    /// the connection.
    pub async fn open(url: &str) -> Result<Self, Error> {
        Ok(Self::on(SqlPool::open(url).await?))
    }

    /// Makes a store on an existing pool of sqlx 0.8 (feature `sqlx-0_8`): a `PgPool`, `MySqlPool` or `SqlitePool`.
    ///
    /// The pool of an SQLite database in memory must have exactly one connection, which is not closed when idle.
    #[cfg(feature = "sqlx-0_8")]
    pub fn from_pool(pool: impl Into<SqlPool>) -> Self {
        Self::on(pool.into())
    }

    fn on(pool: SqlPool) -> Self {
        let statements = Arc::new(Statements::new(pool.dialect(), TABLE));
        let max_value_len = statements.dialect.max_value_len;
        Self { pool, statements, key_space: KeySpace::Standard, max_value_len }
    }

    /// Returns this store with another table. Default: `key_value`. The name is case-sensitive.
    ///
    /// # Errors
    ///
    /// [`InvalidConfig`](crate::ErrorKind::InvalidConfig), if it has other characters than ASCII letters, digits
    /// and `_`.
    pub fn with_table(self, table: &str) -> Result<Self, Error> {
        dialect::check_table(table)?;
        let statements = Statements::new(self.pool.dialect(), table);
        Ok(Self { statements: Arc::new(statements), ..self })
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    ///
    /// The column has a limited length, so [`KeySpace::Text`] is treated as [`KeySpace::Extended`]. To use any text
    /// as a key, wrap the store in `UrlEncode`.
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// Returns this store with another limit for a value's length, in bytes. Default: 64 MiB; for MySQL and MariaDB
    /// 4 KiB less than 16 MiB, the smallest default of their `max_allowed_packet`. They close the connection if a
    /// packet is larger.
    ///
    /// A value is held in memory once or twice.
    #[must_use]
    pub fn with_max_value_len(self, max_value_len: u64) -> Self {
        Self { max_value_len, ..self }
    }

    /// Creates the table if it does not exist.
    pub async fn create_table(&self) -> Result<(), Error> {
        let create = || self.pool.execute(&self.statements.create, &[]);
        self.run("create_table", create).await?;
        Ok(())
    }

    /// Runs the work, and retries it after a conflict with others.
    async fn run<T, F>(&self, operation: &'static str, work: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = sqlx::Result<T>>,
    {
        for retry in 0..RETRIES {
            match work().await {
                Err(error) if failure::is_conflict(&error) => {
                    // A random pause, so that not all retry at the same moment.
                    let longest = 1 << retry.min(6);
                    tokio::time::sleep(Duration::from_millis(fastrand::u64(0..=longest))).await;
                }
                result => return result.map_err(|error| self.failure(operation, error)),
            }
        }
        work().await.map_err(|error| self.failure(operation, error))
    }

    fn failure(&self, operation: &'static str, error: sqlx::Error) -> Error {
        failure::operating(operation, &self.statements.table, error)
    }

    async fn value(&self, operation: &'static str, key: &str) -> Result<Bytes, Error> {
        self.key_space.check(operation, key)?;
        let value = self.run(operation, || self.pool.value(&self.statements.get, key)).await?;
        value.map(Bytes::from).ok_or_else(|| Error::not_found(operation))
    }

    async fn exists(&self, operation: &'static str, key: &str) -> Result<bool, Error> {
        self.key_space.check(operation, key)?;
        self.run(operation, || self.pool.contains(&self.statements.contains, key)).await
    }

    /// Copies or moves a key onto itself.
    async fn keep(&self, operation: &'static str, key: &str) -> Result<(), Error> {
        found(operation, self.exists(operation, key).await?)
    }

    /// Returns the next keys before `to`, and the start of the following page.
    async fn page(&self, from: String, to: &str) -> Result<(Vec<String>, Option<String>), Error> {
        let list = || self.pool.keys(&self.statements.list, &from, to);
        let keys = self.run("iter_keys", list).await?;
        let full = keys.len() == PAGE;
        let next = keys.last().filter(|_| full).map(|last| format!("{last}{AFTER}"));
        Ok((keys, next))
    }
}

/// Less than every character of a key: a key's successor is the key followed by this character.
const AFTER: char = '\x01';

/// Greater than every character of a key: all keys with a prefix come before the prefix with this character.
const BEYOND: char = '\x7f';

fn found(operation: &str, found: bool) -> Result<(), Error> {
    if found { Ok(()) } else { Err(Error::not_found(operation)) }
}

#[async_trait]
impl KeyValueStore for SqlStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_copy()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.value("get", key).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        Ok(Reader::from_bytes(self.value("open", key).await?))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.put_reader(key, Reader::from_bytes(value), ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        let value = value.within(self.max_value_len, "put").await?;
        self.run("put", || self.pool.put(&self.statements.put, key, &value)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.key_space.check("delete", key)?;
        let keys = [key];
        self.run("delete", || self.pool.execute(&self.statements.delete, &keys)).await?;
        Ok(())
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.exists("contains", key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        if !prefix.is_empty() && !self.key_space.contains(prefix) {
            // No key has this prefix.
            return stream::empty().boxed();
        }
        let to = format!("{prefix}{BEYOND}");
        let pages = stream::try_unfold(Some(prefix.to_owned()), move |from| {
            let to = to.clone();
            async move {
                let Some(from) = from else { return Ok(None) };
                self.page(from, &to).await.map(Some)
            }
        });
        let keys = pages.map_ok(|keys| stream::iter(keys).map(Ok)).try_flatten();
        // Others may write into the table.
        keys.try_filter(|key| std::future::ready(self.key_space.contains(key))).boxed()
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("copy", source)?;
        self.key_space.check("copy", destination)?;
        if source == destination {
            return self.keep("copy", source).await;
        }
        let keys = [destination, source];
        let copied = self.run("copy", || self.pool.execute(&self.statements.copy, &keys)).await?;
        found("copy", copied > 0)
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("rename", source)?;
        self.key_space.check("rename", destination)?;
        if source == destination {
            return self.keep("rename", source).await;
        }
        let rename = || self.pool.rename(&self.statements, source, destination);
        found("rename", self.run("rename", rename).await?)
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        Err(Error::unsupported("url_for", "a row of a table has no address"))
    }
}

impl fmt::Display for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.statements.dialect.name, self.statements.table)
    }
}

impl fmt::Debug for SqlStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqlStore")
            .field("database", &self.statements.dialect.name)
            .field("table", &self.statements.table)
            .field("key_space", &self.key_space)
            .field("max_value_len", &self.max_value_len)
            .finish_non_exhaustive()
    }
}
