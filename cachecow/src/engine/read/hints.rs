//! What this process remembers of earlier reads, so that the next one asks for all it needs at once.
//!
//! A hint is never trusted: what was asked for because of it counts only if the answers agree. A hint that is
//! wrong or lost costs one more round trip.

use std::fmt;
use std::sync::Arc;

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::primary::Primary;
use crate::key::{FoldKeys, Key};
use crate::model::object::Object;
use crate::protocol::PointerHint;

/// The hints by the hash of the key that is asked for, those of lists in a place of their own.
pub(crate) struct Hints(Cache<u128, Hint, ByKeys, FoldKeys>);

#[derive(Clone)]
enum Hint {
    /// Where an alias led.
    Pointer(Arc<PointerHint<Primary>>),
    /// The tags of the object that is stored under the key.
    Tags(Arc<[Key]>),
    /// What was known last of a list with so many members.
    List(Object, usize),
}

/// A list weighs as much as its key and those of its members.
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
    /// Of at most so many keys.
    pub(crate) fn with_capacity(keys: usize) -> Self {
        // The tables grow.
        let estimate = keys.min(256);
        Self(Cache::with(
            estimate,
            keys as u64,
            ByKeys,
            FoldKeys::default(),
            quick_cache::sync::DefaultLifecycle::default(),
        ))
    }

    /// Where the alias led.
    pub(super) fn pointer(&self, alias: Key) -> Option<Arc<PointerHint<Primary>>> {
        match self.0.get(&alias.hash())? {
            Hint::Pointer(pointer) => Some(pointer),
            Hint::Tags(_) | Hint::List(..) => None,
        }
    }

    /// The tags that the object under the key had.
    pub(super) fn tags(&self, key: Key) -> Option<Arc<[Key]>> {
        match self.0.get(&key.hash())? {
            Hint::Tags(tags) => Some(tags),
            Hint::Pointer(_) | Hint::List(..) => None,
        }
    }

    /// What was known last of the list under the key.
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

    /// What is remembered of the key was wrong.
    pub(super) fn forget(&self, key: Key) {
        self.0.remove(&key.hash());
    }

    pub(super) fn remember_tags(&self, key: Key, tags: &[Key]) {
        self.0.insert(key.hash(), Hint::Tags(Arc::from(tags)));
    }
}

/// Beside the place of the list's own tags.
fn of_list(key: Key) -> u128 {
    !key.hash()
}

impl fmt::Debug for Hints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hints").field("keys", &self.0.len()).finish_non_exhaustive()
    }
}
