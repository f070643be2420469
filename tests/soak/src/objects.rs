//! What is cached, and the backing store that it is fetched from.

use std::error::Error;
use std::fmt;
use std::future::pending;
use std::time::Duration;

use cachecow::{CacheKeys, Cached, Lookup};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::act::Act;
use crate::history::{CELLS, History, KINDS, OBJECTS};
use crate::trace::Event;

/// The names of the types, in the order of their kinds, of the alias, and of the answers.
pub(crate) const NAMES: [&str; KINDS] =
    ["Plain", "Soft", "Named", "Grouped", "Strict", "Named by name", "Grouped in an answer"];
/// How long anything may stay in the cache at the most.
pub(crate) const LONGEST_TTL: Duration = Duration::from_secs(20);
/// How many objects carry a tag.
pub(crate) const GROUP: u32 = 8;

/// How many objects of each type are left to the trials of a healthy server: no other task touches
/// them, and their fetches do not fail.
pub(crate) const RESERVED: u32 = 8;

fn is_reserved(id: u32) -> bool {
    id as usize >= OBJECTS - RESERVED as usize
}

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

    /// Whether the fetch function tells so by an error, as one that fetches a row does.
    fn absence_is_an_error() -> bool {
        Self::KIND == Strict::KIND
    }

    fn cell(id: u32) -> usize {
        Self::KIND * OBJECTS + id as usize
    }

    /// The cell's last version up to this at which a read found no object.
    fn last_absent(version: u64) -> Option<u64> {
        if Self::absence_is_an_error() {
            return None;
        }
        let first = version.saturating_sub(ABSENT_EVERY);
        (first..=version).rev().find(|&version| Self::is_absent(version))
    }
}

const ALIAS_KIND: usize = 5;
pub(crate) const ANSWER_KIND: usize = 6;

/// Whether it is of an alias alone.
pub(crate) fn is_alias(cell: usize) -> bool {
    cell / OBJECTS == ALIAS_KIND
}

/// The cell of the object that is meant.
pub(crate) fn primary_cell(cell: usize) -> usize {
    match cell / OBJECTS {
        ALIAS_KIND => Named::KIND * OBJECTS + cell % OBJECTS,
        ANSWER_KIND => Grouped::KIND * OBJECTS + cell % OBJECTS,
        _ => cell,
    }
}

const ABSENT_EVERY: u64 = 16;

fn is_sometimes_absent(version: u64) -> bool {
    version % ABSENT_EVERY == 7
}

