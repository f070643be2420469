//! Backends, which store values and flags.

mod changes;
#[cfg(feature = "conformance")]
pub mod conformance;
mod epochs;
mod flags;
mod holds;
mod memory;
#[cfg(feature = "redis")]
pub(crate) mod redis;
mod sweep;
mod waiters;

use std::error::Error as StdError;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, SystemTime};

use futures_util::FutureExt as _;
use futures_util::future::{self, BoxFuture};

pub use self::changes::ChangeListener;
#[cfg(feature = "store")]
pub(crate) use self::epochs::Epochs;
#[cfg(feature = "store")]
pub(crate) use self::flags::{Flags, ends_lease};
pub use self::memory::MemoryBackend;
#[cfg(feature = "redis")]
pub use self::redis::RedisBackend;
pub(crate) use self::waiters::Waiters;
use crate::key::Key;
use crate::protocol::{Command, Reply};

/// What is wrong with a namespace, which comes before every name in Redis.
pub(crate) fn namespace_fault(namespace: &str) -> Option<&'static str> {
    let wrong = namespace.contains(|c: char| c.is_control() || matches!(c, '{' | '}'));
    wrong.then_some(
        "namespace must hold neither control characters nor braces, which would change the cluster slot",
    )
}

/// One command for one key.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::protocol::{Command, Reply};
/// use cachecow::{CacheBackend, Key, MemoryBackend, Request};
///
/// let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// let replies = backend.execute(vec![Request { key, command: Command::Lookup }]).await;
/// assert_eq!(replies, [Ok(Reply::Absent)]);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The key whose value and flag, or whose epoch, the command uses.
    pub key: Key,
    /// The command.
    pub command: Command,
}

/// The place of a plain read, which changes nothing.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::protocol::{Command, Reply};
/// use cachecow::{CacheBackend, Key, MemoryBackend, Place, Request};
///
/// let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// let places = vec![Place::Value(key), Place::Epoch(key)];
/// let replies = backend.lookup_many(places).await;
/// assert_eq!(replies, [Ok(Reply::Absent), Ok(Reply::Absent)]);
/// // The same as a command, for a backend that has no cheaper way.
/// assert_eq!(Request::from(Place::Epoch(key)).command, Command::ReadEpoch);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Place {
    /// The value of a key, read by [`Lookup`](Command::Lookup).
    Value(Key),
    /// An epoch, read by [`ReadEpoch`](Command::ReadEpoch).
    Epoch(Key),
}

impl Place {
    /// Returns the key of the value or of the epoch.
    pub fn key(self) -> Key {
        match self {
            Self::Value(key) | Self::Epoch(key) => key,
        }
    }
}

impl From<Place> for Request {
    fn from(place: Place) -> Self {
        match place {
            Place::Value(key) => Self { key, command: Command::Lookup },
            Place::Epoch(key) => Self { key, command: Command::ReadEpoch },
        }
    }
}

/// A future that completes when a watched key may have changed; see [`CacheBackend::watch`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use cachecow::protocol::{Command, Token};
/// use cachecow::{CacheBackend, Key, MemoryBackend, Request, Watch};
///
/// let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// let (token, lease) = (Token::from_bytes([7; 16]), Duration::from_secs(30));
/// let claim = Command::Claim { token, lease, replacing: None };
/// backend.execute(vec![Request { key, command: claim }]).await;
///
/// let watch: Watch = backend.watch(key).await?;
/// // The reader with the lease gives it back.
/// backend.execute(vec![Request { key, command: Command::Abandon { token } }]).await;
/// watch.await?;
/// # Ok(())
/// # }
/// ```
pub type Watch = BoxFuture<'static, Result<(), BackendError>>;

