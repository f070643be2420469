//! What a store is.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;

use super::{Capabilities, Reader, Ttl};
use crate::error::Error;

/// A stream of listed keys.
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

/// A store of values by key: the trait to implement for a store.
///
/// Only [`stored_as`](Self::stored_as) has a default, so that a store that wraps another must decide about each
/// method. [`KeyValueStoreExt`](super::KeyValueStoreExt) has further methods for users. `Display` shows what the
/// store is and what it wraps, as in `prefix(memory)`, without credentials.
///
/// [`conformance`](super::conformance) (feature `conformance`) checks an implementation.
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
/// Every method refuses a key outside the store's [`KeySpace`](super::KeySpace) with
/// [`InvalidKey`](crate::ErrorKind::InvalidKey), before any I/O. Operations that the [capabilities](Capabilities)
/// exclude return [`Unsupported`](crate::ErrorKind::Unsupported). A failure of the underlying system is
/// [`Store`](crate::ErrorKind::Store).
///
/// [`Capabilities::check`] and [`Ttl::resolve`] return the right errors. To make others, use
/// [`Error::invalid_key`], [`Error::invalid_ttl`], [`Error::not_found`], [`Error::unsupported`],
/// [`Error::too_large`], [`Error::tampered`] and, with its source, [`Error::store`].
///
/// # Consistency
///
/// A value is replaced as a whole: a reader sees the old one or the new one, never a part. A failed
/// `put` leaves the old value.
///
/// # Cancellation
///
/// If the future of a change is dropped, the change may have happened or not, or may still happen,
/// but only as a whole.
#[async_trait]
pub trait KeyValueStore: fmt::Debug + fmt::Display + Send + Sync {
    /// Returns what the store can do besides storing.
    fn capabilities(&self) -> Capabilities;

    /// Returns the value; [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn get(&self, key: &str) -> Result<Bytes, Error>;

    /// Returns a reader of the value, which need not fit into memory;
    /// [`NotFound`](crate::ErrorKind::NotFound) if there is none.
    async fn open(&self, key: &str) -> Result<Reader, Error>;

    /// Stores the value, replacing any other. Without a time to live, an earlier time to live is cleared.
    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error>;

    /// Stores everything that the reader returns. If the reader fails, nothing changes.
    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error>;

    /// Removes the value. It is not an error if there is none.
    async fn delete(&self, key: &str) -> Result<(), Error>;

    /// Returns whether there is a value.
    async fn contains(&self, key: &str) -> Result<bool, Error>;

    /// Lists the keys that begin with `prefix`, in any order. The prefix is literal, whatever
    /// characters it contains; an empty prefix lists all keys.
    ///
    /// Keys that are created or deleted meanwhile may be listed or not. Every other key is listed once.
    fn iter_keys(&self, prefix: &str) -> KeyStream<'_>;

    /// Lists the keys that begin with `prefix`, each one cut after the first `delimiter` at or
    /// after the prefix's end (or whole if there is none). Each result is listed once.
    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_>;

    /// Copies the value of `source` to `destination`; [`NotFound`](crate::ErrorKind::NotFound) if
    /// there is none. A key copied onto itself keeps its value.
    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error>;

    /// Moves the value of `source` to `destination`; [`NotFound`](crate::ErrorKind::NotFound) if
    /// there is none. A key moved onto itself keeps its value.
    #[doc(alias = "move")]
    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error>;

    /// Returns an address from which the value can be read. It does not check whether the value exists.
    async fn url_for(&self, key: &str) -> Result<String, Error>;

    /// Returns the key under which the innermost store keeps the value. The default, the key itself, is right for
    /// every store that does not wrap another one. A wrapper calls this method of the wrapped store, with the key
    /// that it uses there.
    ///
    /// A [`CacheDecorator`](super::CacheDecorator) caches a value under this name, so that two parts of one store
    /// ([`Prefix`](super::Prefix)) do not conflict.
    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(key)
    }
}

/// Implements [`KeyValueStore`] by forwarding all methods to another store:
/// `forward!([generics] type, |this| other)`.
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
