//! The negative control of the decorator's tests: a cache in front of a store as everybody writes it.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use cachecow::store::{Capabilities, KeyStream, Reader, Ttl};
use cachecow::{Error, KeyValueStore, KeyValueStoreExt as _};

/// Looks into the cache, else reads the store and puts what it read into the cache; changes the
/// store, then deletes from the cache. Nothing keeps an old value from being put there after that.
#[derive(Clone, Debug)]
pub struct Unfenced<C, S> {
    cache: C,
    store: S,
}

impl<C: KeyValueStore, S: KeyValueStore> Unfenced<C, S> {
    /// `cache` in front of `store`.
    pub fn new(cache: C, store: S) -> Self {
        Self { cache, store }
    }

    async fn drop_after(&self, key: &str, changed: Result<(), Error>) -> Result<(), Error> {
        self.cache.delete(key).await?;
        changed
    }
}

#[async_trait]
impl<C: KeyValueStore, S: KeyValueStore> KeyValueStore for Unfenced<C, S> {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        if let Ok(value) = self.cache.get(key).await {
            return Ok(value);
        }
        let read = self.store.open(key).await?.into_bytes().await;
        let value = read.map_err(|error| Reader::error("get", error))?;
        self.cache.put(key, value.clone()).await?;
        Ok(value)
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        Ok(Reader::from_bytes(self.get(key).await?))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        let changed = self.store.put_bytes(key, value, ttl).await;
        self.drop_after(key, changed).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        let changed = self.store.put_reader(key, value, ttl).await;
        self.drop_after(key, changed).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let changed = self.store.delete(key).await;
        self.drop_after(key, changed).await
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
        let changed = self.store.copy(source, destination).await;
        self.drop_after(destination, changed).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let changed = self.store.rename(source, destination).await;
        self.cache.delete(source).await?;
        self.drop_after(destination, changed).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.store.url_for(key).await
    }
}

impl<C: fmt::Display, S: fmt::Display> fmt::Display for Unfenced<C, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unfenced({}, {})", self.cache, self.store)
    }
}
