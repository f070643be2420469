//! A part of a store, by a prefix of its keys.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future;
use futures_util::{StreamExt as _, TryStreamExt as _};

use super::super::{Capabilities, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::{Error, ErrorKind};

/// The part of a store whose keys begin with a prefix. Its own keys do not have the prefix.
///
/// Two prefixes on one store see only their own keys, unless one prefix begins with the other: then the shorter one
/// also sees the keys of the longer one. To prevent that, end each prefix with a character that is not used
/// elsewhere in prefixes, as in `users-` and `users2-`.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::Prefix;
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// let users = Prefix::new(store.clone(), "users-")?;
/// users.put("ada", "1815").await?;
/// assert_eq!(users.keys("").await?, ["ada"]);
/// assert_eq!(store.keys("").await?, ["users-ada"]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A key that is too long with the prefix before it is
/// [`InvalidKey`](ErrorKind::InvalidKey).
#[derive(Clone, Debug)]
pub struct Prefix<S> {
    store: S,
    prefix: String,
}

impl<S: KeyValueStore> Prefix<S> {
    /// Makes the part of `store` whose keys begin with `prefix`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], if the prefix is not a valid key of the store, or is so long that no key fits
    /// after it.
    pub fn new(store: S, prefix: impl Into<String>) -> Result<Self, Error> {
        let prefix = prefix.into();
        let capabilities = store.capabilities();
        let checked = capabilities.key_space.check("Prefix::new", &prefix);
        // With the shortest of keys.
        let checked =
            checked.and_then(|()| capabilities.check("Prefix::new", &format!("{prefix}k")));
        checked.map_err(|error| {
            let message =
                format!("a prefix must be a key itself, and leave room for more: {error}");
            Error::new(ErrorKind::InvalidConfig, message)
        })?;
        Ok(Self { store, prefix })
    }

    /// The store's own name of a key. The store itself checks the length.
    fn joined(&self, operation: &str, key: &str) -> Result<String, Error> {
        self.store.capabilities().key_space.check(operation, key)?;
        Ok(self.joined_prefix(key))
    }

    fn joined_prefix(&self, prefix: &str) -> String {
        [&self.prefix, prefix].concat()
    }

    /// The listed keys, without the prefix.
    fn stripped<'a>(&'a self, names: KeyStream<'a>) -> KeyStream<'a> {
        let strip = |name: String| name.strip_prefix(&self.prefix).map(str::to_owned);
        names
            .map_ok(strip)
            // The prefix alone may be a key of the store, but not of this part.
            .try_filter_map(|key| future::ready(Ok(key.filter(|key| !key.is_empty()))))
            .boxed()
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for Prefix<S> {
    fn capabilities(&self) -> Capabilities {
        let inner = self.store.capabilities();
        inner.with_max_key_len(inner.max_key_len.map(|len| len.saturating_sub(self.prefix.len())))
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.store.get(&self.joined("get", key)?).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.store.open(&self.joined("open", key)?).await
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.store.put_bytes(&self.joined("put", key)?, value, ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.store.put_reader(&self.joined("put", key)?, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.store.delete(&self.joined("delete", key)?).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.store.contains(&self.joined("contains", key)?).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.stripped(self.store.iter_keys(&self.joined_prefix(prefix)))
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        if delimiter.is_empty() {
            // The store would cut every key at the end of its prefix, and an empty key is not valid here.
            return prefixes(self.iter_keys(prefix), delimiter, prefix);
        }
        self.stripped(self.store.iter_prefixes(delimiter, &self.joined_prefix(prefix)))
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        let source = self.joined("copy", source)?;
        self.store.copy(&source, &self.joined("copy", destination)?).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let source = self.joined("rename", source)?;
        self.store.rename(&source, &self.joined("rename", destination)?).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.store.url_for(&self.joined("url_for", key)?).await
    }

    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        Cow::Owned(self.store.stored_as(&self.joined_prefix(key)).into_owned())
    }
}

impl<S: fmt::Display> fmt::Display for Prefix<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "prefix({})", self.store)
    }
}
