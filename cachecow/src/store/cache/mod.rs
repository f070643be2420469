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
use crate::engine::settings::LONGEST;
use crate::engine::write::HeldWrite;
use crate::error::{Error, ErrorKind};
use crate::key::{Key, KeyEncoder};
use crate::protocol::HoldPolicy;
use crate::stats::Stats;

/// A store with a cache in front of it that keeps no old value, and brings no deleted one back.
///
/// Reads are served from the cache, and else from the backing store, whose answer is cached. Changes
/// go to the backing store; before and after, the key is dropped from the cache and nobody may
/// cache it. Listings, `contains` and `url_for` are the backing store's alone.
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
/// Once a change through a decorator has returned, no read through any decorator of the same cache
/// and name returns what was there before; for the extent of the fence see [`DecoratorCache`].
/// Should the process die during a change, or the backing store fail to say what became of it, the
/// key stays out of the cache until the cache's hold expires (`hold`, 60 s); a change that takes
/// longer than that, or takes effect later, is protected only up to there.
///
/// A value is cached under its name in the innermost store ([`stored_as`](KeyValueStore::stored_as)): parts
/// of one store ([`Prefix`](super::Prefix)) are told apart, and a change by way of a part is seen by way of
/// the whole.
///
/// Not promised: a change past the decorators is seen when the cached value's time to live is over,
/// or after [`invalidate`](Self::invalidate). A file that has two keys, by a symbolic link in a
/// `FilesystemStore`, is changed by one of them and past the other. Two backing stores in one cache need
/// names of their own ([`with_name`](Self::with_name)), or each is served the other's values; so do an
/// `Hmac` and the store that it wraps.
///
/// # Memory
///
/// Whatever a value's length, `open`, `get_file` and `get_into` take no more memory than six times the
/// largest that may be cached ([`with_max_value_size`](Self::with_max_value_size), 1 MiB by default):
/// what was read, with room to grow, and its copies on the way into the cache. What is larger is
/// streamed, and not cached. `get` holds the value, however large.
///
/// # Cancellation
///
/// A dropped read gives its right to fill back. A dropped change counts as died: the key stays out
/// of the cache until the hold expires, since the backing store may yet take the change.
///
/// # Round trips
///
/// To the cache: a hit one, a miss two (three while most reads are hits), a change two.
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
    /// A decorator of `store` with this cache.
    ///
    /// # Panics
    ///
    /// If the cache is a store and the operating system gives no random numbers.
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

    /// Keeps this backing store's values apart from those of others in the same cache. Every
    /// decorator of the same store must have the same name. Default: none.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.decorated.options.name = name.into();
        self
    }

    /// How long a value may be served from the cache, at least 1 ms. Default: the cache's
    /// `default_ttl`.
    ///
    /// Where the backing store has times to live, a value is never cached beyond its own.
    #[must_use]
    pub fn with_ttl(mut self, ttl: Duration) -> Self {
        self.decorated.options.ttl = Some(ttl.clamp(Duration::from_millis(1), LONGEST));
        self
    }

    /// The largest value that is cached, in bytes. Default: the cache's `max_value_size`, 1 MiB.
    #[must_use]
    pub fn with_max_value_size(mut self, bytes: usize) -> Self {
        self.decorated.options.max_value_size = Some(bytes);
        self
    }

    /// What happens when the cache errs. Default: [`OnCacheError::Tolerate`].
    #[must_use]
    pub fn on_cache_error(mut self, what: OnCacheError) -> Self {
        self.decorated.options.on_cache_error = what;
        self
    }

    /// The backing store.
    pub fn store(&self) -> &S {
        &self.decorated.store
    }

    /// What was counted since the cache was opened; this decorator's reads under `KeyValueStore`,
    /// together with those of others on the same cache.
    pub fn stats(&self) -> Stats {
        self.decorated.cow.stats()
    }

    /// [`get`](KeyValueStore::get), and how the value was had.
    ///
    /// # Errors
    ///
    /// The backing store's, [`ErrorKind::NotFound`] among them.
    pub async fn read(&self, key: &str) -> Result<ReadValue, Error> {
        let (content, source, fill) = self.load(key, Manner::Whole, "get").await?;
        let value = match content {
            Loadable::Bytes(value, _) => value,
            // Another caller's load streams it, and found it too large to share.
            Loadable::Reader(_) => self.decorated.store.get(key).await?,
        };
        Ok(ReadValue { value, source, fill })
    }

    /// Drops the key from the cache, after a change that went past the decorators, and keeps every
    /// read under way from caching what it read.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidKey`]; [`ErrorKind::NotInvalidated`] if the cache was not told, which is
    /// retried in the background.
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

    /// Changes the backing store with the keys kept out of the cache.
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
        // What a store, or whatever is below it, failed to do it may yet do.
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
                        "{operation}: the backing store has the change, but the cache could not be \
                         told and may serve the old value; this is retried in the background"
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
            // Another caller's load found it too large to share.
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
    /// A time to live that the backing store refuses need not disturb the cache.
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
