//! Options, lists, maps and tuples.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::{BuildHasher, Hash};
use std::ops::{Bound, Range, RangeFrom, RangeInclusive, RangeTo};

use super::{
    CacheSchema, fingerprint, is_same_pair, same_items, same_pairs, sequence_of, shape_of,
    write_composite,
};
use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::key::{KeyEncoder, KeyPart};

/// `None` is nil; `Some` is the value itself, or an array with the value if that may be nil too.
impl<T: CacheSchema> CacheSchema for Option<T> {
    shape_of!("Option", T);

    #[inline]
    fn write_to(&self, encoder: &mut Encoder) {
        let Some(value) = self else { return encoder.nil() };
        if T::MAY_BE_NIL {
            encoder.array(1);
        }
        value.write_to(encoder);
    }

    #[inline]
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        if decoder.takes_nil() {
            return Ok(None);
        }
        if T::MAY_BE_NIL && decoder.array()? != 1 {
            return Err(DecodeError::new("expected one value in an array of its own"));
        }
        T::read_from(decoder).map(Some)
    }

    #[inline]
    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        match (self, other) {
            (Some(one), Some(other)) => one.is_same(other, comparison),
            (None, None) => true,
            _ => false,
        }
    }
}

/// Stored like an enum.
impl<T: CacheSchema, E: CacheSchema> CacheSchema for Result<T, E> {
    shape_of!("Result", T, E);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.array(2);
        encoder.bool(self.is_ok());
        match self {
            Ok(value) => value.write_to(encoder),
            Err(error) => error.write_to(encoder),
        }
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        if decoder.array()? != 2 {
            return Err(DecodeError::new("expected a result"));
        }
        if decoder.bool()? { T::read_from(decoder).map(Ok) } else { E::read_from(decoder).map(Err) }
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        match (self, other) {
            (Ok(one), Ok(other)) => one.is_same(other, comparison),
            (Err(one), Err(other)) => one.is_same(other, comparison),
            _ => false,
        }
    }
}

impl<T: CacheSchema> CacheSchema for Vec<T> {
    shape_of!("Vec", T);
    const MAY_BE_NIL: bool = false;

    #[inline]
    fn write_to(&self, encoder: &mut Encoder) {
        T::write_slice(self, encoder);
    }

    #[inline]
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::read_vec(decoder)
    }

    #[inline]
    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        T::are_same(self, other, comparison)
    }
}

impl<T: CacheSchema, const N: usize> CacheSchema for [T; N] {
    const NAME: &'static str = "array";
    const FINGERPRINT: u64 = fingerprint("array", &[N as u64, T::FINGERPRINT]);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        T::write_slice(self, encoder);
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let items = T::read_vec(decoder)?;
        let found = items.len();
        items
            .try_into()
            .map_err(|_| DecodeError::new(format!("expected {N} values, found {found}")))
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        T::are_same(self, other, comparison)
    }

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[T::write_name, |encoder| N.encode(encoder)]);
    }
}

/// Lists, in their order.
macro_rules! lists {
    ($($type:ident = $name:literal;)*) => {$(
        impl<T: CacheSchema> CacheSchema for $type<T> {
            sequence_of!(list: $name, T);

            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                same_items(self.iter(), other.iter(), comparison)
            }
        }
    )*};
}

lists! {
    VecDeque = "VecDeque";
    LinkedList = "LinkedList";
}

/// If two items became equal when read back, the lengths differ.
impl<T: CacheSchema + Ord> CacheSchema for BTreeSet<T> {
    sequence_of!(list: "Set", T);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        same_items(self.iter(), other.iter(), comparison)
    }
}

impl<T: CacheSchema + Eq + Hash, S: BuildHasher + Default> CacheSchema for HashSet<T, S> {
    sequence_of!(list: "Set", T);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        self.len() == other.len()
            && self.iter().all(|one| other.get(one).is_some_and(|o| one.is_same(o, comparison)))
    }
}

impl<K: CacheSchema + Ord, V: CacheSchema> CacheSchema for BTreeMap<K, V> {
    sequence_of!(pairs: "Map", K, V);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        same_pairs(self.iter(), other.iter(), comparison)
    }
}

