//! A store that may be read, but not changed.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use super::super::{Capabilities, KeyStream, KeyValueStore, Reader, Ttl};
use crate::error::Error;

/// A store that can only be read through this wrapper: every change is
/// [`Unsupported`](crate::ErrorKind::Unsupported).
///
/// It protects against mistakes. Code that has the store itself, or its credentials, can still change it.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::ReadOnly;
/// use cachecow::{ErrorKind, KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// store.put("k", "v").await?;
/// let store = ReadOnly::new(store);
/// assert_eq!(store.get("k").await?, "v");
/// assert_eq!(store.delete("k").await.unwrap_err().kind(), ErrorKind::Unsupported);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct ReadOnly<S> {
    store: S,
}

impl<S: KeyValueStore> ReadOnly<S> {
    /// Wraps `store`.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    fn refuse(&self, operation: &str, keys: &[&str]) -> Result<(), Error> {
        let capabilities = self.capabilities();
        keys.iter().try_for_each(|key| capabilities.check(operation, key))?;
        Err(Error::unsupported(operation, "this store is read-only"))
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for ReadOnly<S> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { ttl: false, copy: false, ..self.store.capabilities() }
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.store.get(key).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.store.open(key).await
    }

    async fn put_bytes(&self, key: &str, _value: Bytes, _ttl: Ttl) -> Result<(), Error> {
        self.refuse("put", &[key])
    }

    async fn put_reader(&self, key: &str, _value: Reader, _ttl: Ttl) -> Result<(), Error> {
        self.refuse("put", &[key])
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.refuse("delete", &[key])
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.store.contains(key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.store.iter_keys(prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.store.iter_prefixes(delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.refuse("copy", &[source, destination])
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.refuse("rename", &[source, destination])
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.store.url_for(key).await
    }

    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        self.store.stored_as(key)
    }
}

impl<S: fmt::Display> fmt::Display for ReadOnly<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "read-only({})", self.store)
    }
}
