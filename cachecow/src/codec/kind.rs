//! The kinds of MessagePack values.

use std::fmt;

/// The kind of a MessagePack value, by its first byte.
///
/// ```
/// use cachecow::CacheSchema;
/// use cachecow::codec::{DecodeError, Decoder, Encoder, Kind};
///
/// /// A number, or a name.
/// #[derive(Debug, PartialEq)]
/// enum Id { Number(u64), Name(String) }
///
/// impl CacheSchema for Id {
///     const NAME: &'static str = "Id";
///     const FINGERPRINT: u64 = 1;
///     const MAY_BE_NIL: bool = false;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         match self {
///             Self::Number(number) => encoder.uint(*number),
///             Self::Name(name) => encoder.str(name),
///         }
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         Ok(match decoder.kind() {
///             Some(Kind::Text) => Self::Name(decoder.str()?.to_owned()),
///             _ => Self::Number(decoder.uint()?),
///         })
///     }
/// }
///
/// # #[cfg(feature = "testing")] {
/// # use cachecow::testing::assert_round_trips;
/// assert_round_trips(&vec![Id::Number(42), Id::Name("Ann".into())]);
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// Nil.
    Nil,
    /// `true` or `false`.
    Bool,
    /// An integer that is not negative.
    Integer,
    /// A negative integer, or one that was not written in the shortest form.
    NegativeInteger,
    /// A float.
    Float,
    /// Text.
    Text,
    /// Binary data.
    Binary,
    /// An array.
    Array,
    /// A map.
    Map,
    /// Anything else, which is never written.
    Extension,
}

impl Kind {
    pub(super) fn of(marker: u8) -> Self {
        match marker {
            0x00..=0x7f | 0xcc..=0xcf => Self::Integer,
            0x80..=0x8f | 0xde | 0xdf => Self::Map,
            0x90..=0x9f | 0xdc | 0xdd => Self::Array,
            0xa0..=0xbf | 0xd9..=0xdb => Self::Text,
            0xc0 => Self::Nil,
            0xc2 | 0xc3 => Self::Bool,
            0xc4..=0xc6 => Self::Binary,
            0xca | 0xcb => Self::Float,
            0xd0..=0xd3 | 0xe0..=0xff => Self::NegativeInteger,
            0xc1 | 0xc7..=0xc9 | 0xd4..=0xd8 => Self::Extension,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Nil => "nil",
            Self::Bool => "a truth value",
            Self::Integer | Self::NegativeInteger => "an integer",
            Self::Float => "a float",
            Self::Text => "text",
            Self::Binary => "binary data",
            Self::Array => "an array",
            Self::Map => "a map",
            Self::Extension => "an extension",
        })
    }
}