impl<K: CacheSchema + Eq + Hash, V: CacheSchema, S: BuildHasher + Default> CacheSchema
    for HashMap<K, V, S>
{
    sequence_of!(pairs: "Map", K, V);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        self.len() == other.len()
            && self.iter().all(|pair| {
                other.get_key_value(pair.0).is_some_and(|o| is_same_pair(pair, o, comparison))
            })
    }
}

macro_rules! tuples {
    ($($name:literal $len:literal: $($parameter:ident $at:tt),+;)*) => {$(
        impl<$($parameter: CacheSchema),+> CacheSchema for ($($parameter,)+) {
            shape_of!($name, $($parameter),+);
            const MAY_BE_NIL: bool = false;

            fn write_to(&self, encoder: &mut Encoder) {
                encoder.array($len);
                $(self.$at.write_to(encoder);)+
            }

            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                if decoder.array()? != $len {
                    return Err(DecodeError::new(concat!("expected ", $len, " values")));
                }
                Ok(($($parameter::read_from(decoder)?,)+))
            }

            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                $(self.$at.is_same(&other.$at, comparison))&&+
            }
        }
    )*};
}

tuples! {
    "(,)1" 1: A 0;
    "(,)" 2: A 0, B 1;
    "(,,)" 3: A 0, B 1, C 2;
    "(,,,)" 4: A 0, B 1, C 2, D 3;
    "(,,,,)" 5: A 0, B 1, C 2, D 3, E 4;
    "(,,,,,)" 6: A 0, B 1, C 2, D 3, E 4, F 5;
    "(,,,,,,)" 7: A 0, B 1, C 2, D 3, E 4, F 5, G 6;
    "(,,,,,,,)" 8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7;
    "(,,,,,,,,)" 9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8;
    "(,,,,,,,,,)" 10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9;
    "(,,,,,,,,,,)" 11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10;
    "(,,,,,,,,,,,)" 12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11;
}

/// Types that are stored as other values, and made from them again.
macro_rules! by_parts {
    ($($type:ident = $name:literal: $value:ident => $parts:expr, $read:ident => $made:expr;)*) => {$(
        impl<T: CacheSchema> CacheSchema for $type<T> {
            shape_of!($name, T);
            const MAY_BE_NIL: bool = false;

            fn write_to(&self, encoder: &mut Encoder) {
                let $value = self;
                let parts = $parts;
                encoder.list(parts.into_iter());
            }

            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                let $read = decoder.vec::<T>()?;
                $made.map_err(|_| DecodeError::new(concat!("expected the bounds of a ", $name)))
            }

            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                let $value = self;
                let parts = $parts;
                let $value = other;
                parts.into_iter().zip($parts).all(|(one, other)| one.is_same(other, comparison))
            }
        }
    )*};
}

by_parts! {
    Range = "Range": range => [&range.start, &range.end],
        read => <[T; 2]>::try_from(read).map(|[start, end]| start..end);
    RangeInclusive = "RangeInclusive": range => [range.start(), range.end()],
        read => <[T; 2]>::try_from(read).map(|[start, end]| start..=end);
    RangeFrom = "RangeFrom": range => [&range.start],
        read => <[T; 1]>::try_from(read).map(|[start]| start..);
    RangeTo = "RangeTo": range => [&range.end],
        read => <[T; 1]>::try_from(read).map(|[end]| ..end);
}

impl<T: CacheSchema> CacheSchema for Bound<T> {
    shape_of!("Bound", T);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        match self {
            Self::Unbounded => {
                encoder.variant(0, 0);
            }
            Self::Included(value) => {
                encoder.variant(1, 1);
                value.write_to(encoder);
            }
            Self::Excluded(value) => {
                encoder.variant(2, 1);
                value.write_to(encoder);
            }
        }
        encoder.end();
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        let bound = match decoder.variant()? {
            (0, 0) => Self::Unbounded,
            (1, 1) => Self::Included(T::read_from(decoder)?),
            (2, 1) => Self::Excluded(T::read_from(decoder)?),
            _ => return Err(decoder.no_variant()),
        };
        decoder.end();
        Ok(bound)
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        match (self, other) {
            (Self::Unbounded, Self::Unbounded) => true,
            (Self::Included(one), Self::Included(other))
            | (Self::Excluded(one), Self::Excluded(other)) => one.is_same(other, comparison),
            _ => false,
        }
    }
}
