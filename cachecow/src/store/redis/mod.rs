//! A store in Redis and compatible servers.

mod ask;
mod scan;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use ::redis::{Value, cmd};
use async_trait::async_trait;
use bytes::Bytes;

use self::ask::{Line, malformed, refused};
use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::backend::redis::{Connection, url};
use crate::clock::LONGEST;
use crate::error::Error;

/// The longest value that a server accepts by default.
const LONGEST_VALUE: u64 = 512 * 1024 * 1024;

/// A store on a Redis or Valkey server, version 6.2 or later, over one multiplexed connection.
/// Clones are one store, on the same connection.
///
/// A value is a Redis string, named by the prefix (`kv:` by default) and its key, with Redis's own expiry. A
/// listing scans the whole database in pages; the server serves other clients in between. It takes time in
/// proportion to the size of the database, and 16 bytes of memory for each listed key, so that it lists each key
/// once.
///
/// The connection is opened on first use, within five seconds, and again after it broke. A URL is
/// `redis://[user[:password]@]host[:port][/db]`, `rediss://…` for TLS (feature `tls`),
/// `redis+unix:///path[?db=0&user=…&pass=…]`, or
/// `redis+sentinel://[user[:password]@]host[:port][,host[:port]…]/name[/db]`.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, RedisStore};
///
/// let store = RedisStore::open("redis://localhost:6379")?.with_prefix("app:");
/// store.put("motd", "be kind").await?; // SET app:motd
/// assert_eq!(store.keys("").await?, ["motd"]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// [`Store`](crate::ErrorKind::Store) if the server cannot be reached, does not answer in time or refuses; its
/// error is the source. If another type than a string is stored under a name of this store, it is listed,
/// `contains` returns `true`, and it can be replaced and deleted, but reading it returns such an error.
///
/// # Consistency
///
/// If a change was not answered, because it took too long or the connection broke, it may have
/// taken effect or not, or may still do so. If Redis acknowledges a change and then loses it, at a
/// failover or a restart, it is lost. If the server restarts during a listing, the listing may miss
/// keys.
///
/// # Clusters
///
/// On a connection to a cluster, `copy` and `rename` need both keys in one slot; a prefix with a hash tag (`{kv}:`)
/// ensures that. A listing asks only one node, and returns only that node's keys.
///
/// # Runtime
///
/// Tokio, with its time and I/O drivers enabled.
#[derive(Clone)]
pub struct RedisStore {
    line: Line,
    prefix: String,
    key_space: KeySpace,
    default_ttl: Option<Duration>,
    max_value_len: u64,
}

impl RedisStore {
    /// Opens the store on the server at `url`, and connects on first use.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`](crate::ErrorKind::InvalidUrl).
    pub fn open(url: &str) -> Result<Self, Error> {
        let server = url::server(url, "store")?;
        Ok(Self::new(Connection::to_server(server, ask::PATIENCE)))
    }

    /// Makes a store on an existing connection of redis 1 (feature `redis-1`). The connection must reconnect by
    /// itself, like a `redis::aio::ConnectionManager`. Use a `MultiplexedConnection` only if the program ends when
    /// it breaks.
    #[cfg(feature = "redis-1")]
    pub fn from_connection<C>(connection: C) -> Self
    where
        C: ::redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
    {
        Self::new(Connection::given(connection))
    }

    fn new(link: Connection) -> Self {
        Self {
            line: Line::new(link),
            prefix: "kv:".to_owned(),
            key_space: KeySpace::default(),
            default_ttl: None,
            max_value_len: LONGEST_VALUE,
        }
    }

