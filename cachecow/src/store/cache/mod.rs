//! A store behind a cache that cannot go stale.

mod backend;
mod entry;
mod load;
mod options;
mod place;
mod read;
mod values;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

pub use self::backend::StoreBackend;
use self::load::Manner;
pub use self::options::OnCacheError;
use self::options::Options;
pub use self::place::DecoratorCache;
use self::read::Loadable;
pub use self::read::ReadValue;
use super::{Capabilities, KeyStream, KeyValueStore, Reader, Ttl};
use crate::cache::cow::CacheCow;
use crate::clock::LONGEST;
use crate::engine::write::HeldWrite;
use crate::error::{Error, ErrorKind};
use crate::key::{Key, KeyEncoder};
use crate::protocol::HoldPolicy;
use crate::stats::Stats;

/// A store with a cache in front of it that never serves old values, and never brings a deleted value back.
///
/// Reads are served from the cache; on a miss they go to the backing store, and the value is cached. Changes go to
/// the backing store. Before and after a change, the decorator removes the key from the cache, and nobody can cache
/// it in between. Listings, `contains` and `url_for` go directly to the backing store.
///
/// The cache is a [`CacheCow`], or any other [`KeyValueStore`]:
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{CacheCow, CacheDecorator, KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let cow = CacheCow::open("memory://").await?;           // or "redis://127.0.0.1/"
/// let store = CacheDecorator::new(cow, MemoryStore::new()); // or files, a database, a bucket
///
/// store.put("some_value", "123").await?;
/// store.get("some_value").await?;                         // from the backing store
/// store.get("some_value").await?;                         // from the cache
/// assert_eq!(store.stats().of("KeyValueStore").hits, 1);
/// # Ok(())
/// # }
/// ```
///
/// # Consistency
///
/// Once a change through a decorator has returned, later reads through any decorator with the same
/// cache and name never return the old value; [`DecoratorCache`] says how far this reaches. If the
/// process dies during a change, or the result of the change is not known, the key stays out of the
/// cache until the cache's hold expires (`hold`, 60 s). (A cache in a persistent store other than Redis has its holds in this
/// process, and loses them with it: empty that store when the program starts again.) A change that takes longer, or takes effect
/// later, is protected only until then.
///
/// A value is cached under its name in the innermost store ([`stored_as`](KeyValueStore::stored_as)). So parts of
/// one store ([`Prefix`](super::Prefix)) do not conflict, and a change through a part is seen through the whole
/// store.
///
/// Not promised: a change that bypasses the decorators is seen only when the cached value expires, or after
/// [`invalidate`](Self::invalidate). If a file has two keys, by a symbolic link in a `FilesystemStore` or on a file system that
/// ignores case, a change by one key does not invalidate the other. Two backing stores in one cache need different names
/// ([`with_name`](Self::with_name)); otherwise each is served the other's values. The same holds for an `Hmac` and
/// the store that it wraps.
///
/// # Memory
///
/// However long a value is, `open`, `get_file` and `get_into` need at most six times the memory of the largest
/// cacheable value ([`with_max_value_size`](Self::with_max_value_size), 1 MiB by default): for the data read, with
/// room to grow, and its copies on the way into the cache. Larger values are streamed, and not cached. `get` holds
/// the whole value in memory.
///
/// # Cancellation
///
/// A dropped read gives its right to fill back. After a dropped change, the key stays out of the
/// cache until the hold expires, since the backing store may still carry out the change.
///
/// # Round trips
///
/// To the cache: one for a hit, two for a miss (three while most reads are hits), two for a change.
pub struct CacheDecorator<S> {
    decorated: Decorated<S>,
    label: String,
}

/// What the parts of this module share.
struct Decorated<S> {
    cow: CacheCow,
    store: S,
    options: Options,
}

impl<S: KeyValueStore> CacheDecorator<S> {
    /// Makes a decorator of `store` with this cache.
    ///
    /// # Panics
    ///
    /// If the cache is a store, and the operating system cannot provide random numbers.
    pub fn new(cache: impl Into<DecoratorCache>, store: S) -> Self {
        let DecoratorCache { cow, label } = cache.into();
        let options = Options {
            name: String::new(),
            ttl: None,
            max_value_size: None,
            on_cache_error: OnCacheError::default(),
        };
        Self { decorated: Decorated { cow, store, options }, label }
    }

    /// Sets a name that separates this backing store's values from those of other stores in the
    /// same cache. Every decorator of the same store must have the same name. Default: none.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.decorated.options.name = name.into();
        self
    }

    /// Sets how long a value may be served from the cache, at least 1 ms. Default: the cache's
    /// `default_ttl`.
    ///
    /// If the backing store has times to live, a value is never cached longer than its own.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.decorated.options.ttl = Some(ttl.clamp(Duration::from_millis(1), LONGEST));
        self
    }

    /// Sets the largest value that is cached, in bytes. Default: the cache's `max_value_size`, 1 MiB.
    #[must_use]
    pub fn with_max_value_size(mut self, bytes: usize) -> Self {
        self.decorated.options.max_value_size = Some(bytes);
        self
    }

    /// Sets what happens when the cache fails. Default: [`OnCacheError::Tolerate`].
    #[must_use]
    pub fn on_cache_error(mut self, what: OnCacheError) -> Self {
        self.decorated.options.on_cache_error = what;
        self
    }

    /// Returns the backing store.
    pub fn store(&self) -> &S {
        &self.decorated.store
    }

    /// Returns the statistics since the cache was opened. The reads of all decorators on one cache
    /// are counted together under `KeyValueStore`.
    pub fn stats(&self) -> Stats {
        self.decorated.cow.stats()
    }

    /// Reads like [`get`](KeyValueStore::get), and also says where the value came from.
    ///
    /// # Errors
    ///
    /// Those of the backing store, including [`ErrorKind::NotFound`].
    pub async fn read(&self, key: &str) -> Result<ReadValue, Error> {
        let (content, source, fill) = self.load(key, Manner::Whole, "get").await?;
        let value = match content {
            Loadable::Bytes(value, _) => value,
            // Another caller's load found the value too large to share, and streams it.
            Loadable::Reader(_) => self.decorated.store.get(key).await?,
        };
        Ok(ReadValue { value, source, fill })
    }

    /// Removes the key from the cache, after a change that bypassed the decorators. Reads under way
    /// do not cache what they have read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`]; [`ErrorKind::NotInvalidated`] if the cache did not confirm it; it
    /// is retried in the background.
    pub async fn invalidate(&self, key: &str) -> Result<(), Error> {
        self.check("invalidate", key)?;
        let engine = &self.decorated.cow.engine;
        let key = self.parts(key).key();
        engine.invalidate(engine.targets(self.decorated.cow.scope, &key)).await
    }

    fn check(&self, operation: &str, key: &str) -> Result<(), Error> {
        self.decorated.store.capabilities().check(operation, key)
    }

    fn parts(&self, key: &str) -> KeyEncoder {
        let mut parts = KeyEncoder::new("store:{}:{}");
        parts.str(&self.decorated.options.name);
        parts.str(&self.decorated.store.stored_as(key));
        parts
    }

    /// Changes the backing store, while the keys are kept out of the cache.
    async fn change(
        &self,
        operation: &str,
        keys: &[&str],
        work: impl Future<Output = Result<(), Error>>,
    ) -> Result<(), Error> {
        keys.iter().try_for_each(|key| self.check(operation, key))?;
        let hashes: Vec<Key> = keys.iter().map(|key| self.parts(key).key()).collect();
        let engine = &self.decorated.cow.engine;
        let on_cache_error = self.decorated.options.on_cache_error;
        let policy = match on_cache_error {
            OnCacheError::Fail => HoldPolicy::Require,
            OnCacheError::Report | OnCacheError::Tolerate => HoldPolicy::Proceed,
        };
        // After an error of a store, the operation may still take effect later.
        let in_doubt = |result: &Result<(), Error>| {
            result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Store)
        };
        let write = HeldWrite::begin(
            Arc::clone(engine),
            engine.targets(self.decorated.cow.scope, &hashes),
            policy,
            &[],
        )
        .await?;
        let result = work.await;
        let ended = write.end(in_doubt(&result), Vec::new(), Vec::new()).await;
        match (result, ended.invalidated) {
            (Err(error), Err(cache_error)) => Err(error.with_attached(cache_error)),
            (Ok(()), Err(cache_error)) if on_cache_error != OnCacheError::Tolerate => {
                Err(Error::caused_by(
                    ErrorKind::NotInvalidated,
                    format!(
                        "{operation}: the backing store has the change, but the cache did not confirm \
                         the invalidation and may serve the old value; it is retried in the background"
                    ),
                    cache_error,
                ))
            }
            (result, _) => result,
        }
    }
}

