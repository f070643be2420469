//! A store whose next read can be paused between the store and its caller. It shows how to write a wrapper, and how
//! to force the race.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use cachecow::store::{Capabilities, KeyStream, Reader, Ttl};
use cachecow::{Error, KeyValueStore};
use tokio::sync::Notify;

/// Wraps a store, with reads that can be paused. Clones are one store.
#[derive(Clone, Debug)]
pub(crate) struct Paused<S> {
    inner: S,
    next: Arc<Mutex<Option<Arc<Pause>>>>,
}

/// Where one read waits.
#[derive(Debug, Default)]
pub(crate) struct Pause {
    reached: Notify,
    ended: Notify,
}

impl Pause {
    /// Waits until the read has its value.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the read go on.
    pub(crate) fn end(&self) {
        self.ended.notify_one();
    }
}

impl<S> Paused<S> {
    pub(crate) fn new(inner: S) -> Self {
        Self { inner, next: Arc::default() }
    }

    /// The next `get` waits once it has the value.
    pub(crate) fn pause_next_read(&self) -> Arc<Pause> {
        let pause = Arc::<Pause>::default();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&pause));
        pause
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for Paused<S> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let pause = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        let value = self.inner.get(key).await;
        if let Some(pause) = pause {
            pause.reached.notify_one();
            pause.ended.notified().await;
        }
        value
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.inner.open(key).await
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.inner.put_bytes(key, value, ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.inner.put_reader(key, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.inner.delete(key).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.inner.contains(key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.inner.iter_keys(prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.inner.iter_prefixes(delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.inner.copy(source, destination).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.inner.rename(source, destination).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.inner.url_for(key).await
    }
}

impl<S: fmt::Display> fmt::Display for Paused<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
