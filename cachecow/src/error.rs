//! The one public error.

use std::any::Any;
use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

/// What went wrong, in one word.
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
    /// [`HoldPolicy::Require`](crate::HoldPolicy::Require) asks for one.
    HoldRefused,
    /// The cache cannot be reached, or refused the operation.
    Unavailable,
}

/// An error of cachecow, cheap to clone: callers that shared a load share its error.
///
/// `Display` names the operation, the type and the remedy, never a key's value, a credential or
/// the source: walk [`source`](StdError::source) for the cause.
#[derive(Clone)]
pub struct Error(Arc<Inner>);

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
        Self(Arc::new(Inner { kind, message: message.into(), source }))
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
        self.0.kind
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
        match &self.0.source {
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
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Error")
            .field("kind", &self.0.kind)
            .field("message", &self.0.message)
            .field("source", &self.source())
            .finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match &self.0.source {
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