impl<S> Decorated<S> {
    fn max_value_size(&self) -> usize {
        self.options.max_value_size.unwrap_or(self.cow.engine.settings.max_value_len)
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for CacheDecorator<S> {
    fn capabilities(&self) -> Capabilities {
        self.decorated.store.capabilities()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        Ok(self.read(key).await?.value)
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        match self.load(key, Manner::Streamed, "open").await?.0 {
            Loadable::Bytes(value, expires_in) => {
                Ok(Reader::from_bytes(value).with_expiry(expires_in))
            }
            Loadable::Reader(Some(reader)) => Ok(reader),
            // Another caller's load found the value too large to share.
            Loadable::Reader(None) => self.decorated.store.open(key).await,
        }
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.check_ttl(ttl)?;
        let work = self.decorated.store.put_bytes(key, value, ttl);
        self.change("put", &[key], work).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.check_ttl(ttl)?;
        let work = self.decorated.store.put_reader(key, value, ttl);
        self.change("put", &[key], work).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.change("delete", &[key], self.decorated.store.delete(key)).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.decorated.store.contains(key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.decorated.store.iter_keys(prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.decorated.store.iter_prefixes(delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.check("copy", source)?;
        let work = self.decorated.store.copy(source, destination);
        self.change("copy", &[destination], work).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let work = self.decorated.store.rename(source, destination);
        self.change("rename", &[source, destination], work).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.decorated.store.url_for(key).await
    }

    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        self.decorated.store.stored_as(key)
    }
}

impl<S: KeyValueStore> CacheDecorator<S> {
    /// Checked first: if the backing store refuses a time to live, the cache need not be changed.
    fn check_ttl(&self, ttl: Ttl) -> Result<(), Error> {
        if self.decorated.store.capabilities().ttl {
            ttl.resolve(None).map(|_| ())
        } else {
            ttl.refuse()
        }
    }
}

impl<S: fmt::Display> fmt::Display for CacheDecorator<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cache({}, {})", self.label, self.decorated.store)
    }
}

impl<S: fmt::Debug> fmt::Debug for CacheDecorator<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheDecorator")
            .field("cache", &self.decorated.cow)
            .field("store", &self.decorated.store)
            .field("options", &self.decorated.options)
            .finish_non_exhaustive()
    }
}
