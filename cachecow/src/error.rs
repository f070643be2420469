//! The one public error.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// The kind of an [`Error`].
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
    /// The fetch function failed; [`Error::fetch_error`] returns its error.
    Fetch,
    /// The cache's URL is malformed, or its scheme is unknown or not compiled in.
    InvalidUrl,
    /// A setting of the builder is invalid.
    InvalidConfig,
    /// The cache did not confirm an invalidation. It is retried in the background until it
    /// succeeds. Until then, reads of those keys in this process bypass the cache, and other
    /// processes may still be served the old value, for at most its time to live.
    NotInvalidated,
    /// A write was not started: its hold could not be placed, and
    /// [`require_hold`](crate::Write::require_hold) requires one.
    HoldRefused,
    /// The cache cannot be reached, or it refused the operation.
    Unavailable,
    /// A store has no value under the key.
    NotFound,
    /// The store does not accept this key; nothing was read or written.
    InvalidKey,
    /// No store accepts this time to live; nothing was written.
    InvalidTtl,
    /// The store does not support the operation, or must not do it; or a blocking method was called inside an async
    /// runtime.
    Unsupported,
    /// The value is larger than the store accepts; nothing was written.
    TooLarge,
    /// A stored value does not match its signature: it was changed, cut, extended or moved.
    Tampered,
    /// The store failed, or a file or reader that was passed to it.
    Store,
}

/// An error of cachecow. It is cheap to clone: callers that share a load share its error.
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
    /// The fetch function's own error, and a function that views it as a `dyn Error`.
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

    /// Makes the error for an invalid cache URL. `why` says what to write instead; it must not show anything that
    /// may be a password.
    ///
    /// ```
    /// # use cachecow::{Error, ErrorKind};
    /// let error = Error::invalid_url("it names no table; write table://name");
    /// assert_eq!(error.kind(), ErrorKind::InvalidUrl);
    /// ```
    pub fn invalid_url(why: &str) -> Self {
        Self::new(ErrorKind::InvalidUrl, format!("the cache's URL is not valid: {why}"))
    }

    /// Makes the error for a cache that cannot be opened, because a file, a connection or a server failed.
    ///
    /// `what` names what failed, without a password.
    pub fn unavailable(what: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::caused_by(ErrorKind::Unavailable, format!("{what} cannot be reached"), source)
    }

    /// Makes the error for a key without a value; `operation` names what the caller asked for.
    pub fn not_found(operation: &str) -> Self {
        Self::new(ErrorKind::NotFound, format!("{operation}: there is no value under this key"))
    }

    /// Makes the error for a key that the store does not accept. `why` says what is wrong with the key; it must not
    /// show the key.
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

    /// Makes the error for a time to live that the store does not accept; `why` is the reason.
    pub fn invalid_ttl(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::InvalidTtl, format!("{operation}: {why}"))
    }

    /// Makes the error for a stored value that does not match its signature; `why` is the reason.
    pub fn tampered(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::Tampered, format!("{operation}: {why}"))
    }

    /// Makes the error for an operation that the store does not support; `why` is the reason.
    pub fn unsupported(operation: &str, why: &str) -> Self {
        Self::new(ErrorKind::Unsupported, format!("{operation} is not supported: {why}"))
    }

    /// Makes the error for a value that is longer than the store's limit, in bytes.
    pub fn too_large(operation: &str, limit: u64) -> Self {
        let message = format!("{operation}: the value is larger than this store's {limit} bytes");
        Self::new(ErrorKind::TooLarge, message)
    }

    /// Makes the error for a failure below a store: of a file, a connection or a server.
    pub fn store(operation: &str, source: impl StdError + Send + Sync + 'static) -> Self {
        Self::caused_by(ErrorKind::Store, format!("{operation}: the store failed"), source)
    }

    /// Wraps a fetch function's error, for `Lookup` implementations written by hand.
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

    /// Wraps a fetch function's error whose type does not implement `std::error::Error`, such as `anyhow::Error`.
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

    /// Returns the kind of the error.
    pub fn kind(&self) -> ErrorKind {
        self.inner.kind
    }

    /// Returns a second error, if there is one: the cache's error, when this error is the backing store's.
    pub fn attached(&self) -> Option<&Self> {
        self.attached.as_deref()
    }

    #[cfg(feature = "store")]
    pub(crate) fn with_attached(self, other: Self) -> Self {
        Self { attached: Some(Arc::new(other)), ..self }
    }

    /// Returns the fetch function's own error, if this error wraps one of type `E`.
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

/// Implements `std::error::Error` for an error type that has only `Display` and `Debug`.
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
