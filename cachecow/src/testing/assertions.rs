//! The assertions of a test about what the cache recorded.

use std::fmt::{self, Write as _};

use super::cache::TestCache;
use crate::engine::recorder::{Action, Entry, Thing};
use crate::model::keys::CacheKeys;

/// How many records a message lists.
const MOST: usize = 20;

/// One operation that a [`TestCache`] recorded. Its `Display` is a short sentence: `read user:42`.
///
/// `user:42` is the template `user:{id}` with the key's parts filled in. A read by an alias is recorded under the
/// alias.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let db = Db;
/// use cachecow::testing::{Action, Record, TestCache};
///
/// let cache = TestCache::new();
/// cache.with(&db).get(User::by_id(1)).await?;
/// cache.invalidate(User::by_id(1)).await?;
/// let records: Vec<Record> = cache.take_records();
/// let changes = records.iter().filter(|record| record.action != Action::Read);
/// let changes: Vec<String> = changes.map(ToString::to_string).collect();
/// assert_eq!(changes, ["stored user:1", "invalidated user:1"]);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// What was done.
    pub action: Action,
    /// With what: `user:42`, `the tag org:7`, `everything of User`.
    pub name: String,
}

impl From<Entry> for Record {
    fn from(entry: Entry) -> Self {
        Self { action: entry.action, name: entry.thing.name() }
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.name)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Stored => "stored",
            Self::Invalidated => "invalidated",
            Self::Written => "written",
        })
    }
}

/// Each takes the same arguments as an invalidation: a lookup, a list, a query's lookup, an object, a tag, a whole
/// type ([`AllOf`](crate::AllOf)), or several of these.
impl TestCache {
    /// Asserts that everything that `keys` name was invalidated: by an invalidation, or at the end of a write. It
    /// counts when it was called, even if the cache did not answer.
    ///
    /// The assertion looks for the names that were used. An invalidation of a tag or of a whole type invalidates many
    /// objects, but is found only as that tag or type. An invalidation of an object by its primary key is not found
    /// by its alias.
    ///
    /// # Panics
    ///
    /// If something in `keys` was not. The message lists what was invalidated instead.
    #[track_caller]
    pub fn assert_invalidated(&self, keys: impl CacheKeys) {
        self.assert("assert_invalidated", Action::Invalidated, &keys, true);
    }

    /// Asserts that nothing in `keys` was invalidated; see [`assert_invalidated`](Self::assert_invalidated).
    ///
    /// # Panics
    ///
    /// If anything of it was.
    #[track_caller]
    pub fn assert_not_invalidated(&self, keys: impl CacheKeys) {
        self.assert("assert_not_invalidated", Action::Invalidated, &keys, false);
    }

    /// Asserts that a [`write`](crate::CacheCow::write) that named everything in `keys` began its work. Such a change
    /// is safe even if the process dies. A change with an invalidation after it is not. Keys that are named after the
    /// work ([`invalidating`](crate::Write::invalidating)) count as invalidated, not as written.
    ///
    /// # Panics
    ///
    /// If something in `keys` was not. The message lists what was written instead.
    #[track_caller]
    pub fn assert_written(&self, keys: impl CacheKeys) {
        self.assert("assert_written", Action::Written, &keys, true);
    }

    /// Asserts that no write named anything in `keys`.
    ///
    /// # Panics
    ///
    /// If one did.
    #[track_caller]
    pub fn assert_not_written(&self, keys: impl CacheKeys) {
        self.assert("assert_not_written", Action::Written, &keys, false);
    }

    /// Asserts that everything in `keys` was read, from the cache or from the fetch function. For a whole type, one
    /// read of the type is enough. The objects of a list count as read, too. [`peek`](crate::CacheCow::peek) does not
    /// count.
    ///
    /// # Panics
    ///
    /// If something in `keys` was not; the message lists what was read instead. If `keys` has a tag, because reads
    /// are of keys.
    #[track_caller]
    pub fn assert_read(&self, keys: impl CacheKeys) {
        self.assert("assert_read", Action::Read, &keys, true);
    }

    /// Asserts that nothing in `keys` was read.
    ///
    /// # Panics
    ///
    /// If something in `keys` was. If `keys` has a tag, because reads are of keys.
    #[track_caller]
    pub fn assert_not_read(&self, keys: impl CacheKeys) {
        self.assert("assert_not_read", Action::Read, &keys, false);
    }

    /// Asserts that everything in `keys` was stored, after a fetch or [with a write](crate::Write::storing). For a
    /// tag, one stored object or answer that carries it is enough; for a whole type, one stored value of it. A value
    /// that is read by an alias is stored under the alias and under the primary key.
    ///
    /// # Panics
    ///
    /// If something in `keys` was not. The message lists what was stored instead.
    #[track_caller]
    pub fn assert_stored(&self, keys: impl CacheKeys) {
        self.assert("assert_stored", Action::Stored, &keys, true);
    }

    /// Asserts that nothing in `keys` was stored; see [`assert_stored`](Self::assert_stored).
    ///
    /// # Panics
    ///
    /// If anything of it was.
    #[track_caller]
    pub fn assert_not_stored(&self, keys: impl CacheKeys) {
        self.assert("assert_not_stored", Action::Stored, &keys, false);
    }

