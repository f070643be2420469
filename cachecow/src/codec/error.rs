//! Why stored bytes cannot be decoded.

use std::error::Error as StdError;
use std::fmt::{self, Display};

use super::kind::Kind;

/// The error for stored bytes that are not a value of the expected type.
///
/// `Display` names the field, if it is known: `address.city: expected text, found an array`.
///
/// ```
/// use cachecow::CacheSchema;
/// use cachecow::codec::{DecodeError, Decoder, Encoder};
///
/// /// From 0 to 100.
/// struct Percent(u8);
///
/// impl CacheSchema for Percent {
///     const NAME: &'static str = "Percent";
///     const FINGERPRINT: u64 = 1;
///     const MAY_BE_NIL: bool = false;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         encoder.uint(self.0.into());
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         // Whatever the cache has: it may have been written by anyone.
///         match u8::try_from(decoder.uint()?) {
///             Ok(percent @ 0..=100) => Ok(Self(percent)),
///             _ => Err(DecodeError::new("it is more than 100 %")),
///         }
///     }
/// }
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DecodeError(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    why: String,
    /// Innermost field first.
    path: Vec<&'static str>,
}

impl DecodeError {
    /// Makes an error with this reason.
    #[cold]
    pub fn new(why: impl Into<String>) -> Self {
        Self(Box::new(Inner { why: why.into(), path: Vec::new() }))
    }

    /// Makes an error for a value that is not `expected`.
    #[cold]
    pub(super) fn expected(expected: &str, found: Option<u8>) -> Self {
        match found.map(Kind::of) {
            Some(found) => Self::new(format!("expected {expected}, found {found}")),
            None => Self::new(format!("expected {expected}, found the end")),
        }
    }

    #[cold]
    pub(super) fn in_field(mut self, name: &'static str) -> Self {
        self.0.path.push(name);
        self
    }
}

impl Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.0.path.is_empty() {
            write!(f, "{}: ", Path(&self.0.path))?;
        }
        f.write_str(&self.0.why)
    }
}

impl fmt::Debug for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("DecodeError").field(&self.to_string()).finish()
    }
}

impl StdError for DecodeError {}

/// A path of nested fields, innermost first.
pub(super) struct Path<'a>(pub(super) &'a [&'static str]);

impl Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, name) in self.0.iter().rev().enumerate() {
            let dot = if at == 0 { "" } else { "." };
            write!(f, "{dot}{name}")?;
        }
        Ok(())
    }
}