/// The storage operations of the protocol, which a backend implements.
///
/// An implementation must execute each [`Command`] atomically for its key, as the table in
/// [`protocol`](crate::protocol) says. It needs no timeouts or retries of its own: the cache adds a timeout and a
/// circuit breaker. `conformance::all` (feature `conformance`) checks an implementation.
/// [`Builder::backend_scheme`](crate::Builder::backend_scheme) gives it a URL scheme.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
/// use std::time::Duration;
/// use cachecow::protocol::Reply;
/// use cachecow::{BackendError, CacheBackend, CacheCow, Key, MemoryBackend, Request};
/// use futures_util::future::BoxFuture;
///
/// /// Another backend, whose round trips are counted.
/// #[derive(Debug, Default)]
/// struct Counted<B> { backend: B, round_trips: AtomicU64 }
///
/// impl<B: CacheBackend> CacheBackend for Counted<B> {
///     fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
///         self.round_trips.fetch_add(1, Relaxed);
///         self.backend.execute(requests)
///     }
///     fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
///         self.backend.ping()
///     }
///     fn reset(&self) {
///         self.backend.reset();
///     }
/// }
///
/// let backend = Arc::new(Counted::<MemoryBackend>::default());
/// let cow = CacheCow::builder().backend(Arc::clone(&backend))?;
/// let read = || {
///     let (key, minute) = (Key::of("answer", ()), Duration::from_secs(60));
///     cow.get_or_fetch(key, minute, async || Ok::<_, std::io::Error>(42))
/// };
/// read().await?;
/// backend.round_trips.store(0, Relaxed);
/// read().await?;
/// assert_eq!(backend.round_trips.load(Relaxed), 1, "a hit");
/// # Ok(())
/// # }
/// ```
///
/// # Consistency
///
/// Commands of one key take effect in one order, which is the same for all clients. A value, a flag or an epoch may
/// vanish at any time (expiry, eviction, a flush), but must never come back. Epochs have separate places: a value
/// and an epoch of one key are independent.
///
/// # Cancellation
///
/// If a future is dropped, its commands may have been carried out or not, or may still be carried out later.
/// Commands that the same client sends afterwards must take effect after them, unless the connection was replaced in between
/// ([`reset`](Self::reset)): a command that was lost then may still arrive. A late
/// [`Hold`](Command::Hold) keeps fills out until it expires. Nothing becomes stale, because each token is used once.
pub trait CacheBackend: fmt::Debug + Send + Sync + 'static {
    /// Executes the requests in one round trip for each server involved, and returns one answer for
    /// each, in order. The requests of one batch may take effect in any order: if one depends on
    /// another, the caller sends it after the other was answered.
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>>;

    /// Executes one [`Lookup`](Command::Lookup), by far the most frequent request. Override it if
    /// there is a cheaper way than [`execute`](Self::execute).
    ///
    /// # Errors
    ///
    /// [`BackendError`], if the cache did not answer.
    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        async move {
            let request = Request { key, command: Command::Lookup };
            let reply = self.execute(vec![request]).await.pop();
            reply.unwrap_or_else(|| Err(BackendError::new(BackendErrorKind::Malformed, "")))
        }
        .boxed()
    }

    /// Reads the places, and returns one answer for each, in order. Override it if there is a cheaper way than
    /// [`execute`](Self::execute). The reads may take effect in any order.
    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        self.execute(places.into_iter().map(Request::from).collect())
    }

    /// Returns whether the cache should combine concurrent lookups into one [`lookup_many`](Self::lookup_many):
    /// useful if each command is a network message. The default is `false`.
    ///
    /// Every caller in such a batch waits for the whole batch.
    fn combines_lookups(&self) -> bool {
        false
    }

    /// Watches a key while another reader has the lease, so that readers that wait for the fill
    /// need not poll. This future completes when the watch is set up. The [`Watch`] completes when
    /// the value or the flag may have changed since, or at once if there is no lease. It may
    /// complete without a change.
    ///
    /// If a backend cannot watch (the default), the readers poll.
    ///
    /// # Errors
    ///
    /// [`BackendError`] if the key cannot be watched. The `Watch` fails if the key is no longer watched.
    ///
    /// # Cancellation
    ///
    /// Both futures may be dropped at any time; nothing remains of them.
    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let _ = key;
        future::ready(Err(BackendError::new(BackendErrorKind::Unsupported, "no watch"))).boxed()
    }

    /// Asks whether the cache can be reached.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if it cannot be reached.
    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Reports every change of a value and every end of an epoch to the listener, as long as the listener exists.
    /// If changes can no longer be heard, the listener notices within `lag`.
    ///
    /// A backend that cannot report changes does nothing, like this default. Then the listener is never current,
    /// and the near tier keeps nothing.
    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        let _ = (listener, lag);
    }

    /// Sets the program's clock ([`Builder::clock`](crate::Builder::clock)), if it has one; called before the first
    /// command. If several caches share a backend, it may be called several times; the first clock counts.
    ///
    /// A backend in this process's memory expires values by this clock. It must not expire leases and holds by it:
    /// they protect loads and writes for a real duration, but a clock may be set forward. If a server's clock
    /// decides what has expired, the backend needs no clock, and does nothing, like this default.
    fn use_clock(&self, clock: &Arc<dyn Fn() -> SystemTime + Send + Sync>) {
        let _ = clock;
    }

    /// Returns whether the cache belongs to this process alone, so that other processes do not see its invalidations. The
    /// default is `false`. A follower of a change log then refuses a log that only one process reads.
    fn is_of_this_process(&self) -> bool {
        false
    }

    /// Called when several operations in a row time out: the backend should replace a connection
    /// that may be half-open.
    fn reset(&self);
}