    /// Returns this store with another prefix for its names in Redis, which may be empty. Default: `kv:`.
    ///
    /// Two stores with different prefixes see only their own keys, unless one prefix begins with the
    /// other.
    #[must_use]
    pub fn with_prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space, ..self }
    }

    /// Returns this store with a default time to live. Default: for ever.
    ///
    /// If no value can have this time to live, each `put` that uses it returns
    /// [`InvalidTtl`](crate::ErrorKind::InvalidTtl).
    #[must_use]
    pub fn with_default_ttl(self, ttl: Duration) -> Self {
        Self { default_ttl: Some(ttl), ..self }
    }

    /// Returns this store with another timeout for each operation, and for each page of a listing. Default: five
    /// seconds.
    #[must_use]
    pub fn with_timeout(self, timeout: Duration) -> Self {
        Self { line: self.line.with_timeout(timeout), ..self }
    }

    /// Returns this store with another limit for the length of values, which are held in memory. Default: 512 MiB,
    /// Redis's own limit.
    #[must_use]
    pub fn with_max_value_len(self, bytes: u64) -> Self {
        Self { max_value_len: bytes, ..self }
    }

    /// The connection.
    pub(crate) fn link(&self) -> &Arc<Connection> {
        &self.line.link
    }

    /// What goes before a key.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    fn name(&self, operation: &str, key: &str) -> Result<String, Error> {
        self.key_space.check(operation, key)?;
        Ok([self.prefix(), key].concat())
    }

    async fn set(&self, name: &str, value: &[u8], ttl: Option<Duration>) -> Result<(), Error> {
        let mut command = cmd("SET");
        command.arg(name).arg(value);
        if let Some(ttl) = ttl {
            command.arg("PX").arg(ttl.min(LONGEST).as_millis().max(1));
        }
        match self.line.once("put", &command).await? {
            Value::Okay => Ok(()),
            Value::ServerError(error) => Err(refused("put", error)),
            _ => Err(malformed("put")),
        }
    }

    async fn exists(&self, operation: &str, name: &str) -> Result<bool, Error> {
        match self.line.read(operation, cmd("EXISTS").arg(name)).await? {
            Value::Int(count) => Ok(count > 0),
            Value::ServerError(error) => Err(refused(operation, error)),
            _ => Err(malformed(operation)),
        }
    }
}

/// The answer to `GET`.
fn found(operation: &str, value: Value) -> Result<Bytes, Error> {
    match value {
        Value::BulkString(value) => Ok(value.into()),
        Value::Nil => Err(Error::not_found(operation)),
        Value::ServerError(error) => Err(refused(operation, error)),
        _ => Err(malformed(operation)),
    }
}

#[async_trait]
impl KeyValueStore for RedisStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_ttl().with_copy()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let name = self.name("get", key)?;
        found("get", self.line.read("get", cmd("GET").arg(name)).await?)
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        let name = self.name("open", key)?;
        // Together: otherwise a value might get the time to live of the next value.
        let [value, ttl] = self.line.read_value_and_ttl("open", &name).await?;
        let value = found("open", value)?;
        let expires_in = match ttl {
            Value::Int(ttl) => u64::try_from(ttl).ok().map(Duration::from_millis),
            _ => return Err(malformed("open")),
        };
        Ok(Reader::from_bytes(value).with_expiry(expires_in))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        let name = self.name("put", key)?;
        let ttl = ttl.resolve(self.default_ttl)?;
        if value.len() as u64 > self.max_value_len {
            return Err(Error::too_large("put", self.max_value_len));
        }
        self.set(&name, &value, ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        let name = self.name("put", key)?;
        let ttl = ttl.resolve(self.default_ttl)?;
        let value = value.within(self.max_value_len, "put").await?;
        self.set(&name, &value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let name = self.name("delete", key)?;
        match self.line.once("delete", cmd("UNLINK").arg(name)).await? {
            Value::Int(_) => Ok(()),
            Value::ServerError(error) => Err(refused("delete", error)),
            _ => Err(malformed("delete")),
        }
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.exists("contains", &self.name("contains", key)?).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        scan::keys(self, prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        let source = self.name("copy", source)?;
        let destination = self.name("copy", destination)?;
        if source == destination {
            // Redis refuses to copy a key onto itself.
            let exists = self.exists("copy", &source).await?;
            return if exists { Ok(()) } else { Err(Error::not_found("copy")) };
        }
        let mut command = cmd("COPY");
        command.arg(source).arg(destination).arg("REPLACE");
        match self.line.once("copy", &command).await? {
            Value::Int(1) => Ok(()),
            Value::Int(0) => Err(Error::not_found("copy")),
            Value::ServerError(error) => Err(refused("copy", error)),
            _ => Err(malformed("copy")),
        }
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let mut command = cmd("RENAME");
        command.arg(self.name("rename", source)?).arg(self.name("rename", destination)?);
        match self.line.once("rename", &command).await? {
            Value::Okay => Ok(()),
            Value::ServerError(error) if error.details() == Some("no such key") => {
                Err(Error::not_found("rename"))
            }
            Value::ServerError(error) => Err(refused("rename", error)),
            _ => Err(malformed("rename")),
        }
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        Err(Error::unsupported("url_for", "a value in Redis has no address"))
    }
}

impl fmt::Display for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("redis")
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore")
            .field("link", self.link())
            .field("prefix", &self.prefix)
            .field("key_space", &self.key_space)
            .field("default_ttl", &self.default_ttl)
            .field("timeout", &self.line.timeout)
            .field("max_value_len", &self.max_value_len)
            .finish()
    }
}
