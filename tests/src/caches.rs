//! One cache on each backend, opened as often as a test has processes.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::store::StoreBackend;
use cachecow::{
    Builder, CacheBackend, CacheCow, Key, Lookup, MemoryBackend, MemoryStore, RedisBackend, Request,
};

use crate::backends::{Guardless, Scripted, Tokenless, Unguarded};
use crate::servers::RedisServer;

/// A cache, and what is needed to look behind it.
#[derive(Debug)]
pub struct Cache {
    backend: Scripted<Arc<dyn CacheBackend>>,
    /// The server, if it is Redis.
    pub server: Option<RedisServer>,
}

impl Cache {
    /// The embedded one.
    pub fn memory() -> Self {
        Self::of(MemoryBackend::default())
    }

    /// A real Redis.
    ///
    /// # Panics
    ///
    /// If there is no server to be had.
    pub fn redis() -> Self {
        let server = RedisServer::start();
        let backend =
            RedisBackend::from_url(&server.url(), Duration::from_secs(5)).expect("a valid address");
        Self { server: Some(server), ..Self::of(backend) }
    }

    /// Any key-value store.
    pub fn store() -> Self {
        Self::of(StoreBackend::new(MemoryStore::new()))
    }

    /// Without tokens, as a negative control.
    pub fn tokenless() -> Self {
        Self::of(Tokenless(MemoryBackend::default()))
    }

    /// Without the guard of some values, as a negative control.
    pub fn unguarded(which: fn(&[u8]) -> bool) -> Self {
        Self::of(Unguarded { inner: MemoryBackend::default(), which })
    }

    /// Without the guard of a type's tags, as a negative control.
    pub fn guardless(guard: Key) -> Self {
        Self::of(Guardless(MemoryBackend::default(), guard))
    }

    fn of(backend: impl CacheBackend) -> Self {
        Self { backend: Scripted::new(Arc::new(backend)), server: None }
    }

    /// Opens the cache as another process would: with nothing shared but the cache.
    ///
    /// # Panics
    ///
    /// If the builder's settings are invalid.
    pub fn open(&self, builder: Builder) -> CacheCow {
        // A busy machine must not pass for an outage.
        let patient = builder.operation_timeout(Duration::from_secs(20));
        patient.backend(self.backend.clone()).expect("valid settings")
    }

    /// Opens the cache with the default settings.
    pub fn open_default(&self) -> CacheCow {
        self.open(CacheCow::builder())
    }

    /// The seam between the engine and the cache.
    pub fn script(&self) -> &Scripted<Arc<dyn CacheBackend>> {
        &self.backend
    }

    /// Waits until the background has told the cache of everything.
    pub async fn until_nothing_is_pending(&self, cow: &CacheCow) {
        while cow.stats().pending_invalidations > 0 {
            if self.server.is_none() {
                tokio::time::advance(Duration::from_millis(100)).await;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Carries a command out, past every `CacheCow`.
    ///
    /// # Panics
    ///
    /// If the cache does not answer.
    pub async fn ask(&self, lookup: &impl Lookup, command: Command) -> Reply {
        self.ask_key(lookup.key().key(), command).await
    }

    /// [`ask`](Self::ask), by key.
    ///
    /// # Panics
    ///
    /// If the cache does not answer.
    pub async fn ask_key(&self, key: Key, command: Command) -> Reply {
        let mut replies = self.backend.execute(vec![Request { key, command }]).await;
        replies.remove(0).expect("an answer")
    }

    /// Whether there is a value.
    ///
    /// # Panics
    ///
    /// If the cache does not answer.
    pub async fn has(&self, lookup: &impl Lookup) -> bool {
        self.value(lookup).await.is_some()
    }

    /// The value as it is stored, if there is one.
    ///
    /// # Panics
    ///
    /// If the cache does not answer.
    pub async fn value(&self, lookup: &impl Lookup) -> Option<Bytes> {
        match self.ask(lookup, Command::Lookup).await {
            Reply::Value(value) => Some(value),
            _ => None,
        }
    }

    /// Puts a value where another may stand, as nobody but a test does.
    ///
    /// # Panics
    ///
    /// If it is not taken.
    pub async fn forge(&self, lookup: &impl Lookup, value: impl Into<Bytes>) {
        self.ask(lookup, Command::Invalidate).await;
        let token = self.take_flag(lookup).await;
        let ttl = Duration::from_secs(3600);
        let fill = Command::Fill { token, value: value.into(), ttl };
        assert_eq!(self.ask(lookup, fill).await, Reply::Settled);
    }

    /// Takes the flag, as another process would that is about to fill.
    ///
    /// # Panics
    ///
    /// If the flag is not free.
    pub async fn take_flag(&self, lookup: &impl Lookup) -> Token {
        let token = Token::from_bytes(*b"a foreign token!");
        let lease = Duration::from_secs(60);
        let claim = Command::Claim { token, lease, replacing: None };
        assert!(matches!(self.ask(lookup, claim).await, Reply::Claimed(_)));
        token
    }

    /// Whether nobody has the flag: it is taken for a moment to find out.
    ///
    /// # Panics
    ///
    /// If there is a value, which says nothing of the flag.
    pub async fn flag_is_free(&self, lookup: &impl Lookup) -> bool {
        let token = Token::from_bytes(*b"to see if it can");
        let lease = Duration::from_secs(60);
        match self.ask(lookup, Command::Claim { token, lease, replacing: None }).await {
            Reply::Claimed(_) => {
                assert_eq!(self.ask(lookup, Command::Abandon { token }).await, Reply::Settled);
                true
            }
            Reply::Leased | Reply::Held => false,
            reply => panic!("there is a value: {reply:?}"),
        }
    }
}

/// [`on_both_backends!`](crate::on_both_backends!), and a third test with any store as the cache.
#[macro_export]
macro_rules! on_every_cache {
    ($($(#[$attribute:meta])* async fn $name:ident($cache:ident) $body:block)*) => {
        $crate::on_both_backends! {
            $($(#[$attribute])* async fn $name($cache) $body)*
        }

        mod on_any_store {
            #[allow(unused_imports, reason = "not every case needs everything")]
            use super::*;
            $(
                $(#[$attribute])*
                #[tokio::test]
                async fn $name() {
                    let $cache = $crate::caches::Cache::store();
                    $body
                }
            )*
        }
    };
}

/// Makes two tests of each `async fn name(cache: Cache)`: one on the embedded backend, with time
/// standing still, and one on a real Redis.
#[macro_export]
macro_rules! on_both_backends {
    ($($(#[$attribute:meta])* async fn $name:ident($cache:ident) $body:block)*) => {
        mod on_memory {
            #[allow(unused_imports, reason = "not every case needs everything")]
            use super::*;
            $(
                $(#[$attribute])*
                #[tokio::test(start_paused = true)]
                async fn $name() {
                    let $cache = $crate::caches::Cache::memory();
                    $body
                }
            )*
        }

        mod on_redis {
            #[allow(unused_imports, reason = "not every case needs everything")]
            use super::*;
            $(
                $(#[$attribute])*
                #[tokio::test]
                async fn $name() {
                    let $cache = $crate::caches::Cache::redis();
                    $body
                }
            )*
        }
    };
}
