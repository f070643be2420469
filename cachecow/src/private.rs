//! What the derives' generated code calls. It is not part of the public interface: anything here
//! may change in any release.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt::{self, Debug, Display};
use std::future::{self, Future};
use std::marker::PhantomData;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
pub use std::string::String;
pub use std::sync::Arc;
pub use std::vec::Vec;

pub use crate::codec::{Comparison, DecodeError, Decoder, Encoder};

use crate::error::Error;
/// The table behind `docs/events.md`, for the tests.
pub use crate::events::{EVENTS, EventInfo, Often};
pub use crate::key::Template;
use crate::key::{Key, KeyEncoder, KeyPart};
#[cfg(feature = "log")]
pub use crate::log::via::{NamedKeys, named_keys};
pub use crate::model::blocking::{BlockingContext, blocking};
pub use crate::model::by_reference::{
    Checked, KnownArguments, Learns, OneReference, Taking, by_reference,
};
pub use crate::model::cached::WholeKey;
pub use crate::model::call::{
    Async, Fetching, Function, GivenAs, NoWay, NotPassed, Nothing, Takes, call, call_blocking,
};
pub use crate::model::list::list_fingerprint;
pub use crate::model::listed::{
    BlockingListOutput, ListOutput, OfMembers, OfObjects, listed, listed_blocking,
};
pub use crate::model::output::{
    BlockingManyOutput, BlockingOutput, FetchManyOutput, FetchOutput, found, found_blocking,
    found_many, found_many_blocking,
};
pub use crate::model::query::QueryTags;
use crate::model::query::{Answer, Query};
use crate::model::schema::CacheSchema;
pub use crate::model::schema::fingerprint;
pub use crate::stats::StaticSlot;
pub use crate::{__cachecow_log_items as log_items, __cachecow_need_log as need_log};

/// Appends a key part. The compiler reports an unmet bound at the field's type.
#[inline]
pub fn encode<P: KeyPart>(part: &P, encoder: &mut KeyEncoder) {
    part.encode(encoder);
}

/// Copies a key part. The compiler reports an unmet bound at the field's type.
#[inline]
pub fn clone<P: Clone>(part: &P) -> P {
    part.clone()
}

/// A text part, as the fetch function takes it.
#[inline]
pub fn text<P: AsRef<str>>(part: &P) -> &str {
    part.as_ref()
}

/// What a `normalize` function may return for a field of type `P`.
#[diagnostic::on_unimplemented(
    message = "a `normalize` function of a field of type `{P}` cannot return `{Self}`",
    label = "wrong return type",
    note = "it takes the field's value by reference (text as `&str`), and returns the value for the \
        key: a `{P}`; for text also a `String`, a `&str` or a `Cow<str>`"
)]
pub trait Normalized<P> {
    /// Returns the value for the key.
    #[doc(hidden)]
    fn into_part(self) -> P;
}

impl<P> Normalized<P> for P {
    fn into_part(self) -> P {
        self
    }
}

macro_rules! normalized_texts {
    ($($from:ty => $($text:ty),*;)*) => {$($(
        impl Normalized<$text> for $from {
            fn into_part(self) -> $text {
                self.into()
            }
        }
    )*)*};
}

normalized_texts! {
    &str => String, Box<str>, Arc<str>;
    Cow<'_, str> => String, Box<str>, Arc<str>;
    String => Box<str>, Arc<str>;
}

/// The result of a `normalize` function.
#[inline]
pub fn normalized<P, N: Normalized<P>>(output: N) -> P {
    output.into_part()
}

/// Writes the `Debug` form of a lookup: its template and the types of its parts. The values may be personal data:
/// only `{:#?}` shows them (and for a type without `Debug`, still only the type).
pub fn debug(
    formatter: &mut fmt::Formatter<'_>,
    (name, template): (&str, &str),
    types: &[&str],
    values: &[Option<&dyn Debug>],
) -> fmt::Result {
    let with_values = formatter.alternate();
    let mut shown = formatter.debug_tuple(name);
    shown.field(&template);
    for (ty, value) in types.iter().zip(values) {
        match value.filter(|_| with_values) {
            Some(value) => shown.field(value),
            None => shown.field(&format_args!("{ty}")),
        };
    }
    shown.finish()
}

/// A part of a lookup, with or without a `Debug` form.
#[derive(Debug)]
pub struct Part<'a, P>(pub &'a P);

/// For parts with `Debug`: a method call on `&&Part` chooses this trait if it applies.
pub trait ShownPart<'a> {
    /// Returns the `Debug` form.
    fn cachecow_debug(&self) -> Option<&'a dyn Debug>;
}

impl<'a, P: Debug> ShownPart<'a> for &Part<'a, P> {
    fn cachecow_debug(&self) -> Option<&'a dyn Debug> {
        Some(self.0)
    }
}

/// For parts without `Debug`.
pub trait HiddenPart<'a> {
    /// Returns `None`.
    fn cachecow_debug(&self) -> Option<&'a dyn Debug>;
}