/// Its row is deleted, and created again, time after time.
fn is_often_absent(version: u64) -> bool {
    version % 4 == 2
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

/// An object with a tag, in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "20s")]
#[cache(key = "grouped:{id}", fetch = Grouped::find, fetch_many = Grouped::find_many)]
#[cache(list = "grouped:list:{group}", fetch = Grouped::in_group)]
#[cache(tag = "group:{group}")]
pub(crate) struct Grouped {
    id: u32,
    group: u32,
    version: u64,
    payload: String,
}

/// An object whose absence is an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Database, ttl = "20s")]
#[cache(key = "strict:{id}", fetch = Strict::find)]
pub(crate) struct Strict {
    id: u32,
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
    Strict 4 by StrictById, with [], absent is_often_absent;
}

impl Plain {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Failed> {
        database.find(id).await
    }
    async fn find_many(database: &Database, ids: &[u32]) -> Result<Vec<Self>, Failed> {
        database.find_many(ids).await
    }
}

impl Soft {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Failed> {
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
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Failed> {
        database.find(id).await
    }
    async fn find_by_name(database: &Database, name: &str) -> Result<Option<Self>, Failed> {
        let id = name.strip_prefix("name ").and_then(|id| id.parse().ok());
        database.find(id.expect("a name as we give them")).await
    }
}

impl Grouped {
    async fn find(database: &Database, id: u32) -> Result<Option<Self>, Failed> {
        database.find(id).await
    }
    async fn find_many(database: &Database, ids: &[u32]) -> Result<Vec<Self>, Failed> {
        database.find_many(ids).await
    }
}

impl Grouped {
    /// The members of a group.
    pub(crate) fn ids_of(group: u32) -> [u32; GROUP as usize] {
        std::array::from_fn(|at| group * GROUP + u32::try_from(at).expect("a small group"))
    }
    /// What is promised of an answer: what is invalidated by the tag, and no more.
    pub(crate) fn answer_cell(id: u32) -> usize {
        ANSWER_KIND * OBJECTS + id as usize
    }
    async fn in_group(database: &Database, group: u32) -> Result<Vec<Self>, Failed> {
        database.find_many(&Self::ids_of(group)).await
    }
}

/// The objects of a group, as a query's answer.
#[cachecow::query(key = "answer:{group}", ttl = "20s", tag = Grouped::tag_group(group))]
pub(crate) async fn answer(database: &Database, group: u32) -> Result<Vec<Grouped>, Failed> {
    database.find_many(&Grouped::ids_of(group)).await
}

impl Strict {
    async fn find(database: &Database, id: u32) -> Result<Self, Failed> {
        database.find_one(id).await
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
    is_endless: bool,
}

/// The backing store's error: that it is down, or that there is no such row.
#[derive(Clone, Debug)]
pub(crate) struct Failed {
    why: &'static str,
    /// The cells that were to be fetched, with the versions that the store had.
    read: Vec<(usize, u64)>,
}

impl Failed {
    fn of<T: Soaked>(rows: &[(u32, u64)], why: &'static str) -> Self {
        let read = rows.iter().map(|&(id, version)| (T::cell(id), version)).collect();
        Self { why, read }
    }

    /// The version that the store had when the fetch read the cell, if it did.
    pub(crate) fn version_of(&self, cell: usize) -> Option<u64> {
        self.read.iter().find(|(read, _)| *read == cell).map(|(_, version)| *version)
    }
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.why)
    }
}

impl Error for Failed {}

impl Database {
    pub(crate) fn new(history: History, process: usize) -> Self {
        Self { history, process, fetched: Mutex::default(), is_endless: false }
    }

    /// One that answers nothing.
    pub(crate) fn endless(self) -> Self {
        Self { is_endless: true, ..self }
    }

    /// Whether this read itself began to fetch the cell.
    pub(crate) fn has_fetched(&self, cell: usize) -> bool {
        self.fetched.lock().contains(&cell)
    }

    async fn find<T: Soaked>(&self, id: u32) -> Result<Option<T>, Failed> {
        Ok(self.find_many(&[id]).await?.pop())
    }

    /// A row that must be there.
    async fn find_one<T: Soaked>(&self, id: u32) -> Result<T, Failed> {
        let rows = self.read::<T>(&[id]).await?;
        let object = present(&rows).pop();
        object.ok_or_else(|| Failed::of::<T>(&rows, "no such row"))
    }

    async fn find_many<T: Soaked>(&self, ids: &[u32]) -> Result<Vec<T>, Failed> {
        self.read::<T>(ids).await.map(|rows| present(&rows))
    }

    /// Reads the versions of these objects.
    async fn read<T: Soaked>(&self, ids: &[u32]) -> Result<Vec<(u32, u64)>, Failed> {
        let cells = ids.iter().map(|&id| T::cell(id));
        self.fetched.lock().extend(cells);
        if self.is_endless {
            pending::<()>().await;
        }
        pause().await;
        let rows: Vec<_> = ids.iter().map(|&id| (id, self.look(T::cell(id)))).collect();
        // What was read grows old on its way, and so does an error.
        pause().await;
        if fastrand::u8(..) < 3 && !ids.iter().any(|&id| is_reserved(id)) {
            return Err(Failed::of::<T>(&rows, "the backing store is down for this once"));
        }
        Ok(rows)
    }

    /// Reads the version of a cell.
    fn look(&self, cell: usize) -> u64 {
        debug_assert!(cell < CELLS, "an object that there is");
        let began = self.history.now();
        let version = self.history.committed(cell);
        self.history.count(self.process, Act::Fetch);
        let floor = self.history.promised(cell);
        let ended = self.history.now();
        let act = Act::Fetch;
        self.history.trace.note(self.process, Event { began, ended, act, cell, version, floor });
        version
    }
}

/// The objects that there are at these versions.
fn present<T: Soaked>(rows: &[(u32, u64)]) -> Vec<T> {
    let there = rows.iter().filter(|(_, version)| !T::is_absent(*version));
    there.map(|&(id, version)| T::new(id, version)).collect()
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
        assert!(Strict::is_absent(2) && Strict::last_absent(2).is_none(), "that is an error");
    }

    #[test]
    fn the_cells_of_two_types_are_different() {
        assert_eq!([Plain::cell(0), Soft::cell(0), Named::cell(0)], [0, 1000, 2000]);
        assert_eq!([Grouped::cell(999), Strict::cell(999)], [3999, 4999]);
        assert_eq!([Named::alias_cell(999), Grouped::answer_cell(999)], [5999, CELLS - 1]);
        assert_eq!([2001, 5001].map(primary_cell), [Named::cell(1); 2]);
        assert_eq!([3001, 6001].map(primary_cell), [Grouped::cell(1); 2]);
    }
}
