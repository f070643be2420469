//! `smallvec`: as a `Vec`.

use smallvec::{Array, SmallVec};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::{CacheSchema, fingerprint, write_composite};

impl<A: Array<Item: CacheSchema>> CacheSchema for SmallVec<A> {
    const NAME: &'static str = "SmallVec";
    const FINGERPRINT: u64 = fingerprint("SmallVec", &[A::Item::FINGERPRINT]);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        A::Item::write_slice(self, encoder);
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        A::Item::read_vec(decoder).map(Self::from_vec)
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        A::Item::are_same(self, other, comparison)
    }

    fn write_name(encoder: &mut crate::key::KeyEncoder) {
        write_composite(encoder, Self::NAME, &[A::Item::write_name]);
    }
}
