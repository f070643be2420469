//! `indexmap`: in their order, which `==` does not look at.

use std::hash::{BuildHasher, Hash};

use indexmap::{IndexMap, IndexSet};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::{CacheSchema, shape_of};

impl<K: CacheSchema + Eq + Hash, V: CacheSchema, S: BuildHasher + Default> CacheSchema
    for IndexMap<K, V, S>
{
    shape_of!("IndexMap", K, V);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.pairs(self.iter());
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.pairs()
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        self.len() == other.len()
            && self.iter().zip(other).all(|((key, value), (other_key, other_value))| {
                key.is_same(other_key, comparison) && value.is_same(other_value, comparison)
            })
    }
}

impl<T: CacheSchema + Eq + Hash, S: BuildHasher + Default> CacheSchema for IndexSet<T, S> {
    shape_of!("IndexSet", T);
    const MAY_BE_NIL: bool = false;

    fn write_to(&self, encoder: &mut Encoder) {
        encoder.list(self.iter());
    }

    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
        decoder.list()
    }

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        self.len() == other.len()
            && self.iter().zip(other).all(|(one, other)| one.is_same(other, comparison))
    }
}
