//! Comparing a value that was read back with the one that was written.

use std::fmt;

use super::encoder::Encoder;
use super::error::Path;
use crate::model::schema::CacheSchema;

/// Compares two values field by field, and keeps the path of the field that differs.
///
/// ```
/// use cachecow::CacheSchema;
/// use cachecow::codec::{Comparison, DecodeError, Decoder, Encoder};
///
/// struct Reading { celsius: f64 }
///
/// impl CacheSchema for Reading {
///     const NAME: &'static str = "Reading";
///     const FINGERPRINT: u64 = 1;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         encoder.f64(self.celsius);
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         Ok(Self { celsius: decoder.f64()? })
///     }
///
///     // Cheaper than to write both. A fault names the field.
///     fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
///         self.celsius.to_bits() == other.celsius.to_bits() || comparison.differs("celsius")
///     }
/// }
///
/// let (warm, cold) = (Reading { celsius: 20.0 }, Reading { celsius: -0.0 });
/// assert!(warm.is_same(&warm, &mut Comparison::default()));
/// assert!(!cold.is_same(&Reading { celsius: 0.0 }, &mut Comparison::default()));
/// ```
#[derive(Default)]
pub struct Comparison {
    /// Innermost field first.
    path: Vec<&'static str>,
}

impl Comparison {
    /// Notes that the field of this name differs. Always returns `false`.
    #[cold]
    pub fn differs(&mut self, name: &'static str) -> bool {
        self.path.push(name);
        false
    }

    /// Returns whether two values have the same encoding, for types without a better way to compare them.
    pub fn by_encoding<T: ?Sized>(one: &T, other: &T, write: impl Fn(&T, &mut Encoder)) -> bool {
        let encoded = |value| {
            let mut encoder = Encoder::for_comparing();
            write(value, &mut encoder);
            encoder.finish().ok()
        };
        match (encoded(one), encoded(other)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        }
    }
}

/// The path of the field by which two values differ; empty if it is not known.
pub(crate) fn difference<T: CacheSchema>(one: &T, other: &T) -> Option<String> {
    let mut comparison = Comparison::default();
    let same = one.is_same(other, &mut comparison);
    (!same).then(|| Path(&comparison.path).to_string())
}

impl fmt::Debug for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Comparison").field("path", &self.path).finish()
    }
}
