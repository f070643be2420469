//! Numbers, text and similar types.

use std::marker::PhantomData;
use std::num::{
    NonZeroI8, NonZeroI16, NonZeroI32, NonZeroI64, NonZeroI128, NonZeroIsize, NonZeroU8,
    NonZeroU16, NonZeroU32, NonZeroU64, NonZeroU128, NonZeroUsize, Saturating, Wrapping,
};

use super::{CacheSchema, shape_of};
use crate::codec::{Comparison, DecodeError, Decoder, Encoder};

/// Types that are compared with `==`, defined by how they are written and read.
macro_rules! plain {
    ($($type:ty = $name:literal: $write:expr, $read:expr;)*) => {$(
        impl CacheSchema for $type {
            shape_of!($name);
            const MAY_BE_NIL: bool = false;

            #[inline]
            fn write_to(&self, encoder: &mut Encoder) {
                let write: fn(&Self, &mut Encoder) = $write;
                write(self, encoder);
            }

            #[inline]
            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let read: fn(&mut Decoder<'_>) -> Result<Self, DecodeError> = $read;
                read(decoder)
            }

            #[inline]
            fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
                self == other
            }
        }
    )*};
}
pub(super) use plain;

/// The same for types whose `==` ignores something that is stored: their encodings are compared.
#[cfg(any(feature = "chrono", feature = "time", feature = "rust_decimal"))]
macro_rules! coded {
    ($($type:ty = $name:literal: $write:expr, $read:expr;)*) => {$(
        impl CacheSchema for $type {
            shape_of!($name);
            const MAY_BE_NIL: bool = false;

            fn write_to(&self, encoder: &mut Encoder) {
                let write: fn(&Self, &mut Encoder) = $write;
                write(self, encoder);
            }

            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let read: fn(&mut Decoder<'_>) -> Result<Self, DecodeError> = $read;
                read(decoder)
            }
        }
    )*};
}
#[cfg(any(feature = "chrono", feature = "time", feature = "rust_decimal"))]
pub(super) use coded;

#[cold]
fn out_of_range<E>(_: E) -> DecodeError {
    DecodeError::new("the number is out of the type's range")
}

fn zero() -> DecodeError {
    DecodeError::new("zero, which the type does not allow")
}

macro_rules! numbers {
    ($($type:ident = $name:literal, $nonzero:ident = $nonzero_name:literal, $method:ident;)*) => {
        plain! {$(
            $type = $name:
                |value, encoder| encoder.$method((*value).into()),
                |decoder| decoder.$method()?.try_into().map_err(out_of_range);
        )*}
        nonzero! {$($nonzero = $nonzero_name, $type;)*}
    };
}

macro_rules! nonzero {
    ($($nonzero:ident = $name:literal, $type:ident;)*) => {
        plain! {$(
            $nonzero = $name:
                |value, encoder| value.get().write_to(encoder),
                |decoder| Self::new($type::read_from(decoder)?).ok_or_else(zero);
        )*}
    };
}

numbers! {
    i8 = "i8", NonZeroI8 = "NonZeroI8", int;
    i16 = "i16", NonZeroI16 = "NonZeroI16", int;
    i32 = "i32", NonZeroI32 = "NonZeroI32", int;
    i64 = "i64", NonZeroI64 = "NonZeroI64", int;
    u16 = "u16", NonZeroU16 = "NonZeroU16", uint;
    u32 = "u32", NonZeroU32 = "NonZeroU32", uint;
    u64 = "u64", NonZeroU64 = "NonZeroU64", uint;
}

nonzero! {
    NonZeroU8 = "NonZeroU8", u8;
    NonZeroU128 = "NonZeroU128", u128;
    NonZeroI128 = "NonZeroI128", i128;
    NonZeroUsize = "NonZeroUsize", usize;
    NonZeroIsize = "NonZeroIsize", isize;
}

