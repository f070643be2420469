//! A key-value store whose operations can be counted, held up and made to fail.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use cachecow::store::{Capabilities, KeyStream, Reader, Ttl};
use cachecow::{Error, KeyValueStore};
use parking_lot::{Mutex, MutexGuard};

use crate::gate::Gate;

/// Behaves like the store within until told otherwise. Clones are one store.
#[derive(Clone, Debug)]
pub struct Held<S> {
    inner: S,
    control: Arc<Mutex<Control>>,
}

#[derive(Debug, Default)]
struct Control {
    calls: HashMap<&'static str, usize>,
    gates: Vec<(&'static str, Arc<Gate>)>,
    failing: Vec<&'static str>,
    panicking: Vec<&'static str>,
    slowness: usize,
    lengths_hidden: bool,
    announced: Option<u64>,
}

/// The store's own failure.
#[derive(Debug)]
pub struct Broken(pub &'static str);

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is broken, as the test says", self.0)
    }
}

impl std::error::Error for Broken {}

impl<S: KeyValueStore> Held<S> {
    /// The store, with nothing held up.
    pub fn new(inner: S) -> Self {
        Self { inner, control: Arc::default() }
    }

    /// The store within.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// How often an operation was begun.
    pub fn calls(&self, operation: &'static str) -> usize {
        self.lock().calls.get(operation).copied().unwrap_or(0)
    }

    /// Holds up the next operation of this name.
    pub fn gate(&self, operation: &'static str) -> Arc<Gate> {
        let gate = Gate::new();
        self.lock().gates.push((operation, Arc::clone(&gate)));
        gate
    }

    /// Makes operations of this name fail, without an effect.
    pub fn break_down(&self, operation: &'static str) {
        self.lock().failing.push(operation);
    }

    /// Makes operations of this name panic.
    pub fn panic_at(&self, operation: &'static str) {
        self.lock().panicking.push(operation);
    }

    /// Makes every operation work again.
    pub fn repair(&self) {
        let mut control = self.lock();
        control.failing.clear();
        control.panicking.clear();
    }

    /// Lets no reader tell its length.
    pub fn hide_lengths(&self) {
        self.lock().lengths_hidden = true;
    }

    /// Lets every reader announce this length, whatever it has; `None`: its own.
    pub fn announce(&self, len: Option<u64>) {
        self.lock().announced = len;
    }

    /// Makes every operation let others run so many times before it returns.
    pub fn set_slowness(&self, yields: usize) {
        self.lock().slowness = yields;
    }

    async fn run<T>(
        &self,
        operation: &'static str,
        effect: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        let (gate, slowness) = {
            let mut control = self.lock();
            *control.calls.entry(operation).or_default() += 1;
            let panics = control.panicking.contains(&operation);
            if panics {
                drop(control);
                panic!("{operation} panics, as the test says");
            }
            if control.failing.contains(&operation) {
                return Err(Error::store(operation, Broken(operation)));
            }
            let at = control.gates.iter().position(|(name, _)| *name == operation);
            (at.map(|at| control.gates.remove(at).1), control.slowness)
        };
        let result = effect.await;
        if let Some(gate) = gate {
            gate.pass().await;
        }
        for _ in 0..slowness {
            tokio::task::yield_now().await;
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, Control> {
        self.control.lock()
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for Held<S> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.run("get", self.inner.get(key)).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        let reader = self.run("open", self.inner.open(key)).await?;
        let expires_in = reader.expires_in();
        let (hidden, announced) = {
            let control = self.lock();
            (control.lengths_hidden, control.announced)
        };
        if !hidden && announced.is_none() {
            return Ok(reader);
        }
        let other = Reader::new(reader).with_expiry(expires_in);
        Ok(announced.into_iter().fold(other, Reader::with_len))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.run("put", self.inner.put_bytes(key, value, ttl)).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.run("put", self.inner.put_reader(key, value, ttl)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.run("delete", self.inner.delete(key)).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.run("contains", self.inner.contains(key)).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.inner.iter_keys(prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.inner.iter_prefixes(delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.run("copy", self.inner.copy(source, destination)).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.run("rename", self.inner.rename(source, destination)).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.run("url_for", self.inner.url_for(key)).await
    }
}

impl<S: fmt::Display> fmt::Display for Held<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "held({})", self.inner)
    }
}
