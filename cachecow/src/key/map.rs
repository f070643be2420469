//! Maps by key.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use super::Key;

/// A map by key, for which a key need not be hashed again.
pub(crate) type KeyMap<V> = HashMap<Key, V, FoldKeys>;

/// Folds a key's 128 bits to 64. XXH3 is no defence against chosen keys, and the fold is seeded:
/// whoever makes hashes that agree in some bits does not know which bits count.
#[derive(Clone, Copy)]
pub(crate) struct FoldKeys(u64);

impl Default for FoldKeys {
    fn default() -> Self {
        static SEED: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));
        Self(*SEED)
    }
}

impl BuildHasher for FoldKeys {
    type Hasher = Fold;

    #[inline]
    fn build_hasher(&self) -> Fold {
        Fold(self.0)
    }
}

pub(crate) struct Fold(u64);

impl Hasher for Fold {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u128(u128::from(byte));
        }
    }

    #[inline]
    fn write_u128(&mut self, value: u128) {
        let (low, high) = halves(value);
        let (low, high) =
            halves(u128::from(low ^ self.0) * u128::from(high ^ self.0.rotate_left(32)));
        self.0 = low ^ high;
    }
}

#[inline]
#[expect(clippy::cast_possible_truncation, reason = "each half has 64 bits")]
fn halves(value: u128) -> (u64, u64) {
    let mask = u128::from(u64::MAX);
    ((value & mask) as u64, (value >> 64) as u64)
}
