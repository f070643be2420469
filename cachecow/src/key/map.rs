//! Maps by key.

use std::collections::HashMap;

use super::Key;

/// A map by key.
pub(crate) type KeyMap<V> = HashMap<Key, V, FoldKeys>;

/// Folds a key's 128 bits to 64 by one multiplication, since a key is a hash already. XXH3 is no defence
/// against chosen keys, and the fold is seeded: whoever makes hashes that agree in some bits does not know
/// which bits count.
pub(crate) type FoldKeys = foldhash::fast::RandomState;
