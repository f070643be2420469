//! Stores that the wrappers' tests wrap, or look through.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use cachecow::store::{Capabilities, KeyStream, ReadOnly, Reader, Ttl};
use cachecow::{Error, KeyValueStore, MemoryStore};

/// Written to directly, and read through [`ReadOnly`].
#[derive(Debug)]
pub struct Behind {
    store: MemoryStore,
    read_only: ReadOnly<MemoryStore>,
}

impl Behind {
    /// Both sides of one store.
    pub fn new(store: MemoryStore) -> Self {
        Self { read_only: ReadOnly::new(store.clone()), store }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.read_only.fmt(f)
    }
}

#[async_trait]
impl KeyValueStore for Behind {
    fn capabilities(&self) -> Capabilities {
        self.store.capabilities()
    }
    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.read_only.get(key).await
    }
    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.read_only.open(key).await
    }
    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.store.put_bytes(key, value, ttl).await
    }
    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.store.put_reader(key, value, ttl).await
    }
    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.store.delete(key).await
    }
    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.read_only.contains(key).await
    }
    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.read_only.iter_keys(prefix)
    }
    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.read_only.iter_prefixes(delimiter, prefix)
    }
    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.store.copy(source, destination).await
    }
    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.store.rename(source, destination).await
    }
    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.read_only.url_for(key).await
    }
}

/// A store that has addresses, and wants to know how long a value is.
#[derive(Debug)]
pub struct Located(pub MemoryStore);

impl fmt::Display for Located {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[async_trait]
impl KeyValueStore for Located {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities().with_urls()
    }
    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.0.get(key).await
    }
    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.0.open(key).await
    }
    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.0.put_bytes(key, value, ttl).await
    }
    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        let promised = value.len().expect("the length is known");
        self.0.put_reader(key, value, ttl).await?;
        assert_eq!(self.0.get(key).await?.len() as u64, promised, "the length is kept");
        Ok(())
    }
    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.0.delete(key).await
    }
    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.0.contains(key).await
    }
    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.0.iter_keys(prefix)
    }
    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.0.iter_prefixes(delimiter, prefix)
    }
    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.0.copy(source, destination).await
    }
    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.0.rename(source, destination).await
    }
    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.capabilities().key_space.check("url_for", key)?;
        Ok(format!("memory://{key}"))
    }
}