impl<'a, P> HiddenPart<'a> for Part<'a, P> {
    fn cachecow_debug(&self) -> Option<&'a dyn Debug> {
        None
    }
}

/// The parts of several lookups.
pub fn gather<L, P>(lookups: &[&L], parts: fn(&L) -> P) -> Vec<P> {
    lookups.iter().map(|lookup| parts(lookup)).collect()
}

/// The return types that a query may have.
#[diagnostic::on_unimplemented(
    message = "a query cannot return `{Self}`",
    label = "wrong return type",
    note = "a query returns `Result<T, E>` or `Result<Option<T>, E>`, where `E` is any error"
)]
pub trait QueryOutput {
    /// The value inside the result.
    type Value;
}

#[diagnostic::do_not_recommend]
impl<T, E> QueryOutput for Result<T, E> {
    type Value = T;
}

/// Makes the answer of a query for this key.
#[inline]
pub fn answer<Q: Query, O: FetchOutput<Q::Value>>(
    key: KeyEncoder,
    output: O,
    into_error: fn(O::Error) -> Error,
) -> Result<Option<Answer<Q>>, Error> {
    let found = output.into_found().map_err(into_error)?;
    Ok(found.map(|value| Answer::new(key, value)))
}

/// Returns whether the answer belongs to this key.
#[inline]
pub fn answers<Q: Query>(answer: &Answer<Q>, key: &KeyEncoder) -> bool {
    answer.encoded_key().as_bytes() == key.as_bytes()
}

/// The key of an answer.
pub fn key_of_answer<Q: Query>(answer: &Answer<Q>) -> KeyEncoder {
    answer.encoded_key().clone()
}

/// The shared value of an answer.
#[expect(clippy::needless_pass_by_value, reason = "it is mapped over an `Option` of it")]
pub fn shared_answer<Q: Query>(answer: Arc<Answer<Q>>) -> Arc<Q::Value> {
    answer.shared()
}

/// Visits the epochs that query results with these tags carry.
#[inline]
#[expect(clippy::needless_pass_by_value, reason = "the user's expression is of any type")]
pub fn tags(tags: impl QueryTags, visit: &mut dyn FnMut(Key)) {
    tags.each_epoch(visit);
}

/// Replaces a missing fetch function, beside the compile error that reports it.
pub fn never<T: Send>() -> impl Future<Output = Result<T, Error>> + Send {
    future::pending()
}

/// The types that a `ttl_with` function may return.
#[diagnostic::on_unimplemented(
    message = "a `ttl_with` function cannot return `{Self}`",
    label = "wrong return type",
    note = "it takes the object by reference and returns `Duration` or `Option<Duration>`"
)]
pub trait IntoTtl {
    /// Returns the time to live, or `None` for the type's.
    #[doc(hidden)]
    fn into_ttl(self) -> Option<Duration>;
}

#[diagnostic::do_not_recommend]
impl IntoTtl for Duration {
    fn into_ttl(self) -> Option<Duration> {
        Some(self)
    }
}

#[diagnostic::do_not_recommend]
impl IntoTtl for Option<Duration> {
    fn into_ttl(self) -> Self {
        self
    }
}

/// The result of a `ttl_with` function.
pub fn ttl(ttl: impl IntoTtl) -> Option<Duration> {
    ttl.into_ttl()
}

/// The fingerprint of a field's type: if `T` implements `CacheSchema`, the inherent constant takes precedence over
/// that of [`Unknown`].
#[derive(Debug)]
pub struct Known<T: ?Sized>(PhantomData<T>);

impl<T: CacheSchema> Known<T> {
    /// The type's own fingerprint. If types contain each other, the compiler's error about the
    /// cycle shows this line.
    #[rustfmt::skip]
    pub const FINGERPRINT: u64 = T::FINGERPRINT; // a cycle? mark one field #[cache(recursive)]
}

/// For a type without `CacheSchema`: the compiler already reports it where the field is written and read. This
/// avoids a second error.
pub trait Unknown {
    /// No fingerprint is known.
    const FINGERPRINT: u64 = 0;
}

impl<T: ?Sized> Unknown for Known<T> {}

/// Stands for the type itself in its own fingerprint.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Own;

impl CacheSchema for Own {
    const NAME: &'static str = "Self";
    const FINGERPRINT: u64 = fingerprint("Self", &[]);

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nil();
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nil().map(|()| Self)
    }
}

/// Writes an opaque field with serde. The compiler reports an unmet bound at the field's type.
#[inline]
pub fn write_opaque<T: Serialize>(value: &T, encoder: &mut Encoder) {
    encoder.opaque(value);
}

/// Reads an opaque field with serde.
///
/// # Errors
///
/// If serde cannot read it.
#[inline]
pub fn read_opaque<T: DeserializeOwned>(decoder: &mut Decoder<'_>) -> Result<T, DecodeError> {
    decoder.opaque()
}

/// The bounds on the type of a generic opaque field.
pub trait Opaque: Serialize + DeserializeOwned {}

