//! What is cached, and the backing store that it is fetched from.

use std::error::Error;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cachecow::{CacheKeys, Cached, Lookup};
use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::history::{CELLS, History, KINDS, OBJECTS};
use crate::trace::Event;

/// The names of the types, in the order of their kinds, and of the alias.
pub(crate) const NAMES: [&str; KINDS] = ["Plain", "Soft", "Named", "Grouped", "Named by name"];
/// How long anything may stay in the cache at the most.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(20);
/// How many objects carry a tag.
pub(crate) const GROUP: u32 = 8;

/// A type of objects, each with the version of its cell.
pub(crate) trait Soaked: Cached + Sized {
    const KIND: usize;
    /// The lookup by the primary key.
    type ById: Lookup<Object = Self, Context = Database> + CacheKeys;

    fn by(id: u32) -> Self::ById;
    fn new(id: u32, version: u64) -> Self;
    fn id(&self) -> u32;
    fn version(&self) -> u64;

    /// Whether the backing store has no such object at this version.
    fn is_absent(version: u64) -> bool;

    fn cell(id: u32) -> usize {
        Self::KIND * OBJECTS + id as usize
    }

    /// The cell's last version up to this at which there was no object.
    fn last_absent(version: u64) -> Option<u64> {
        let first = version.saturating_sub(ABSENT_EVERY);
        (first..=version).rev().find(|&version| Self::is_absent(version))
    }
}

const ALIAS_KIND: usize = 4;

/// Whether it is of an alias alone.
pub(crate) fn is_alias(cell: usize) -> bool {
    cell / OBJECTS == ALIAS_KIND
}

/// The cell of the object that is meant.
pub(crate) fn primary_cell(cell: usize) -> usize {
    if is_alias(cell) { Named::KIND * OBJECTS + cell % OBJECTS } else { cell }
}

const ABSENT_EVERY: u64 = 16;

fn is_sometimes_absent(version: u64) -> bool {
    version % ABSENT_EVERY == 7
}

fn never(_version: u64) -> bool {
    false
}

fn group_of(id: u32) -> u32 {
    id / GROUP
}

/// An object without any of the settings; absent now and then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "20s", negative_ttl = "20s")]
#[cache(key = "plain:{id}", fetch = Plain::find, fetch_many = Plain::find_many)]
pub(crate) struct Plain {
    id: u32,
    version: u64,
    payload: String,
}

/// An object that is refreshed ahead of its end, and served beyond it while its fetch fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "3s", negative_ttl = "3s")]
#[cache(stale_if_error = "10s", refresh_ahead = true)]
#[cache(key = "soft:{id}", fetch = Soft::find)]
pub(crate) struct Soft {
    id: u32,
    version: u64,
    payload: String,
}

/// An object with an alias.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "20s")]
#[cache(key = "named:{id}", fetch = Named::find)]
#[cache(key = "named:name:{name}", fetch = Named::find_by_name)]
pub(crate) struct Named {
    id: u32,
    name: String,
    version: u64,
    payload: String,
}

/// An object with a tag.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "20s")]
#[cache(key = "grouped:{id}", fetch = Grouped::find, fetch_many = Grouped::find_many)]
#[cache(tag = "group:{group}")]
pub(crate) struct Grouped {
    id: u32,
    group: u32,
    version: u64,
    payload: String,
}

macro_rules! soaked {
    ($($object:ident $kind:literal by $by:ident, with [$($field:ident: $value:expr),*], absent $absent:expr;)*) => {$(
        impl Soaked for $object {
            const KIND: usize = $kind;
            type ById = $by;

            fn by(id: u32) -> $by {
                Self::by_id(id)
            }
            fn new(id: u32, version: u64) -> Self {
                Self { $($field: $value(id),)* id, version, payload: payload(id) }
            }
            fn id(&self) -> u32 {
                self.id
            }
            fn version(&self) -> u64 {
                self.version
            }
            fn is_absent(version: u64) -> bool {
                $absent(version)
            }
        }
    )*};
}

soaked! {
    Plain 0 by PlainById, with [], absent is_sometimes_absent;
    Soft 1 by SoftById, with [], absent is_sometimes_absent;
    Named 2 by NamedById, with [name: Self::name_of], absent never;
    Grouped 3 by GroupedById, with [group: group_of], absent never;
}

