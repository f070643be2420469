//! Maps by key.

use std::collections::HashMap;

use super::Key;

/// A map by key.
pub(crate) type KeyMap<V> = HashMap<Key, V, FoldKeys>;

/// Folds a key's 128 bits to 64 by one multiplication: a key is already a hash. XXH3 does not protect against
/// chosen keys, so the fold has a random seed. An attacker who makes hashes that agree in some bits cannot know
/// which bits matter.
pub(crate) type FoldKeys = foldhash::fast::RandomState;