impl<T: Serialize + DeserializeOwned> Opaque for T {}

/// Two values of a type that is stored with serde, to be compared in the best available way.
#[derive(Debug)]
pub struct Compared<'a, T>(pub &'a T, pub &'a T);

/// For types with `PartialEq`: a method call on `&&Compared` chooses this trait if it applies.
pub trait SameByEquality<T> {
    /// Whether both are the same.
    fn cachecow_is_same(&self, write: impl Fn(&T, &mut Encoder)) -> bool;
}

impl<T: PartialEq> SameByEquality<T> for &Compared<'_, T> {
    fn cachecow_is_same(&self, write: impl Fn(&T, &mut Encoder)) -> bool {
        // If a value does not equal itself, as a NaN, equality says nothing.
        #[expect(clippy::eq_op, reason = "asks whether it equals itself")]
        let says_nothing = || self.0 != self.0;
        // Equality alone is not enough: a type may compare only its primary key.
        (self.0 == self.1 || says_nothing()) && Comparison::by_encoding(self.0, self.1, write)
    }
}

/// For other types: compares their encodings.
pub trait SameByEncoding<T> {
    /// Whether both are the same.
    fn cachecow_is_same(&self, write: impl Fn(&T, &mut Encoder)) -> bool;
}

impl<T> SameByEncoding<T> for Compared<'_, T> {
    fn cachecow_is_same(&self, write: impl Fn(&T, &mut Encoder)) -> bool {
        Comparison::by_encoding(self.0, self.1, write)
    }
}

/// Returns a value as it is stored, without its header; `None` if it cannot be stored. For the benchmarks.
pub fn to_vec<T: CacheSchema>(value: &T) -> Option<Vec<u8>> {
    let mut encoder = Encoder::after(Vec::with_capacity(256), usize::MAX);
    value.write_to(&mut encoder);
    encoder.finish().ok()
}

/// Reads a value from the result of [`to_vec`].
///
/// # Errors
///
/// If the bytes are not such a value.
pub fn from_slice<T: CacheSchema>(bytes: &[u8]) -> Result<T, DecodeError> {
    crate::document::decode(bytes)
}

/// Returns whether two values are equal in everything that is stored of them.
pub fn is_same<T: CacheSchema>(one: &T, other: &T) -> bool {
    one.is_same(other, &mut Comparison::default())
}

/// The value of a field that is not stored.
#[inline]
pub fn skipped<T: Default>() -> T {
    T::default()
}

/// Stands for the type of a fetch function's error.
#[derive(Debug)]
pub struct Tag<E>(PhantomData<E>);

impl<E> Tag<E> {
    /// The tag of an error's type.
    pub fn of(_: &E) -> Self {
        Self(PhantomData)
    }
}

/// Chooses how to wrap an error: a method call on `&&&Tag<E>` takes the first of the three
/// implementations that applies.
pub trait ErrorKindOf {
    /// The wrapper for this kind of error.
    type Kind;

    /// The wrapper for this kind of error.
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

/// For an error with only `Debug` and `Display`.
#[derive(Debug)]
pub struct Displayed;

impl Displayed {
    /// Wraps the error.
    pub fn wrap<E: Debug + Display + Send + Sync + 'static>(self, lookup: &str, error: E) -> Error {
        Error::fetch_opaque(lookup, error)
    }
}

/// For a type that cannot be an error.
#[derive(Debug)]
pub struct Refused;

impl Refused {
    /// Does not compile.
    pub fn wrap<E: FetchError>(self, lookup: &str, error: E) -> Error {
        Error::fetch_opaque(lookup, error)
    }
}

/// The minimum bounds on a fetch function's error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the error of a fetch function",
    label = "this function's error type",
    note = "cachecow stores and displays the error, so it must be `Debug + Display + Send + Sync + 'static`"
)]
pub trait FetchError: Debug + Display + Send + Sync + 'static {}

/// A future of whatever type.
#[cfg(feature = "log")]
pub fn boxed<'a, F: Future + Send + 'a>(
    future: F,
) -> futures_util::future::BoxFuture<'a, F::Output> {
    Box::pin(future)
}

/// Items that only the feature `log` uses. The derives cannot know which features of this crate are enabled.
#[cfg(feature = "log")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cachecow_log_items {
    ($($items:tt)*) => { $($items)* };
}

/// Without the feature there are none.
#[cfg(not(feature = "log"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cachecow_log_items {
    ($($items:tt)*) => {};
}

/// Nothing is missing.
#[cfg(feature = "log")]
#[doc(hidden)]
#[macro_export]
macro_rules! __cachecow_need_log {
    () => {};
}

/// Fails to compile, with a message that the feature is missing.
#[cfg(not(feature = "log"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __cachecow_need_log {
    () => {
        ::core::compile_error!(
            "`table` and `rows` need the feature `log` of the crate `cachecow`, or one that follows a log, such as \
             `postgres-log`; to invalidate everything of a type without a log, write `clearable = true`"
        );
    };
}
