//! What a store is.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{Capabilities, Reader, Ttl};
use crate::error::Error;

/// Keys, as they are listed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::KeyStream;
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
/// use futures_util::TryStreamExt as _;
///
/// let store = MemoryStore::new();
/// store.put("user-1", "Ann").await?;
/// store.put("user-2", "Bob").await?;
/// let mut keys: KeyStream<'_> = store.iter_keys("user-");
/// while let Some(key) = keys.try_next().await? {
///     println!("{key}");
/// }
/// # Ok(())
/// # }
/// ```
pub type KeyStream<'a> = BoxStream<'a, Result<String, Error>>;

/// A store of values by key, for those who implement one.
///
/// There are no default methods but [`stored_as`](Self::stored_as): a store that wraps another decides for
/// each. Its users have [`KeyValueStoreExt`](super::KeyValueStoreExt) besides. `Display` shows what the store is and what
/// it wraps, as in `prefix(memory)`, and no credentials.
///
/// An implementation is checked by [`conformance`](super::conformance) (feature `conformance`).
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{Error, KeyValueStore, KeyValueStoreExt as _, MemoryStore};
///
/// /// Works with any store.
/// async fn greet(store: &dyn KeyValueStore) -> Result<String, Error> {
///     let name = store.get("name").await?;
///     Ok(format!("Hello, {}", String::from_utf8_lossy(&name)))
/// }
///
/// let store = MemoryStore::new();
/// store.put("name", "Ann").await?;
/// assert_eq!(greet(&store).await?, "Hello, Ann");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Every method that takes a key refuses one outside of the store's
/// [`KeySpace`](super::KeySpace) with [`InvalidKey`](crate::ErrorKind::InvalidKey), before any I/O.
/// What the [capabilities](Capabilities) exclude is [`Unsupported`](crate::ErrorKind::Unsupported), and
/// a failure of whatever lies below is [`Store`](crate::ErrorKind::Store).
///
/// For what [`Capabilities::check`] and [`Ttl::resolve`] do not say themselves there is
/// [`Error::invalid_key`], [`Error::invalid_ttl`], [`Error::not_found`], [`Error::unsupported`],
/// [`Error::too_large`], [`Error::tampered`] and, with its source, [`Error::store`].
///
/// # Consistency
///
/// A value is replaced as a whole: a reader sees the old one or the new one, never a part. A `put`
/// that failed left the old value.
///
/// # Cancellation
///
/// A dropped future of a method that changes something may or may not have had its effect, or may
/// yet have it, as a whole.
#[async_trait]
pub trait KeyValueStore: fmt::Debug + fmt::Display + Send + Sync {
    /// What the store can do besides storing.
    fn capabilities(&self) -> Capabilities;

    /// The value; [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn get(&self, key: &str) -> Result<Bytes, Error>;

    /// A reader of the value, which need not fit into memory;
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn open(&self, key: &str) -> Result<Reader, Error>;

    /// Stores the value, replacing any; without a time to live an earlier one is cleared.
    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error>;

    /// Stores what the reader gives. If it fails, nothing has changed.
    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error>;

    /// Removes the value; none is no error.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Whether there is a value.
    async fn contains(&self, key: &str) -> Result<bool, Error>;

    /// The keys that begin with `prefix`, in any order. The prefix is literal, whatever characters
    /// it holds; the empty one lists all.
    ///
    /// Keys that come or go meanwhile may or may not be listed; every other key is, once.
    fn iter_keys(&self, prefix: &str) -> KeyStream<'_>;

    /// The keys that begin with `prefix`, each cut after the first `delimiter` at or past the
    /// prefix's end, or whole if there is none; each result once.
    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_>;

    /// Makes `destination`'s value that of `source`; [`NotFound`](crate::ErrorKind::NotFound) if
    /// there is none. A key copied onto itself keeps its value.
    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error>;

    /// Makes `destination`'s value that of `source`, and removes that;
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none. A key moved onto itself keeps its
    /// value.
    #[doc(alias = "move")]
    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error>;

    /// An address at which the value may be had. Whether it exists is not checked.
    async fn url_for(&self, key: &str) -> Result<String, Error>;

    /// Under which key the innermost store has the value. This default, the key itself, is right for every
    /// store but one that wraps another: such a store asks that with the key that it uses there.
    ///
    /// A [`CacheDecorator`](super::CacheDecorator) caches a value under this name, so that two parts of one
    /// store ([`Prefix`](super::Prefix)) are not taken for each other.
    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(key)
    }
}

/// Implements [`KeyValueStore`] for what leaves everything to another: `forward!([generics] type, |this|
/// other)`.
macro_rules! forward {
    ([$($generics:tt)*] $type:ty, |$this:ident| $store:expr) => {
        #[async_trait]
        impl<$($generics)*> KeyValueStore for $type {
            fn capabilities(&self) -> Capabilities {
                let $this = self;
                ($store).capabilities()
            }
            async fn get(&self, key: &str) -> Result<Bytes, Error> {
                let $this = self;
                ($store).get(key).await
            }
            async fn open(&self, key: &str) -> Result<Reader, Error> {
                let $this = self;
                ($store).open(key).await
            }
            async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
                let $this = self;
                ($store).put_bytes(key, value, ttl).await
            }
            async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
                let $this = self;
                ($store).put_reader(key, value, ttl).await
            }
            async fn delete(&self, key: &str) -> Result<(), Error> {
                let $this = self;
                ($store).delete(key).await
            }
            async fn contains(&self, key: &str) -> Result<bool, Error> {
                let $this = self;
                ($store).contains(key).await
            }
            fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
                let $this = self;
                ($store).iter_keys(prefix)
            }
            fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
                let $this = self;
                ($store).iter_prefixes(delimiter, prefix)
            }
            async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
                let $this = self;
                ($store).copy(source, destination).await
            }
            async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
                let $this = self;
                ($store).rename(source, destination).await
            }
            async fn url_for(&self, key: &str) -> Result<String, Error> {
                let $this = self;
                ($store).url_for(key).await
            }
            fn stored_as<'a>(&self, key: &'a str) -> std::borrow::Cow<'a, str> {
                let $this = self;
                ($store).stored_as(key)
            }
        }
    };
}

pub(super) use forward;

forward!([S: KeyValueStore + ?Sized] &S, |this| **this);
forward!([S: KeyValueStore + ?Sized] Box<S>, |this| **this);
forward!([S: KeyValueStore + ?Sized] Arc<S>, |this| **this);
