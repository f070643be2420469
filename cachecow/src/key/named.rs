//! Readable names of keys, for the messages of tests. They are remembered only while a test wants them.

use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;

use super::Key;
use super::map::KeyMap;
use super::shown::Shown;

/// How many instances of [`Wanted`] exist.
static WANTED: AtomicUsize = AtomicUsize::new(0);
static NAMES: Mutex<Option<KeyMap<Name>>> = Mutex::new(None);

/// When there are more names than this, all are forgotten. A name is remembered again when its key is made again.
const MOST: usize = 1 << 16;

#[derive(Clone)]
enum Name {
    /// The key of these encoded parts.
    Parts(Box<[u8]>),
    /// Another key, in a scope.
    Scoped(Key),
    /// The query results that carry this tag.
    Answers(Key),
    /// Everything of a type.
    Whole(&'static str),
}

/// Names are remembered while such a value exists.
#[derive(Debug)]
pub(crate) struct Wanted(());

impl Wanted {
    pub(crate) fn new() -> Self {
        WANTED.fetch_add(1, Ordering::Relaxed);
        Self(())
    }
}

impl Drop for Wanted {
    fn drop(&mut self) {
        WANTED.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Notes that `key` is the key of these parts.
#[inline]
pub(super) fn note_parts(key: Key, parts: &[u8]) {
    if WANTED.load(Ordering::Relaxed) > 0 {
        note(key, || Name::Parts(Box::from(parts)));
    }
}

/// Notes that `key` is the key `of` in a scope.
pub(super) fn note_scoped(key: Key, of: Key) {
    if WANTED.load(Ordering::Relaxed) > 0 {
        note(key, || Name::Scoped(of));
    }
}

/// Notes that `key` is the key of the query results that carry a tag.
pub(super) fn note_answers(key: Key, tag: Key) {
    if WANTED.load(Ordering::Relaxed) > 0 {
        note(key, || Name::Answers(tag));
    }
}

/// Notes that `key` is the key of everything of a type.
pub(crate) fn note_whole(key: Key, type_name: &'static str) {
    if WANTED.load(Ordering::Relaxed) > 0 {
        // Overwrites the name made from the key's parts, which says less.
        let names = &mut *NAMES.lock();
        names.get_or_insert_default().insert(key, Name::Whole(type_name));
    }
}

#[cold]
fn note(key: Key, name: impl FnOnce() -> Name) {
    let names = &mut *NAMES.lock();
    let names = names.get_or_insert_default();
    if names.len() >= MOST {
        names.clear();
    }
    names.entry(key).or_insert_with(name);
}

fn name_of(key: Key) -> Option<Name> {
    NAMES.lock().as_ref()?.get(&key).cloned()
}

/// A key as its template with the parts filled in; or its name in Redis, if it was made before names were
/// remembered.
pub(crate) fn of_key(key: Key) -> String {
    match name_of(key) {
        Some(Name::Parts(parts)) => Shown::of_key(&parts),
        Some(Name::Scoped(of)) => format!("{} (in a scope)", of_key(of)),
        Some(Name::Answers(_) | Name::Whole(_)) => of_epoch(key),
        None => key.to_string(),
    }
}

/// A tag as its template with the parts filled in.
pub(crate) fn of_tag(key: Key) -> String {
    match name_of(key) {
        Some(Name::Parts(parts)) => Shown::of_tag(&parts),
        Some(Name::Scoped(of)) => format!("{} (in a scope)", of_tag(of)),
        _ => key.to_string(),
    }
}

/// A description of the values that carry an epoch which is not a tag's.
pub(crate) fn of_epoch(key: Key) -> String {
    match name_of(key) {
        Some(Name::Answers(tag)) => format!("the queries with the tag {}", of_tag(tag)),
        Some(Name::Whole(type_name)) => format!("everything of {type_name}"),
        Some(Name::Scoped(of)) => format!("{} (in a scope)", of_epoch(of)),
        Some(Name::Parts(_)) | None => format!("everything of {key}"),
    }
}
