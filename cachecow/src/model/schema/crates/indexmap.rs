//! `indexmap`: stored and compared in order, which `==` ignores.

use std::hash::{BuildHasher, Hash};

use indexmap::{IndexMap, IndexSet};

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::model::schema::{CacheSchema, same_items, same_pairs, sequence_of};

impl<K: CacheSchema + Eq + Hash, V: CacheSchema, S: BuildHasher + Default> CacheSchema
    for IndexMap<K, V, S>
{
    sequence_of!(pairs: "IndexMap", K, V);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        same_pairs(self.iter(), other.iter(), comparison)
    }
}

impl<T: CacheSchema + Eq + Hash, S: BuildHasher + Default> CacheSchema for IndexSet<T, S> {
    sequence_of!(list: "IndexSet", T);

    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        same_items(self.iter(), other.iter(), comparison)
    }
}