impl Plain {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Down> {
        database.find(id).await
    }
    async fn find_many(database: &Database, ids: &[u32]) -> Result<Vec<Self>, Down> {
        database.find_many(ids).await
    }
}

impl Soft {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Down> {
        database.find(id).await
    }
}

impl Named {
    /// The lookup by the alias.
    pub(crate) fn by_its_name(id: u32) -> NamedByName {
        Self::by_name(Self::name_of(id))
    }
    /// What is promised of the alias beyond what is of the object.
    pub(crate) fn alias_cell(id: u32) -> usize {
        ALIAS_KIND * OBJECTS + id as usize
    }
    fn name_of(id: u32) -> String {
        format!("name {id}")
    }
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Down> {
        database.find(id).await
    }
    async fn find_by_name(database: &Database, name: &str) -> Result<Option<Self>, Down> {
        let id = name.strip_prefix("name ").and_then(|id| id.parse().ok());
        database.find(id.expect("a name as we give them")).await
    }
}

impl Grouped {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Down> {
        database.find(id).await
    }
    async fn find_many(database: &Database, ids: &[u32]) -> Result<Vec<Self>, Down> {
        database.find_many(ids).await
    }
}

fn payload(id: u32) -> String {
    "x".repeat(300 + 150 * (id as usize % 8))
}

/// The backing store, as one read sees it.
pub(crate) struct Database {
    history: History,
    process: usize,
    fetched: Mutex<Vec<usize>>,
}

/// The backing store's error.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Down;

impl fmt::Display for Down {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the backing store is down for this once")
    }
}

impl Error for Down {}

impl Database {
    pub(crate) fn new(history: History, process: usize) -> Self {
        Self { history, process, fetched: Mutex::default() }
    }

    /// Whether this read itself began to fetch the cell.
    pub(crate) fn has_fetched(&self, cell: usize) -> bool {
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).contains(&cell)
    }

    async fn find<T: Soaked>(&self, id: u32) -> Result<Option<T>, Down> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    async fn find_many<T: Soaked>(&self, ids: &[u32]) -> Result<Vec<T>, Down> {
        let cells = ids.iter().map(|&id| T::cell(id));
        self.fetched.lock().unwrap_or_else(PoisonError::into_inner).extend(cells);
        pause().await;
        if fastrand::u8(..) < 3 {
            return Err(Down);
        }
        let found = ids.iter().filter_map(|&id| self.row(id)).collect();
        // What was found grows old on its way.
        pause().await;
        Ok(found)
    }

    fn row<T: Soaked>(&self, id: u32) -> Option<T> {
        let (cell, began) = (T::cell(id), self.history.now());
        debug_assert!(cell < CELLS, "an object that there is");
        let version = self.history.committed(cell);
        self.history.count(self.process, Act::Fetch);
        let floor = self.history.promised(cell);
        let ended = self.history.now();
        let act = Act::Fetch;
        self.history.trace.note(self.process, Event { began, ended, act, cell, version, floor });
        (!T::is_absent(version)).then(|| T::new(id, version))
    }
}

/// For a time as operations of a database take, now and then a long one.
pub(crate) async fn pause() {
    match fastrand::u8(..) {
        0..=179 => tokio::task::yield_now().await,
        180..=249 => tokio::time::sleep(Duration::from_millis(1)).await,
        _ => tokio::time::sleep(Duration::from_millis(fastrand::u64(2..40))).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_absence_is_found() {
        assert_eq!([3, 7, 22, 23].map(Plain::last_absent), [None, Some(7), Some(7), Some(23)]);
        assert_eq!(Named::last_absent(1000), None);
    }

    #[test]
    fn the_cells_of_two_types_are_different() {
        assert_eq!([Plain::cell(0), Soft::cell(0), Named::cell(0)], [0, 1000, 2000]);
        assert_eq!([Grouped::cell(999), Named::alias_cell(999)], [3999, CELLS - 1]);
        assert_eq!([2001, 4001].map(primary_cell), [Named::cell(1); 2]);
    }
}
