//! The ways to open a cache.

#[cfg(feature = "redis")]
use std::any::Any;
use std::sync::Arc;

use super::Builder;
#[cfg(feature = "redis")]
use super::Secret;
use super::scheme::is_redis;
#[cfg(feature = "redis")]
use crate::backend::RedisBackend;
use crate::backend::{CacheBackend, MemoryBackend};
use crate::cache::cow::CacheCow;
use crate::engine::{Client, Engine};
use crate::error::Error;
#[cfg(any(doc, feature = "redis"))]
use crate::error::ErrorKind;

impl Builder {
    /// Opens the cache at `url`; see [`CacheCow::open`]. A URL with a
    /// [`backend_scheme`](Self::backend_scheme) opens the program's own backend.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`] and [`ErrorKind::InvalidConfig`], and those of a `backend_scheme`.
    pub async fn open(self, url: &str) -> Result<CacheCow, Error> {
        self.validate()?;
        let Some((scheme, rest)) = url.split_once("://") else {
            return Err(self.schemes.missing());
        };
        if let Some(open) = self.schemes.get(scheme) {
            let backend = open(self.backend_config(url)).await?;
            return self.with_backend(backend);
        }
        match scheme {
            "memory" if rest.is_empty() => self.memory(),
            "memory" => Err(Error::invalid_url(
                "memory:// takes nothing after it; its size is the builder's `memory_capacity`",
            )),
            _ if is_redis(scheme) => self.open_redis(url),
            _ => Err(self.schemes.unknown(scheme)),
        }
    }

    #[cfg(feature = "redis")]
    fn open_redis(mut self, url: &str) -> Result<CacheCow, Error> {
        self.settings.label = "redis";
        let backend = RedisBackend::from_url(url, self.connect_timeout)?;
        self.on_redis(backend)
    }

    #[cfg(feature = "redis")]
    fn on_redis(self, backend: RedisBackend) -> Result<CacheCow, Error> {
        let mut backend = backend.with_namespace(&self.namespace)?;
        if let Some(Secret(url)) = &self.near_url {
            backend = backend.with_near_url(url)?;
        }
        if self.settings.near.capacity.is_some() && !backend.hears_changes() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "near: changes cannot be heard on a connection made elsewhere; name its server with \
                 `near_url`",
            ));
        }
        let mut backend = match self.replica_acks {
            Some((replicas, timeout)) => backend.with_replica_acks(replicas, timeout)?,
            None => backend,
        };
        backend.limit_nodes(self.operation_timeout);
        self.with_backend(Arc::new(backend))
    }

    #[cfg(not(feature = "redis"))]
    #[allow(clippy::unused_self, reason = "the same signature as with Redis")]
    fn open_redis(self, _url: &str) -> Result<CacheCow, Error> {
        Err(Error::invalid_url("it needs cachecow's feature `redis`, which is not enabled"))
    }

    /// Opens an embedded cache in this process's memory.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`].
    pub fn memory(mut self) -> Result<CacheCow, Error> {
        self.settings.label = "memory";
        let backend = self.memory_backend();
        self.with_backend(Arc::new(backend))
    }

    /// Makes a test's cache record what it does, and use this clock if none was set.
    #[cfg(feature = "testing")]
    pub(crate) fn recorded_by(
        mut self,
        recorder: &Arc<crate::engine::recorder::Recorder>,
        clock: impl Fn() -> std::time::SystemTime + Send + Sync + 'static,
    ) -> Self {
        self.settings.recorder = Some(Arc::clone(recorder));
        self.settings.clock.get_or_insert_with(|| Arc::new(clock));
        self
    }

    pub(crate) fn memory_backend(&self) -> MemoryBackend {
        MemoryBackend::with_capacity(self.memory_capacity)
    }

    /// Opens a cache on an existing connection of redis 1 (feature `redis-1`). The connection must reconnect by
    /// itself, as `redis::aio::ConnectionManager` does. For a cluster, use `redis_cluster_connection` (feature
    /// `cluster`): a cluster refuses batches here, because their keys are on several nodes. Reads that wait for
    /// another process's fill poll, since there is no second connection on which the server could wake them.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], also with [`replica_acks`](Self::replica_acks).
    #[cfg(feature = "redis-1")]
    pub fn redis_connection<C>(mut self, connection: C) -> Result<CacheCow, Error>
    where
        C: redis::aio::ConnectionLike + Clone + Send + Sync + 'static,
    {
        self.settings.label = "redis";
        self.on_redis(RedisBackend::from_connection(connection))
    }

    /// Opens a cache on an existing connection of redis 1 to a cluster (features `cluster` and `redis-1`); see
    /// [`RedisBackend::from_cluster_connection`] for how to build it.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], also with [`replica_acks`](Self::replica_acks).
    #[cfg(all(feature = "cluster", feature = "redis-1"))]
    pub fn redis_cluster_connection(
        mut self,
        connection: redis::cluster_async::ClusterConnection,
    ) -> Result<CacheCow, Error> {
        self.settings.label = "redis";
        self.on_redis(RedisBackend::from_cluster_connection(connection))
    }

    /// Opens a cache on any backend. The backend itself must apply a namespace.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], also with `replica_acks` and `near_url`: a [`RedisBackend`](crate::RedisBackend) of your
    /// own has methods for them.
    #[cfg_attr(not(feature = "redis"), allow(unused_mut, reason = "as with Redis"))]
    pub fn backend(self, mut backend: impl CacheBackend) -> Result<CacheCow, Error> {
        #[cfg(feature = "redis")]
        if self.replica_acks.is_some() || self.near_url.is_some() {
            return Err(Error::new(
                ErrorKind::InvalidConfig,
                "backend: `replica_acks` and `near_url` have no effect on a backend of your own; use \
                 `RedisBackend::with_replica_acks` and `with_near_url`",
            ));
        }
        // Also for one that the program made: if an operation ended before a node that hangs has failed, the node
        // would hold up the keys of the others as well.
        #[cfg(feature = "redis")]
        if let Some(backend) = (&mut backend as &mut dyn Any).downcast_mut::<RedisBackend>() {
            backend.limit_nodes(self.operation_timeout);
        }
        self.with_backend(Arc::new(backend))
    }

    fn with_backend(mut self, backend: Arc<dyn CacheBackend>) -> Result<CacheCow, Error> {
        self.validate()?;
        self.settings.bound();
        self.settings.packing.bind(&self.namespace);
        if let Some(clock) = &self.settings.clock {
            backend.use_clock(clock);
        }
        let client = Client::new(backend, self.operation_timeout);
        Ok(CacheCow::new(Engine::new(client, self.settings)?))
    }
}