impl<B: CacheBackend + ?Sized> CacheBackend for Arc<B> {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        (**self).execute(requests)
    }

    fn lookup(&self, key: Key) -> BoxFuture<'_, Result<Reply, BackendError>> {
        (**self).lookup(key)
    }

    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        (**self).lookup_many(places)
    }

    fn combines_lookups(&self) -> bool {
        (**self).combines_lookups()
    }

    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        (**self).watch(key)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        (**self).ping()
    }

    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        (**self).follow(listener, lag);
    }

    fn use_clock(&self, clock: &Arc<dyn Fn() -> SystemTime + Send + Sync>) {
        (**self).use_clock(clock);
    }

    fn is_of_this_process(&self) -> bool {
        (**self).is_of_this_process()
    }

    fn reset(&self) {
        (**self).reset();
    }
}

/// The error for a command that the cache did not carry out, or whose result is not known.
///
/// ```
/// use std::io;
/// use cachecow::{BackendError, BackendErrorKind};
///
/// /// What a backend makes of its driver's errors.
/// fn failed(error: &io::Error) -> BackendError {
///     let kind = match error.kind() {
///         io::ErrorKind::PermissionDenied | io::ErrorKind::StorageFull => BackendErrorKind::Rejected,
///         io::ErrorKind::InvalidData => BackendErrorKind::Malformed,
///         _ => BackendErrorKind::Disconnected,
///     };
///     BackendError::new(kind, error.kind().to_string())
/// }
///
/// let error = failed(&io::ErrorKind::ConnectionReset.into());
/// assert_eq!(error.kind(), BackendErrorKind::Disconnected);
/// assert_eq!(error.to_string(), "the cache cannot be reached: connection reset");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendError {
    kind: BackendErrorKind,
    detail: String,
}

/// The kinds of [`BackendError`]. A backend chooses one, and the cache acts on it.
///
/// In each case the fetch function serves the read, a write's work runs (unless the write requires its hold), and an
/// invalidation is retried in the background. [`Disconnected`](Self::Disconnected) and [`TimedOut`](Self::TimedOut) also mean
/// that the cache cannot be reached: three of them in a row open the circuit breaker. [`Rejected`](Self::Rejected) and
/// [`Malformed`](Self::Malformed) mean that the cache answers: they close it.
///
/// [`BackendError`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// No connection could be opened, or it broke. The command may have been carried out.
    Disconnected,
    /// No answer within [`operation_timeout`](crate::Builder::operation_timeout). The command may have been carried out, or may
    /// still be. When a timeout opens the circuit breaker or keeps it open, the cache calls [`CacheBackend::reset`].
    TimedOut,
    /// The server answered that it refuses: out of memory, read-only, loading, no permission, … An event
    /// (`cache_refuses`) has the detail.
    Rejected,
    /// The server's answer is invalid, or answers are missing.
    Malformed,
    /// The command was not sent: the circuit breaker is open after earlier failures. The cache itself makes this error; a
    /// backend has no use for it.
    CircuitOpen,
    /// This backend does not support the operation. Return it from [`CacheBackend::watch`]: then readers poll.
    Unsupported,
}

impl BackendError {
    /// Makes an error of this kind. `detail` must not contain credentials or values.
    pub fn new(kind: BackendErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Returns the kind of failure.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// Returns the detail.
    #[cfg(feature = "redis")]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the failure means that the whole cache cannot be reached, not that it refused one
    /// command.
    pub(crate) fn is_outage(&self) -> bool {
        matches!(self.kind, BackendErrorKind::Disconnected | BackendErrorKind::TimedOut)
    }
}

impl fmt::Display for BackendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.kind {
            BackendErrorKind::Disconnected => "the cache cannot be reached",
            BackendErrorKind::TimedOut => "the cache did not answer in time",
            BackendErrorKind::Rejected => "the cache refused the operation",
            BackendErrorKind::Malformed => "the cache gave a malformed answer",
            BackendErrorKind::CircuitOpen => "the cache is not asked while it keeps failing",
            BackendErrorKind::Unsupported => "the cache cannot do this",
        };
        if self.detail.is_empty() {
            f.write_str(what)
        } else {
            write!(f, "{what}: {}", self.detail)
        }
    }
}

impl StdError for BackendError {}
