//! What this process remembers of earlier reads, so that the next one asks for all it needs at once.
//!
//! A hint is never trusted: what was asked for because of it counts only if the answers agree. A hint that is
//! wrong or lost costs one more round trip.

use std::fmt;
use std::sync::Arc;

use quick_cache::UnitWeighter;
use quick_cache::sync::Cache;

use super::primary::Primary;
use crate::key::{FoldKeys, Key};
use crate::protocol::PointerHint;

/// The hints by the hash of the key that is asked for.
pub(crate) struct Hints(Cache<u128, Hint, UnitWeighter, FoldKeys>);

#[derive(Clone)]
enum Hint {
    /// Where an alias led.
    Pointer(Arc<PointerHint<Primary>>),
    /// The tags of the object that is stored under the key.
    Tags(Arc<[Key]>),
}

impl Hints {
    /// Of at most so many keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        // The tables grow.
        let estimate = keys.min(256);
        Self(Cache::with(
            estimate,
            keys as u64,
            UnitWeighter,
            FoldKeys::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    /// Where the alias led.
    pub(super) fn pointer(&self, alias: Key) -> Option<Arc<PointerHint<Primary>>> {
        match self.0.get(&alias.hash())? {
            Hint::Pointer(pointer) => Some(pointer),
            Hint::Tags(_) => None,
        }
    }

    /// The tags that the object under the key had.
    pub(super) fn tags(&self, key: Key) -> Option<Arc<[Key]>> {
        match self.0.get(&key.hash())? {
            Hint::Tags(tags) => Some(tags),
            Hint::Pointer(_) => None,
        }
    }

    pub(super) fn remember_pointer(&self, alias: Key, pointer: Arc<PointerHint<Primary>>) {
        self.0.insert(alias.hash(), Hint::Pointer(pointer));
    }

    /// What is remembered of the key was wrong.
    pub(super) fn forget(&self, key: Key) {
        self.0.remove(&key.hash());
    }

    pub(super) fn remember_tags(&self, key: Key, tags: &[Key]) {
        self.0.insert(key.hash(), Hint::Tags(Arc::from(tags)));
    }
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").field("keys", &self.0.len()).finish_non_exhaustive()
    }
}
