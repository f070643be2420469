//! A store in this process's memory.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use parking_lot::{
    MappedRwLockReadGuard, MappedRwLockWriteGuard, RwLock, RwLockReadGuard, RwLockWriteGuard,
};
use tokio::time::Instant;

use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::Error;

/// How many values there are before the first search for those that have expired.
const FIRST_SWEEP: usize = 1024;

/// A store in this process's memory, without a size limit. Clones are one store. Values whose time to live has ended are
/// removed from time to time, when other values are put.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// store.put("k", "v").await?;
/// assert!(store.contains("k").await?);
/// # Ok(())
/// # }
/// ```
///
/// # Runtime
///
/// Tokio, with its time driver enabled. Values expire by tokio's clock.
#[derive(Clone, Default)]
pub struct MemoryStore {
    values: Arc<RwLock<Values>>,
    key_space: KeySpace,
    default_ttl: Option<Duration>,
}

#[derive(Default)]
struct Values {
    by_key: BTreeMap<String, Entry>,
    /// With how many of them the next search for expired ones is due: at each doubling of what is left.
    sweep_at: usize,
}

#[derive(Clone)]
struct Entry {
    value: Bytes,
    expires: Option<Instant>,
}

impl Entry {
    fn lives(&self, now: Instant) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }
}

impl MemoryStore {
    /// Makes an empty store.
    pub fn new() -> Self {
        Self::default()
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

    fn read(&self) -> MappedRwLockReadGuard<'_, BTreeMap<String, Entry>> {
        RwLockReadGuard::map(self.values.read(), |values| &values.by_key)
    }

    fn write(&self) -> MappedRwLockWriteGuard<'_, BTreeMap<String, Entry>> {
        RwLockWriteGuard::map(self.values.write(), |values| &mut values.by_key)
    }

    fn entry(&self, operation: &'static str, key: &str) -> Result<Entry, Error> {
        self.key_space.check(operation, key)?;
        let entry = self.read().get(key).filter(|entry| entry.lives(Instant::now())).cloned();
        entry.ok_or_else(|| Error::not_found(operation))
    }

    fn store(&self, key: &str, value: Bytes, ttl: Option<Duration>) {
        let now = Instant::now();
        let expires = ttl.map(|ttl| now + ttl);
        let Values { by_key, sweep_at } = &mut *self.values.write();
        if by_key.len() >= (*sweep_at).max(FIRST_SWEEP) {
            by_key.retain(|_, entry| entry.lives(now));
            *sweep_at = by_key.len() * 2;
        }
        by_key.insert(key.to_owned(), Entry { value, expires });
    }

    /// The first key with the prefix that comes after `last`.
    fn next_key(&self, prefix: &str, last: Option<&str>) -> Option<String> {
        let from = last.map_or(Bound::Included(prefix), Bound::Excluded);
        let now = Instant::now();
        self.read()
            .range::<str, _>((from, Bound::Unbounded))
            .take_while(|(key, _)| key.starts_with(prefix))
            .find(|(_, entry)| entry.lives(now))
            .map(|(key, _)| key.clone())
    }
}

#[async_trait]
impl KeyValueStore for MemoryStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_ttl().with_copy()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        Ok(self.entry("get", key)?.value)
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        let entry = self.entry("open", key)?;
        let expires_in = entry.expires.map(|expires| expires - Instant::now());
        Ok(Reader::from_bytes(entry.value).with_expiry(expires_in))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        let ttl = ttl.resolve(self.default_ttl)?;
        self.store(key, value, ttl);
        Ok(())
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        let ttl = ttl.resolve(self.default_ttl)?;
        let value = value.into_bytes().await.map_err(|error| Reader::error("put", error))?;
        self.store(key, value, ttl);
        Ok(())
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.key_space.check("delete", key)?;
        self.write().remove(key);
        Ok(())
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.key_space.check("contains", key)?;
        let now = Instant::now();
        Ok(self.read().get(key).is_some_and(|entry| entry.lives(now)))
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        let keys = stream::unfold((prefix.to_owned(), None), move |(prefix, last)| async move {
            let key: String = self.next_key(&prefix, last.as_deref())?;
            Some((Ok(key.clone()), (prefix, Some(key))))
        });
        keys.boxed()
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("copy", source)?;
        self.key_space.check("copy", destination)?;
        // Under one lock: a value that is put meanwhile must not be replaced by the older value.
        let mut values = self.write();
        let entry = values.get(source).filter(|entry| entry.lives(Instant::now())).cloned();
        let entry = entry.ok_or_else(|| Error::not_found("copy"))?;
        values.insert(destination.to_owned(), entry);
        Ok(())
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("rename", source)?;
        self.key_space.check("rename", destination)?;
        let mut values = self.write();
        match values.remove(source).filter(|entry| entry.lives(Instant::now())) {
            Some(entry) => values.insert(destination.to_owned(), entry),
            None => return Err(Error::not_found("rename")),
        };
        Ok(())
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        Err(Error::unsupported("url_for", "a value in memory has no address"))
    }
}

impl fmt::Display for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory")
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("values", &self.read().len())
            .field("key_space", &self.key_space)
            .field("default_ttl", &self.default_ttl)
            .finish()
    }
}