    /// All records so far, in order, of all scopes.
    pub fn records(&self) -> Vec<Record> {
        self.recorder.entries().into_iter().map(Record::from).collect()
    }

    /// Returns all records so far, in order, and removes them. For a test in several steps:
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use cachecow::Cached;
    /// # #[derive(Cached)]
    /// # #[cache(key = "user:{id}", fetch = User::find)]
    /// # struct User { id: i64 }
    /// # impl User {
    /// #     async fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id }) }
    /// # }
    /// use cachecow::testing::TestCache;
    ///
    /// let cache = TestCache::new();
    /// cache.get(User::by_id(42)).await?;
    /// let records: Vec<String> = cache.take_records().iter().map(ToString::to_string).collect();
    /// assert_eq!(records, ["read user:42", "stored user:42"]);
    /// assert!(cache.records().is_empty());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    pub fn take_records(&self) -> Vec<Record> {
        self.recorder.take().into_iter().map(Record::from).collect()
    }

    /// Removes all records.
    pub fn clear_records(&self) {
        self.recorder.take();
    }

    #[track_caller]
    fn assert(&self, assertion: &str, action: Action, keys: &impl CacheKeys, wanted: bool) {
        let asked = Asked::of(self, keys);
        assert!(!asked.is_empty(), "{assertion}: it was given nothing to look for");
        assert!(
            action != Action::Read || !asked.has_tags,
            "{assertion}: a read is of a key, and {} is none; name a lookup, a list, a query or a whole type",
            asked.of_groups.first().map_or_else(String::new, |tag| tag.name()),
        );
        let entries = self.recorder.entries();
        let done: Vec<Entry> =
            entries.iter().filter(|entry| entry.action == action).cloned().collect();
        let wrong = if wanted { asked.missing(action, &done) } else { asked.found(&done) };
        assert!(
            wrong.is_empty(),
            "{}",
            message(assertion, action, (wanted, &wrong), &done, &entries)
        );
    }
}

/// What an assertion looks for.
struct Asked {
    keys: Vec<Thing>,
    /// Tags, answers to queries, whole types.
    of_groups: Vec<Thing>,
    has_tags: bool,
}

impl Asked {
    fn of(cache: &TestCache, keys: &impl CacheKeys) -> Self {
        let targets = cache.engine.targets(cache.scope, keys);
        let things = targets.iter().flat_map(Thing::of);
        let (keys, of_groups): (Vec<Thing>, Vec<Thing>) =
            things.partition(|thing| matches!(thing, Thing::Key(_)));
        let has_tags = of_groups.iter().any(|thing| matches!(thing, Thing::Tag(_)));
        Self { keys, of_groups, has_tags }
    }

    fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.of_groups.is_empty()
    }

    /// The expected operations that were not found.
    fn missing(&self, action: Action, done: &[Entry]) -> Vec<Thing> {
        let is_done = |thing: &&Thing| done.iter().any(|entry| entry.is_of(**thing));
        let missing = self.keys.iter().filter(|thing| !is_done(thing)).copied();
        let mut missing: Vec<Thing> = missing.collect();
        match action {
            // Both an object and an answer may carry a tag; that one of them does is enough. An object named by
            // itself has its tags' answers beside it, of which there may be none.
            Action::Read | Action::Stored => {
                let of_one = self.of_groups.iter().any(|thing| is_done(&thing));
                if self.keys.is_empty() && !of_one {
                    missing.extend(self.of_groups.first());
                }
            }
            Action::Invalidated | Action::Written => {
                missing.extend(self.of_groups.iter().filter(|thing| !is_done(thing)));
            }
        }
        missing
    }

    /// The operations that were found and should not be there.
    fn found(&self, done: &[Entry]) -> Vec<Thing> {
        let is_done = |thing: &&Thing| done.iter().any(|entry| entry.is_of(**thing));
        self.keys.iter().chain(&self.of_groups).filter(is_done).copied().collect()
    }
}

fn message(
    assertion: &str,
    action: Action,
    (wanted, wrong): (bool, &[Thing]),
    done: &[Entry],
    entries: &[Entry],
) -> String {
    let mut names: Vec<String> = wrong.iter().map(|thing| thing.name()).collect();
    names.sort();
    let be = if names.len() == 1 { "was" } else { "were" };
    let not = if wanted { " not" } else { "" };
    let mut message = format!("{assertion}: {} {be}{not} {action}.", names.join(", "));
    let (listed, intro) = match (done, entries) {
        (_, []) => {
            message.push_str(
                "\nNothing was noted at all. Does the tested code use this cache, its `cow()`?",
            );
            return message;
        }
        ([], _) => (entries, format!("Nothing was {action}. Noted was, in order:")),
        _ => (done, format!("This was {action}, in order:")),
    };
    let _ = write!(message, "\n{intro}");
    let mut lines: Vec<String> = Vec::new();
    for entry in listed {
        let record = Record::from(entry.clone());
        let line = if done.is_empty() { record.to_string() } else { record.name };
        if !lines.contains(&line) {
            lines.push(line);
        }
    }
    let left = lines.len().saturating_sub(MOST);
    lines.truncate(MOST);
    lines.iter().for_each(|line| {
        let _ = write!(message, "\n  {line}");
    });
    if left > 0 {
        let _ = write!(message, "\n  and {left} more");
    }
    message
}
