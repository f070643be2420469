//! What the derives' generated code calls. Not part of the public interface: anything here may
//! change in any release.

use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};
use std::future::{self, Future};
use std::marker::PhantomData;
use std::time::Duration;

pub use serde::Serialize;
pub use serde::de::DeserializeOwned;
pub use std::vec::Vec;

use crate::error::Error;
use crate::key::{KeyEncoder, KeyPart};
use crate::model::schema::CacheSchema;
pub use crate::model::schema::fingerprint;
pub use crate::stats::StaticSlot;

/// Appends a key part; an error of its bound stands at the field's type.
#[inline]
pub fn encode<P: KeyPart>(part: &P, encoder: &mut KeyEncoder) {
    part.encode(encoder);
}

/// Copies a key part; an error of its bound stands at the field's type.
#[inline]
pub fn clone<P: Clone>(part: &P) -> P {
    part.clone()
}

/// A text part, as the fetch function takes it.
#[inline]
pub fn text<P: AsRef<str>>(part: &P) -> &str {
    part.as_ref()
}

/// The `Debug` form of a lookup, which never shows the key's values.
pub fn debug(formatter: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
    formatter.debug_struct(name).finish_non_exhaustive()
}

/// The parts of several lookups.
pub fn gather<L, P>(lookups: &[&L], parts: fn(&L) -> P) -> Vec<P> {
    lookups.iter().map(|lookup| parts(lookup)).collect()
}

/// What a fetch function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a fetch function cannot return `{Self}` here",
    label = "wrong return type",
    note = "a fetch function returns `Result<{T}, E>` or `Result<Option<{T}>, E>`, where `E` is \
            any error"
)]
pub trait FetchOutput<T> {
    /// The fetch function's error.
    type Error;

    /// An object that was found, or nothing.
    #[doc(hidden)]
    fn into_found(self) -> Result<Option<T>, Self::Error>;
}

impl<T, E> FetchOutput<T> for Result<T, E> {
    type Error = E;

    fn into_found(self) -> Result<Option<T>, E> {
        self.map(Some)
    }
}

impl<T, E> FetchOutput<T> for Result<Option<T>, E> {
    type Error = E;

    fn into_found(self) -> Self {
        self
    }
}

/// What a `fetch_many` function may return for objects of type `T`.
#[diagnostic::on_unimplemented(
    message = "a `fetch_many` function cannot return `{Self}` here",
    label = "wrong return type",
    note = "a `fetch_many` function returns `Result<Vec<{T}>, E>`, where `E` is any error"
)]
pub trait FetchManyOutput<T> {
    /// The fetch function's error.
    type Error;

    /// The objects that were found.
    #[doc(hidden)]
    fn into_found(self) -> Result<Vec<T>, Self::Error>;
}

impl<T, E> FetchManyOutput<T> for Result<Vec<T>, E> {
    type Error = E;

    fn into_found(self) -> Self {
        self
    }
}

/// The result of a fetch function.
#[inline]
pub fn found<T, O: FetchOutput<T>>(
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Option<T>, Error> {
    output.into_found().map_err(into_error)
}

/// The result of a `fetch_many` function.
#[inline]
pub fn found_many<T, O: FetchManyOutput<T>>(
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Vec<T>, Error> {
    output.into_found().map_err(into_error)
}

/// Stands where a fetch function is missing, beside the error that says so.
pub fn never<T: Send>() -> impl Future<Output = Result<Option<T>, Error>> + Send {
    future::pending()
}

/// What a `ttl_with` function may return.
#[diagnostic::on_unimplemented(
    message = "a `ttl_with` function cannot return `{Self}`",
    label = "wrong return type",
    note = "it takes the object by reference and returns `Duration` or `Option<Duration>`"
)]
pub trait IntoTtl {
    /// The time to live, or none of its own.
    #[doc(hidden)]
    fn into_ttl(self) -> Option<Duration>;
}

impl IntoTtl for Duration {
    fn into_ttl(self) -> Option<Duration> {
        Some(self)
    }
}

impl IntoTtl for Option<Duration> {
    fn into_ttl(self) -> Self {
        self
    }
}

/// The result of a `ttl_with` function.
pub fn ttl(ttl: impl IntoTtl) -> Option<Duration> {
    ttl.into_ttl()
}

/// A field's type, whose fingerprint counts if it has one: where `T` implements `CacheSchema`, the
/// inherent constant goes before the one of [`Unknown`].
#[derive(Debug)]
pub struct Known<T: ?Sized>(PhantomData<T>);

impl<T: CacheSchema + ?Sized> Known<T> {
    /// The type's own. Types that contain each other meet here, and the compiler's error about
    /// the cycle shows the line.
    #[rustfmt::skip]
    pub const FINGERPRINT: u64 = T::FINGERPRINT; // a cycle? mark one field #[cache(opaque)]
}

/// A type without `CacheSchema` is covered by its name only.
pub trait Unknown {
    /// Nothing is known.
    const FINGERPRINT: u64 = 0;
}

impl<T: ?Sized> Unknown for Known<T> {}

/// Stands for the type of a fetch function's error.
#[derive(Debug)]
pub struct Tag<E>(PhantomData<E>);

impl<E> Tag<E> {
    /// The tag of an error's type.
    pub fn of(_: &E) -> Self {
        Self(PhantomData)
    }
}

/// The best way to keep an error: of the three implementations a method call on `&&&Tag<E>` takes
/// the first one that applies.
pub trait ErrorKindOf {
    /// The way.
    type Kind;

    /// The way.
    fn cachecow_error_kind(&self) -> Self::Kind;
}

impl<E: StdError + Send + Sync + 'static> ErrorKindOf for &&Tag<E> {
    type Kind = Standard;

    fn cachecow_error_kind(&self) -> Standard {
        Standard
    }
}

impl<E: Debug + Display + Send + Sync + 'static> ErrorKindOf for &Tag<E> {
    type Kind = Displayed;

    fn cachecow_error_kind(&self) -> Displayed {
        Displayed
    }
}

impl<E> ErrorKindOf for Tag<E> {
    type Kind = Refused;

    fn cachecow_error_kind(&self) -> Refused {
        Refused
    }
}

/// For a `std::error::Error`.
#[derive(Debug)]
pub struct Standard;

impl Standard {
    /// Wraps the error.
    pub fn wrap<E: StdError + Send + Sync + 'static>(self, lookup: &str, error: E) -> Error {
        Error::fetch(lookup, error)
    }
}

/// For what can be shown.
#[derive(Debug)]
pub struct Displayed;

impl Displayed {
    /// Wraps the error.
    pub fn wrap<E: Debug + Display + Send + Sync + 'static>(self, lookup: &str, error: E) -> Error {
        Error::fetch_opaque(lookup, error)
    }
}

/// For what is no error.
#[derive(Debug)]
pub struct Refused;

impl Refused {
    /// Does not compile.
    pub fn wrap<E: FetchError>(self, lookup: &str, error: E) -> Error {
        Error::fetch_opaque(lookup, error)
    }
}

/// The least that is asked of a fetch function's error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a fetch function",
    label = "this function's error type",
    note = "the error is kept and shown, so it has to be `Debug + Display + Send + Sync + 'static`"
)]
pub trait FetchError: Debug + Display + Send + Sync + 'static {}