plain! {
    usize = "usize":
        // No platform has more bits.
        |value, encoder| encoder.uint(*value as u64),
        |decoder| decoder.uint()?.try_into().map_err(out_of_range);
    isize = "isize":
        |value, encoder| encoder.int(*value as i64),
        |decoder| decoder.int()?.try_into().map_err(out_of_range);
    u128 = "u128":
        |value, encoder| encoder.bytes(&value.to_be_bytes()),
        |decoder| decoder.array_of_bytes().map(Self::from_be_bytes);
    i128 = "i128":
        |value, encoder| encoder.bytes(&value.to_be_bytes()),
        |decoder| decoder.array_of_bytes().map(Self::from_be_bytes);
    bool = "bool":
        |value, encoder| encoder.bool(*value),
        |decoder| decoder.bool();
    char = "char":
        |value, encoder| encoder.uint(u32::from(*value).into()),
        |decoder| {
            let scalar = u32::read_from(decoder)?;
            Self::from_u32(scalar).ok_or_else(|| DecodeError::new("the number is not a character"))
        };
    String = "String":
        |value, encoder| encoder.str(value),
        |decoder| decoder.str().map(str::to_owned);
}

/// A list of bytes is binary data.
impl CacheSchema for u8 {
    shape_of!("u8");
    const MAY_BE_NIL: bool = false;

    #[inline]
    fn write_to(&self, encoder: &mut Encoder) {
        encoder.uint((*self).into());
    }

    #[inline]
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.uint()?.try_into().map_err(out_of_range)
    }

    #[inline]
    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        self == other
    }

    #[inline]
    fn write_slice(items: &[Self], encoder: &mut Encoder) {
        encoder.bytes(items);
    }

    #[inline]
    fn read_vec(decoder: &mut Decoder<'_>) -> Result<Vec<Self>, DecodeError> {
        decoder.bytes().map(<[Self]>::to_vec)
    }

    #[inline]
    fn are_same(items: &[Self], others: &[Self], _: &mut Comparison) -> bool {
        items == others
    }
}

/// Stored bit by bit, so that each NaN is read back unchanged.
macro_rules! floats {
    ($($type:ident = $name:literal;)*) => {$(
        impl CacheSchema for $type {
            shape_of!($name);
            const MAY_BE_NIL: bool = false;

            #[inline]
            fn write_to(&self, encoder: &mut Encoder) {
                encoder.$type(*self);
            }

            #[inline]
            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                decoder.$type()
            }

            #[inline]
            fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
                self.to_bits() == other.to_bits()
            }
        }
    )*};
}

floats! {
    f32 = "f32";
    f64 = "f64";
}

/// Wrappers, stored as the value inside.
macro_rules! around {
    ($($type:ident = $name:literal;)*) => {$(
        impl<T: CacheSchema> CacheSchema for $type<T> {
            shape_of!($name, T);
            const MAY_BE_NIL: bool = T::MAY_BE_NIL;

            #[inline]
            fn write_to(&self, encoder: &mut Encoder) {
                self.0.write_to(encoder);
            }

            #[inline]
            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                T::read_from(decoder).map(Self)
            }

            #[inline]
            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                self.0.is_same(&other.0, comparison)
            }
        }
    )*};
}

around! {
    Wrapping = "Wrapping";
    Saturating = "Saturating";
}

impl CacheSchema for std::cmp::Ordering {
    shape_of!("Ordering");
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.int(i64::from(*self as i8));
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        match decoder.int()? {
            -1 => Ok(Self::Less),
            0 => Ok(Self::Equal),
            1 => Ok(Self::Greater),
            _ => Err(DecodeError::new("the number is not an ordering")),
        }
    }

    fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
        self == other
    }
}

impl CacheSchema for () {
    shape_of!("()");

    #[inline]
    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nil();
    }

    #[inline]
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nil()
    }

    #[inline]
    fn is_same(&self, (): &Self, _: &mut Comparison) -> bool {
        true
    }
}

/// A marker stores nothing; the field's type still counts in the fingerprint.
impl<T: ?Sized> CacheSchema for PhantomData<T> {
    shape_of!("PhantomData");

    #[inline]
    fn write_to(&self, encoder: &mut Encoder) {
        encoder.nil();
    }

    #[inline]
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.nil().map(|()| Self)
    }

    #[inline]
    fn is_same(&self, _: &Self, _: &mut Comparison) -> bool {
        true
    }
}
