//! Where values and flags live.

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
    /// The key whose value and flag, or whose epoch, the command is about.
    pub key: Key,
    /// What to do.
    pub command: Command,
}

/// Where a plain read looks, which changes nothing.
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
    /// The key of the value or of the epoch.
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

/// Completes when a watched key may have changed; see [`CacheBackend::watch`].
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

/// The protocol's storage operations.
///
/// An implementation carries each [`Command`] out atomically for its key, as the table in
/// [`protocol`](crate::protocol) says, and bounds neither time nor failures itself: the caller
/// wraps it with a timeout and a circuit breaker. `conformance::all` (feature `conformance`) checks
/// an implementation, and [`Builder::backend_scheme`](crate::Builder::backend_scheme) gives it a URL.
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
/// Commands of one key take effect in one order that every client sees. A value, a flag or an epoch
/// may vanish at any time (expiry, eviction, a flush); it may never come back. Epochs have places of
/// their own: a value and an epoch of one key know nothing of each other.
///
/// # Cancellation
///
/// A dropped future may or may not have carried its commands out, or may still do so later. Commands
/// sent after it by the same client take effect after it.
pub trait CacheBackend: fmt::Debug + Send + Sync + 'static {
    /// Carries the requests out in one round trip for each server concerned, and answers each, in
    /// order. The requests of one batch may take effect in any order: what one of them needs of
    /// another is sent after the other was answered.
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>>;

    /// Carries out one [`Lookup`](Command::Lookup), the most frequent request by far; as
    /// [`execute`](Self::execute) would, unless there is a cheaper way.
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

    /// Reads each of the places, and answers each, in order; as [`execute`](Self::execute) would, unless
    /// there is a cheaper way. The reads may take effect in any order.
    fn lookup_many(&self, places: Vec<Place>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        self.execute(places.into_iter().map(Request::from).collect())
    }

    /// Whether lookups that callers ask for at the same time are better carried out together, by
    /// [`lookup_many`](Self::lookup_many): where each command is a message. They are not by default.
    ///
    /// Every caller of such a batch waits for the whole of it.
    fn combines_lookups(&self) -> bool {
        false
    }

    /// Watches a key under another's lease, so that who waits for the fill need not poll. Completes
    /// when the watch stands; the [`Watch`] completes when the value or the flag may have changed
    /// since, and at once if there is no lease to begin with. It may complete for nothing.
    ///
    /// A backend that cannot watch, as is the default, is asked again and again instead.
    ///
    /// # Errors
    ///
    /// [`BackendError`] if the key is not watched, from the `Watch` if it is no longer.
    ///
    /// # Cancellation
    ///
    /// Either future may be dropped at any time and leaves nothing behind.
    fn watch(&self, key: Key) -> BoxFuture<'_, Result<Watch, BackendError>> {
        let _ = key;
        future::ready(Err(BackendError::new(BackendErrorKind::Unsupported, "no watch"))).boxed()
    }

    /// Asks whether the cache can be reached.
    ///
    /// # Errors
    ///
    /// [`BackendError`], if not.
    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>>;

    /// Tells the listener of every change of a value and every end of an epoch, for as long as it lives.
    /// While the cache cannot be heard, the listener takes at most `lag` to notice.
    ///
    /// A backend that cannot tell does nothing, and so does this default: the listener is then never
    /// current, and nothing is kept near.
    fn follow(&self, listener: Weak<dyn ChangeListener>, lag: Duration) {
        let _ = (listener, lag);
    }

    /// Hands over the program's clock ([`Builder::clock`](crate::Builder::clock)), if it has one of its own, before the
    /// first command. A backend that several caches share may be given several; the first counts.
    ///
    /// A backend in this process's memory ends values by it. Leases and holds it does not: they protect loads and
    /// writes for a time that passes, and a clock may be put forward. A backend whose server's clock says what
    /// has expired needs none, and does nothing as this default does.
    fn use_clock(&self, clock: &Arc<dyn Fn() -> SystemTime + Send + Sync>) {
        let _ = clock;
    }

    /// Told when operations time out one after another: a connection that may be half-open should
    /// be replaced.
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

    fn reset(&self) {
        (**self).reset();
    }
}

/// Why the cache did not carry a command out, or could not say that it did.
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

/// The kinds of [`BackendError`].
///
/// [`BackendError`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum BackendErrorKind {
    /// No connection could be had, or it broke.
    Disconnected,
    /// No answer within the operation timeout.
    TimedOut,
    /// The server refused: out of memory, read-only, loading, no permission, …
    Rejected,
    /// The server's answer makes no sense.
    Malformed,
    /// Not sent: the circuit breaker is open after earlier failures.
    CircuitOpen,
    /// This backend cannot do it.
    Unsupported,
}

impl BackendError {
    /// An error of this kind; `detail` must hold no credentials and no values.
    pub fn new(kind: BackendErrorKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> BackendErrorKind {
        self.kind
    }

    /// What is known besides the kind.
    #[cfg(feature = "redis")]
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Whether the failure says that the cache as a whole is out of reach, rather than that it
    /// refused one command.
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
