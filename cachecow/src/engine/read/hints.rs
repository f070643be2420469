//! Hints: what this process remembers of earlier reads, so that the next read can ask for everything it needs at
//! once.
//!
//! A hint is always verified: its answers count only if they agree. A wrong or missing hint costs one more round
//! trip.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::primary::Primary;
use crate::key::{FoldKeys, Key};
use crate::model::object::Object;
use crate::protocol::PointerHint;

/// The hints, by the hash of the key; those of lists have separate entries.
pub(crate) struct Hints(Cache<u128, Hint, ByKeys, FoldKeys>);

#[derive(Clone)]
enum Hint {
    /// Where an alias pointed.
    Pointer(Arc<PointerHint<Primary>>),
    /// The tags of the object that is stored under the key.
    Tags(Arc<[Key]>),
    /// The last known members of a list, and their number.
    List(Object, usize),
}

/// A list weighs as much as its key and the keys of its members.
#[derive(Clone)]
struct ByKeys;

impl Weighter<u128, Hint> for ByKeys {
    fn weight(&self, _key: &u128, hint: &Hint) -> u64 {
        match hint {
            Hint::Pointer(_) | Hint::Tags(_) => 1,
            Hint::List(_, members) => 1 + *members as u64,
        }
    }
}

impl Hints {
    /// Makes room for at most this number of keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        // Only an initial size: the tables grow.
        let estimate = keys.min(256);
        Self(Cache::with(
            estimate,
            keys as u64,
            ByKeys,
            FoldKeys::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    /// Where the alias pointed last time.
    pub(super) fn pointer(&self, alias: Key) -> Option<Arc<PointerHint<Primary>>> {
        match self.0.get(&alias.hash())? {
            Hint::Pointer(pointer) => Some(pointer),
            Hint::Tags(_) | Hint::List(..) => None,
        }
    }

    /// The tags that the object under the key had last time.
    pub(super) fn tags(&self, key: Key) -> Option<Arc<[Key]>> {
        match self.0.get(&key.hash())? {
            Hint::Tags(tags) => Some(tags),
            Hint::Pointer(_) | Hint::List(..) => None,
        }
    }

    /// The last known members of the list under the key.
    pub(super) fn list(&self, key: Key) -> Option<Object> {
        match self.0.get(&of_list(key))? {
            Hint::List(list, _) => Some(list),
            Hint::Pointer(_) | Hint::Tags(_) => None,
        }
    }

    pub(super) fn remember_list(&self, key: Key, list: Object, members: usize) {
        self.0.insert(of_list(key), Hint::List(list, members));
    }

    pub(super) fn remember_pointer(&self, alias: Key, pointer: Arc<PointerHint<Primary>>) {
        self.0.insert(alias.hash(), Hint::Pointer(pointer));
    }

    /// Removes the hint of a key, because it was wrong.
    pub(super) fn forget(&self, key: Key) {
        self.0.remove(&key.hash());
    }

    pub(super) fn remember_tags(&self, key: Key, tags: &[Key]) {
        self.0.insert(key.hash(), Hint::Tags(Arc::from(tags)));
    }
}

/// A separate entry, beside that of the list's own tags.
fn of_list(key: Key) -> u128 {
    !key.hash()
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").field("keys", &self.0.len()).finish_non_exhaustive()
    }
}
