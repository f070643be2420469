//! A record of what a test's cache did.

use parking_lot::Mutex;

use super::Target;
use crate::key::Key;
use crate::key::named::{self, Wanted};

/// The kinds of recorded actions.
///
/// [`Record`](crate::testing::Record) has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Action {
    /// Read, from whatever source.
    Read,
    /// Stored in the cache, after a fetch or with a write.
    Stored,
    /// Invalidated, by an invalidation or at the end of a write; also if the cache could not be reached.
    Invalidated,
    /// Named by a write whose work has begun.
    Written,
}

/// A thing that is read, stored, invalidated or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Thing {
    /// What is stored under a key.
    Key(Key),
    /// The objects that carry a tag.
    Tag(Key),
    /// Values with an epoch that is not a tag's: results of queries, or everything of a type.
    Epoch(Key),
}

impl Thing {
    /// Its name, in words.
    pub(crate) fn name(self) -> String {
        match self {
            Self::Key(key) => named::of_key(key),
            Self::Tag(key) => format!("the tag {}", named::of_tag(key)),
            Self::Epoch(key) => named::of_epoch(key),
        }
    }

    fn key(self) -> Key {
        match self {
            Self::Key(key) | Self::Tag(key) | Self::Epoch(key) => key,
        }
    }

    /// The things that a target names.
    pub(crate) fn of(target: &Target) -> impl Iterator<Item = Self> {
        let own = match target {
            Target { of_answers: true, key, .. } => Some(Self::Epoch(*key)),
            Target { key, .. } if target.is_of_key() => Some(Self::Key(*key)),
            _ => None,
        };
        own.into_iter().chain(target.tags.iter().copied().map(Self::Tag))
    }
}

/// One recorded action.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) action: Action,
    pub(crate) thing: Thing,
    /// The keys of the epochs that it carries.
    carries: Vec<Key>,
}

impl Entry {
    /// Whether it concerns the thing itself, or something that belongs to it: an object with a tag, a query's
    /// result, anything of a type.
    pub(crate) fn is_of(&self, thing: Thing) -> bool {
        self.thing == thing
            || (!matches!(thing, Thing::Key(_)) && self.carries.contains(&thing.key()))
    }
}

/// Everything that was done, in order.
#[derive(Debug)]
pub(crate) struct Recorder {
    entries: Mutex<Vec<Entry>>,
    _names: Wanted,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self { entries: Mutex::default(), _names: Wanted::new() }
    }

    pub(super) fn note(&self, action: Action, key: Key, carries: Vec<Key>) {
        self.entries.lock().push(Entry { action, thing: Thing::Key(key), carries });
    }

    pub(super) fn note_targets<'a>(
        &self,
        action: Action,
        targets: impl IntoIterator<Item = &'a Target>,
    ) {
        let things = targets.into_iter().flat_map(Thing::of);
        let entries = things.map(|thing| Entry { action, thing, carries: Vec::new() });
        self.entries.lock().extend(entries);
    }

    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.entries.lock().clone()
    }

    pub(crate) fn take(&self) -> Vec<Entry> {
        std::mem::take(&mut *self.entries.lock())
    }
}
