//! Pointers, stored as the value they point to.

use std::borrow::Cow;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::plain::plain;
use super::{CacheSchema, shape_of};
use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::key::KeyEncoder;

macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: CacheSchema> CacheSchema for $pointer<T> {
            const NAME: &'static str = T::NAME;
            const FINGERPRINT: u64 = T::FINGERPRINT;
            const MAY_BE_NIL: bool = T::MAY_BE_NIL;

            #[inline]
            fn write_to(&self, encoder: &mut Encoder) {
                T::write_to(self, encoder);
            }

            #[inline]
            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                T::read_from(decoder).map(Self::new)
            }

            #[inline]
            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                T::is_same(self, other, comparison)
            }

            fn write_name(encoder: &mut KeyEncoder) {
                T::write_name(encoder);
            }
        }

        impl CacheSchema for $pointer<str> {
            shape_of!("str");
            const MAY_BE_NIL: bool = false;

            fn write_to(&self, encoder: &mut Encoder) {
                encoder.str(self);
            }

            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                decoder.str().map(Self::from)
            }

            fn is_same(&self, other: &Self, _: &mut Comparison) -> bool {
                self == other
            }
        }

        impl<T: CacheSchema> CacheSchema for $pointer<[T]> {
            shape_of!("slice", T);
            const MAY_BE_NIL: bool = false;

            fn write_to(&self, encoder: &mut Encoder) {
                T::write_slice(self, encoder);
            }

            fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
                T::read_vec(decoder).map(Self::from)
            }

            fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
                T::are_same(self, other, comparison)
            }
        }
    )*};
}

pointers!(Box, Rc, Arc);

plain! {
    Cow<'_, str> = "str":
        |value, encoder| encoder.str(value),
        |decoder| decoder.str().map(|text| Cow::Owned(text.to_owned()));
    PathBuf = "PathBuf":
        |value, encoder| match value.to_str() {
            Some(path) => encoder.str(path),
            None => encoder.refuse("the path is not UTF-8"),
        },
        |decoder| decoder.str().map(Self::from);
}

impl<T: CacheSchema + Clone> CacheSchema for Cow<'_, [T]> {
    shape_of!("slice", T);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        T::write_slice(self, encoder);
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        T::read_vec(decoder).map(Cow::Owned)
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        T::are_same(self, other, comparison)
    }
}
