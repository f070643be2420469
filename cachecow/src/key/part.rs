//! The types that may be part of a key.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;

use super::KeyEncoder;

/// A type whose values may fill a placeholder of a key template.
///
/// It is implemented for integers, strings, bytes, `bool`, `char`, IP addresses, options, tuples, and references
/// and smart pointers to them. For types of other crates, enable the feature with the crate's name:
///
/// - `uuid`: `Uuid`;
/// - `chrono`: `NaiveDate`, `NaiveTime`, `NaiveDateTime`, `DateTime`, `Weekday`, `Month`;
/// - `time`: `Date`, `Time`, `PrimitiveDateTime`, `OffsetDateTime`, `UtcDateTime`, `Weekday`, `Month`;
/// - `rust_decimal`: `Decimal`;
/// - `bson`: `ObjectId`, `DateTime`.
///
/// Equal values make the same key: for a date-time (`DateTime`, `OffsetDateTime`, `UtcDateTime`) only the instant
/// counts, not the offset, and the decimals 1.0 and 1.00 are equal. If two of these crates have a type for the same
/// thing, both types make the same key.
///
/// Floats are left out on purpose: `NaN` equals nothing, `0.0` equals `-0.0`, and because of rounding, two
/// computations of "the same" key may differ.
///
/// For a newtype, `#[derive(KeyPart)]` encodes it as its inner value.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use cachecow::{KeyEncoder, KeyPart};
///
/// #[derive(KeyPart)]
/// struct UserId(i64);
///
/// let (mut newtype, mut plain) = (KeyEncoder::new("user:{}"), KeyEncoder::new("user:{}"));
/// UserId(7).encode(&mut newtype);
/// 7_i64.encode(&mut plain);
/// assert_eq!(newtype.key(), plain.key());
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be part of a cache key",
    label = "the type of this key field is not a `KeyPart`",
    note = "a key part is an integer, a string, bytes, a bool, a char or an IP address, or a type of \
            `uuid`, `chrono`, `time`, `rust_decimal` or `bson` (each a feature)",
    note = "for a newtype around one of these, or an enum without data, add `#[derive(cachecow::KeyPart)]` to it; \
            for another crate's type, write a newtype with `#[cache(key_with = path)]` on its field",
    note = "floats are refused: NaN equals nothing and rounding changes keys; store the value as \
            an integer (cents, microdegrees) or as text"
)]
pub trait KeyPart {
    /// Appends this value to the key.
    fn encode(&self, encoder: &mut KeyEncoder);
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl KeyPart for $int {
            #[inline]
            fn encode(&self, encoder: &mut KeyEncoder) {
                encoder.int(i128::from(*self));
            }
        }

        impl KeyPart for NonZero<$int> {
            #[inline]
            fn encode(&self, encoder: &mut KeyEncoder) {
                self.get().encode(encoder);
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, u8, u16, u32, u64);

macro_rules! pointer_sized {
    ($($int:ty as $fixed:ty),*) => {$(
        impl KeyPart for $int {
            #[inline]
            fn encode(&self, encoder: &mut KeyEncoder) {
                // Lossless: no supported platform has pointers of more than 64 bits.
                encoder.int(i128::from(*self as $fixed));
            }
        }

        impl KeyPart for NonZero<$int> {
            #[inline]
            fn encode(&self, encoder: &mut KeyEncoder) {
                self.get().encode(encoder);
            }
        }
    )*};
}

pointer_sized!(usize as u64, isize as i64);

impl KeyPart for u128 {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.uint(*self);
    }
}

impl KeyPart for NonZero<u128> {
    fn encode(&self, encoder: &mut KeyEncoder) {
        self.get().encode(encoder);
    }
}

impl KeyPart for str {
    #[inline]
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.str(self);
    }
}

impl KeyPart for String {
    #[inline]
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.str(self);
    }
}

impl KeyPart for [u8] {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.bytes(self);
    }
}

impl KeyPart for Vec<u8> {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.bytes(self);
    }
}

impl<const N: usize> KeyPart for [u8; N] {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.bytes(self);
    }
}

impl KeyPart for bool {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.bool(*self);
    }
}

impl KeyPart for char {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.char(*self);
    }
}

impl KeyPart for Ipv4Addr {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.ip_address(&self.octets());
    }
}

impl KeyPart for Ipv6Addr {
    fn encode(&self, encoder: &mut KeyEncoder) {
        encoder.ip_address(&self.octets());
    }
}

impl KeyPart for IpAddr {
    fn encode(&self, encoder: &mut KeyEncoder) {
        match self {
            Self::V4(address) => address.encode(encoder),
            Self::V6(address) => address.encode(encoder),
        }
    }
}

impl<T: KeyPart> KeyPart for Option<T> {
    fn encode(&self, encoder: &mut KeyEncoder) {
        match self {
            None => encoder.none(),
            Some(part) => {
                encoder.group(1);
                part.encode(encoder);
            }
        }
    }
}

macro_rules! pointers {
    ($($pointer:ty),*) => {$(
        impl<T: KeyPart + ?Sized> KeyPart for $pointer {
            #[inline]
            fn encode(&self, encoder: &mut KeyEncoder) {
                (**self).encode(encoder);
            }
        }
    )*};
}

pointers!(&T, &mut T, Box<T>, Rc<T>, Arc<T>);

impl<T: KeyPart + ToOwned + ?Sized> KeyPart for Cow<'_, T> {
    fn encode(&self, encoder: &mut KeyEncoder) {
        (**self).encode(encoder);
    }
}

macro_rules! tuples {
    ($($len:literal: $($part:ident)*;)*) => {$(
        impl<$($part: KeyPart),*> KeyPart for ($($part,)*) {
            fn encode(&self, encoder: &mut KeyEncoder) {
                #[allow(non_snake_case, reason = "the macro names each binding after its type")]
                let ($($part,)*) = self;
                encoder.group($len);
                $($part.encode(encoder);)*
            }
        }
    )*};
}

tuples! {
    2: A B;
    3: A B C;
    4: A B C D;
}
