//! The one public error.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, in one word.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{CacheCow, ErrorKind};
///
/// let error = CacheCow::open("rediss//cache").await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::InvalidUrl);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The fetch function failed; [`Error::fetch_error`] gives its error back.
    Fetch,
    /// The cache's URL is malformed, or names a scheme that is unknown or not compiled in.
    InvalidUrl,
    /// A setting of the builder cannot be used.
    InvalidConfig,
    /// An invalidation did not reach the cache. It is retried in the background until it does;
    /// until then, reads of those keys by this process go past the cache, and other processes may
    /// still be served the old value, for no longer than its time to live.
    NotInvalidated,
    /// A write was not started, because its hold could not be placed and
    /// [`require_hold`](crate::Write::require_hold) asks for one.
    HoldRefused,
    /// The cache cannot be reached, or refused the operation.
    Unavailable,
    /// A store has no value under the key.
    NotFound,
    /// A store does not take such a key; nothing was read or written.
    InvalidKey,
    /// No store takes such a time to live; nothing was written.
    InvalidTtl,
    /// The store cannot do this, or must not; or a method that blocks was called inside of an async runtime.
    Unsupported,
    /// The value is larger than the store takes; nothing was written.
    TooLarge,
    /// A stored value is not what was signed: it was changed, cut, extended or moved.
    Tampered,
    /// The store, or the file or reader handed to it, failed.
    Store,
}

/// An error of cachecow, cheap to clone: callers that shared a load share its error.
///
/// `Display` names the operation, the type and the remedy, never a key's value, a credential or
/// the source: walk [`source`](StdError::source) for the cause.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # use std::io;
/// use cachecow::{CacheCow, Cached, ErrorKind};
///
/// #[derive(Debug, Cached)]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64 }
///
/// impl User {
///     async fn find(_: i64) -> Result<User, io::Error> {
///         Err(io::ErrorKind::TimedOut.into())
///     }
/// }
///
/// let error = CacheCow::memory().get(User::by_id(42)).await.unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Fetch);
/// let cause = error.fetch_error::<io::Error>().unwrap();      // the fetch function's own error
/// assert_eq!(cause.kind(), io::ErrorKind::TimedOut);
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone)]
pub struct Error {
    inner: Arc<Inner>,
    attached: Option<Arc<Error>>,
}

struct Inner {
    kind: ErrorKind,
    message: String,
    source: Source,
}

enum Source {
    None,
    Error(Box<dyn StdError + Send + Sync>),
    /// The fetch function's own error, and how to see it as a `dyn Error`.
    Fetch(
        Box<dyn Any + Send + Sync>,
        fn(&(dyn Any + Send + Sync)) -> Option<&(dyn StdError + 'static)>,
    ),
}

impl Error {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self::with_source(kind, message, Source::None)
    }

    pub(crate) fn caused_by(
        kind: ErrorKind,
        message: impl Into<String>,
        source: impl StdError + Send + Sync + 'static,
    ) -> Self {
        Self::with_source(kind, message, Source::Error(Box::new(source)))
    }

    fn with_source(kind: ErrorKind, message: impl Into<String>, source: Source) -> Self {
        Self { inner: Arc::new(Inner { kind, message: message.into(), source }), attached: None }
    }

    /// The cache's URL is not valid, for this reason. `why` says what to write instead, and shows nothing
    /// that may be a password.
    ///
    /// ```
    /// # use cachecow::{Error, ErrorKind};
    /// let error = Error::invalid_url("it names no table; write table://name");
    /// assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    /// ```
    pub fn invalid_url(why: &str) -> Self {
        Self::new(ErrorKind::InvalidUrl, format!("the cache's URL is not valid: {why}"))
    }

    /// The cache cannot be opened, since what lies below it failed: a file, a connection, a server.
    ///
    /// `what` names it, without a password.
    pub fn unavailable(what: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::caused_by(ErrorKind::Unavailable, format!("{what} cannot be reached"), source)
    }

    /// The store has no value under the key that `operation` was given.
    pub fn not_found(operation: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("{operation}: there is no value under this key"))
    }

    /// The store does not take the key that `operation` was given. `why` says what is wrong with the key,
    /// and does not show it.
    ///
    /// ```
    /// # use cachecow::{Error, ErrorKind};
    /// let error = Error::invalid_key("put", "has an upper-case letter");
    /// assert_eq!(error.kind(), ErrorKind::InvalidKey);
    /// assert_eq!(error.to_string(), "put: the key has an upper-case letter");
    /// ```
    pub fn invalid_key(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::InvalidKey, format!("{operation}: the key {why}"))
    }

    /// The store does not take the time to live that `operation` was given, for this reason.
    pub fn invalid_ttl(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::InvalidTtl, format!("{operation}: {why}"))
    }

    /// What `operation` found stored is not what was signed, for this reason.
    pub fn tampered(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::Tampered, format!("{operation}: {why}"))
    }

    /// The store cannot do `operation`, for this reason.
    pub fn unsupported(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("{operation} is not supported: {why}"))
    }

    /// The value is longer than the store's limit, in bytes.
    pub fn too_large(operation: &str, limit: u64) -> Self {
        let message = format!("{operation}: the value is larger than this store's {limit} bytes");
        Self::new(ErrorKind::TooLarge, message)
    }

    /// What lies below a store failed: a file, a connection, a server.
    pub fn store(operation: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::caused_by(ErrorKind::Store, format!("{operation}: the store failed"), source)
    }

    /// A fetch function's error, for `Lookup` implementations written by hand.
    ///
    /// `lookup` names the lookup, as in `User::by_id`.
    pub fn fetch<E: StdError + Send + Sync + 'static>(lookup: &str, error: E) -> Self {
        Self::with_source(
            ErrorKind::Fetch,
            fetch_message(lookup),
            Source::Fetch(Box::new(error), |any| {
                any.downcast_ref::<E>().map(|error| error as &(dyn StdError + 'static))
            }),
        )
    }

    /// A fetch function's error that is no `std::error::Error` itself, such as `anyhow::Error`.
    pub fn fetch_opaque<E>(lookup: &str, error: E) -> Self
    where
        E: fmt::Debug + fmt::Display + Send + Sync + 'static,
    {
        Self::with_source(
            ErrorKind::Fetch,
            fetch_message(lookup),
            Source::Fetch(Box::new(Opaque(error)), |any| {
                any.downcast_ref::<Opaque<E>>().map(|error| error as &(dyn StdError + 'static))
            }),
        )
    }

    /// What went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// What went wrong besides: the cache's error, where this one is the backing store's.
    pub fn attached(&self) -> Option<&Self> {
        self.attached.as_deref()
    }

    #[cfg(feature = "store")]
    pub(crate) fn with_attached(self, other: Self) -> Self {
        Self { attached: Some(Arc::new(other)), ..self }
    }

    /// The fetch function's own error, if this is one and its type is `E`.
    ///
    /// ```
    /// # use cachecow::{Error, ErrorKind};
    /// let error = Error::fetch("User::by_id", std::io::Error::other("no route to the database"));
    /// assert_eq!(error.kind(), ErrorKind::Fetch);
    /// assert!(error.fetch_error::<std::io::Error>().is_some());
    /// assert!(error.fetch_error::<std::fmt::Error>().is_none());
    /// ```
    pub fn fetch_error<E: Send + Sync + 'static>(&self) -> Option<&E> {
        match &self.inner.source {
            Source::Fetch(any, _) => any
                .downcast_ref::<E>()
                .or_else(|| any.downcast_ref::<Opaque<E>>().map(|opaque| &opaque.0)),
            Source::None | Source::Error(_) => None,
        }
    }
}

fn fetch_message(lookup: &str) -> String {
    format!("the fetch function of {lookup} failed")
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.inner.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.inner.kind)
            .field("message", &self.inner.message)
            .field("source", &self.source())
            .field("attached", &self.attached)
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.inner.source {
            Source::None => None,
            Source::Error(error) => Some(&**error),
            Source::Fetch(any, as_error) => as_error(&**any),
        }
    }
}

/// Lends `std::error::Error` to an error type that has only `Display` and `Debug`.
struct Opaque<E>(E);

impl<E: fmt::Debug> fmt::Debug for Opaque<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Display> fmt::Display for Opaque<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<E: fmt::Debug + fmt::Display> StdError for Opaque<E> {}
