//! The truth: the backing store and what was promised of it, shared by all processes.
//!
//! The backing store has a version of each object, a **cell**, which every commit makes one greater.
//! Beside it stands the version that was **promised**: the least that a read which begins now may
//! return. It is raised to the version of a commit once the change was confirmed as invalidated, and
//! remembers when that was.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

use rustix::time::{ClockId, clock_gettime};

use crate::act::{ACTS, Act};
use crate::shared;
use crate::stage::Stage;
use crate::trace::{self, Trace};

/// How many types of objects there are, and one more for what is promised of an alias alone.
pub(crate) const KINDS: usize = 7;
/// How many objects there are of each type.
pub(crate) const OBJECTS: usize = 1000;
pub(crate) const CELLS: usize = KINDS * OBJECTS;
/// How many processes there can be at a time, and the one that starts them.
pub(crate) const MAX_PROCESSES: usize = 15;
pub(crate) const PARENT: usize = MAX_PROCESSES;
/// How many of a cell's promises are remembered.
const REMEMBERED: usize = 256;
const MAX_SUSPECTS: usize = 1 << 16;
const MAX_TRACES: u64 = 10;
const SUSPECT_NUMBERS: usize = 7;

/// Where in the header things are.
const ORIGIN: usize = 0;
const STOPPED: usize = 1;
const VIOLATIONS: usize = 2;
const LATEST_NEAR: usize = 3;
const SUSPECTS: usize = 4;
const TRACES: usize = 5;
const DOOMED: usize = 16;
const ORDERS: usize = DOOMED + MAX_PROCESSES;
const STAGES: usize = ORDERS + MAX_PROCESSES;
const HEADER: usize = STAGES + MAX_PROCESSES;

/// Microseconds since the run began, on a clock that all processes share.
pub(crate) type Micros = u64;

#[derive(Clone, Copy)]
pub(crate) struct History {
    header: &'static [AtomicU64],
    committed: &'static [AtomicU64],
    promised: &'static [AtomicU64],
    promises: &'static [AtomicU64],
    counts: &'static [AtomicU64],
    /// Of each process and cell: how many writes are under way.
    writers: &'static [AtomicU64],
    traced: &'static [AtomicU64],
    suspects: &'static [AtomicU64],
    pub(crate) trace: Trace,
}

/// The promises that a read went against: those of versions after the one that it returned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Contradicted {
    /// When the first of them was made; 0 if that is forgotten.
    pub(crate) first: Micros,
    /// When the change behind the last of them to begin began to be told to the cache; 0 if that is
    /// forgotten.
    pub(crate) last_begun: Micros,
    /// When the last of them was made.
    pub(crate) last_made: Micros,
}

/// A read older than promised that is to be judged once all failovers are known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Suspect {
    pub(crate) cell: usize,
    pub(crate) version: u64,
    pub(crate) floor: u64,
    pub(crate) began: Micros,
    pub(crate) ended: Micros,
    pub(crate) last_begun: Micros,
    pub(crate) last_made: Micros,
}

/// A write under way.
pub(crate) struct Writing {
    writers: &'static AtomicU64,
}

impl Drop for Writing {
    fn drop(&mut self) {
        self.writers.fetch_sub(1, SeqCst);
    }
}

impl History {
    const NUMBERS: usize = HEADER
        + 2 * CELLS
        + 2 * CELLS * REMEMBERED
        + MAX_PROCESSES * ACTS.len()
        + MAX_PROCESSES * CELLS
        + CELLS
        + MAX_SUSPECTS * SUSPECT_NUMBERS
        + trace::NUMBERS;

    /// Begins a history in a new file.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let history = Self::of(shared::create(path, Self::NUMBERS)?);
        history.header[ORIGIN].store(monotonic(), SeqCst);
        Ok(history)
    }

    /// The history that another process began.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        Ok(Self::of(shared::open(path)?))
    }

    fn of(mut rest: &'static [AtomicU64]) -> Self {
        let mut take = |numbers| {
            let (taken, left) = rest.split_at(numbers);
            rest = left;
            taken
        };
        Self {
            header: take(HEADER),
            committed: take(CELLS),
            promised: take(CELLS),
            promises: take(2 * CELLS * REMEMBERED),
            counts: take(MAX_PROCESSES * ACTS.len()),
            writers: take(MAX_PROCESSES * CELLS),
            traced: take(CELLS),
            suspects: take(MAX_SUSPECTS * SUSPECT_NUMBERS),
            trace: Trace::new(take(trace::NUMBERS)),
        }
    }

    pub(crate) fn now(&self) -> Micros {
        monotonic() - self.header[ORIGIN].load(SeqCst)
    }

    /// Commits a change to the backing store; the version that it made.
    pub(crate) fn commit(&self, cell: usize) -> u64 {
        self.committed[cell].fetch_add(1, SeqCst) + 1
    }

    /// What the backing store has.
    pub(crate) fn committed(&self, cell: usize) -> u64 {
        self.committed[cell].load(SeqCst)
    }

    /// The least version that a read which begins now may return.
    pub(crate) fn promised(&self, cell: usize) -> u64 {
        self.promised[cell].load(SeqCst)
    }

    /// From now on no read may return less. The cache was first told at `begun`.
    pub(crate) fn promise(&self, cell: usize, version: u64, begun: Micros) {
        let place = self.place(cell, version);
        place[1].store(stamp(version, begun), SeqCst);
        place[0].store(stamp(version, self.now()), SeqCst);
        // Last, so that whoever sees the promise finds its time.
        self.promised[cell].fetch_max(version, SeqCst);
    }

    /// What a read of `version` went against, where `floor` was promised.
    pub(crate) fn contradicted(&self, cell: usize, version: u64, floor: u64) -> Contradicted {
        let mut contradicted = Contradicted { first: Micros::MAX, last_begun: 0, last_made: 0 };
        if floor - version > REMEMBERED as u64 {
            return Contradicted { first: 0, last_begun: 0, last_made: 0 };
        }
        for promised in version + 1..=floor {
            let [made, begun] = [0, 1].map(|part| self.place(cell, promised)[part].load(SeqCst));
            if let Some(made) = unstamp(promised, made) {
                contradicted.first = contradicted.first.min(made);
                contradicted.last_made = contradicted.last_made.max(made);
            }
            if let Some(begun) = unstamp(promised, begun) {
                contradicted.last_begun = contradicted.last_begun.max(begun);
            }
        }
        contradicted
    }

    fn place(&self, cell: usize, version: u64) -> &'static [AtomicU64] {
        let number = usize::try_from(version % REMEMBERED as u64).expect("a small number");
        let start = 2 * (cell * REMEMBERED + number);
        &self.promises[start..start + 2]
    }

    /// A write of the cell that is under way until this is dropped.
    pub(crate) fn writing(&self, process: usize, cell: usize) -> Writing {
        let writers = &self.writers[process * CELLS + cell];
        writers.fetch_add(1, SeqCst);
        Writing { writers }
    }

    /// How many writes of the cell are under way in all processes.
    pub(crate) fn writers(&self, cell: usize) -> u64 {
        let of = |process: usize| self.writers[process * CELLS + cell].load(SeqCst);
        (0..MAX_PROCESSES).map(of).sum()
    }

    /// What the process that had this number before had under way ended with it.
    pub(crate) fn forget_writers(&self, process: usize) {
        for writers in &self.writers[process * CELLS..][..CELLS] {
            writers.store(0, SeqCst);
        }
    }

    pub(crate) fn count(&self, process: usize, act: Act) {
        self.counts[process * ACTS.len() + act as usize].fetch_add(1, SeqCst);
    }

    /// How often this was done by all processes.
    pub(crate) fn counted(&self, act: Act) -> u64 {
        let of = |process: usize| self.counts[process * ACTS.len() + act as usize].load(SeqCst);
        (0..MAX_PROCESSES).map(of).sum()
    }

    pub(crate) fn stop(&self) {
        self.header[STOPPED].store(1, SeqCst);
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.header[STOPPED].load(SeqCst) != 0
    }

    /// Notes a violation, and gives it a number if its trace is to be kept: one for each cell, and not
    /// too many, since one stale object is read again and again, and the first tell most.
    pub(crate) fn violated(&self, cell: usize) -> Option<u64> {
        self.header[VIOLATIONS].fetch_add(1, SeqCst);
        let first = self.traced[cell].swap(1, SeqCst) == 0;
        let number = first.then(|| self.header[TRACES].fetch_add(1, SeqCst));
        number.filter(|&number| number < MAX_TRACES)
    }

    pub(crate) fn violations(&self) -> u64 {
        self.header[VIOLATIONS].load(SeqCst)
    }

    /// Notes by how much a near read was older than promised.
    pub(crate) fn near_was_late(&self, by: Micros) {
        self.header[LATEST_NEAR].fetch_max(by, SeqCst);
    }

    pub(crate) fn latest_near(&self) -> Micros {
        self.header[LATEST_NEAR].load(SeqCst)
    }

    /// Has the process kill itself in the middle of its next write.
    pub(crate) fn doom(&self, process: usize) {
        self.header[DOOMED + process].store(1, SeqCst);
    }

    /// Whether it is to, which is told once.
    pub(crate) fn take_doom(&self, process: usize) -> bool {
        self.header[DOOMED + process].swap(0, SeqCst) != 0
    }

    /// Has the process bring this about in itself.
    pub(crate) fn order(&self, process: usize, fault: usize) {
        self.header[ORDERS + process].store(fault as u64 + 1, SeqCst);
    }

    /// What it was ordered to, and has not done yet.
    pub(crate) fn ordered(&self, process: usize) -> Option<usize> {
        let order = self.header[ORDERS + process].load(SeqCst);
        order.checked_sub(1).map(|fault| usize::try_from(fault).expect("a small number"))
    }

    /// It has done what it was ordered to, or will not.
    pub(crate) fn obeyed(&self, process: usize) {
        self.reach(process, Stage::Waiting);
        self.header[ORDERS + process].store(0, SeqCst);
    }

    /// It has come so far with that.
    pub(crate) fn reach(&self, process: usize, stage: Stage) {
        self.header[STAGES + process].store(stage.number(), SeqCst);
    }

    pub(crate) fn stage(&self, process: usize) -> Stage {
        Stage::of_number(self.header[STAGES + process].load(SeqCst))
    }

    /// Notes a read that is to be judged; how many there were before.
    pub(crate) fn suspect(&self, suspect: Suspect) -> u64 {
        let before = self.header[SUSPECTS].fetch_add(1, SeqCst);
        let number = usize::try_from(before).expect("a count");
        let Suspect { cell, version, floor, began, ended, last_begun, last_made } = suspect;
        if number < MAX_SUSPECTS {
            let numbers = [cell as u64, version, floor, began, ended, last_begun, last_made];
            for (place, value) in self.suspects[number * SUSPECT_NUMBERS..].iter().zip(numbers) {
                place.store(value, SeqCst);
            }
        }
        before
    }

    /// The reads that are to be judged, and how many there was no room for.
    pub(crate) fn suspects(&self) -> (Vec<Suspect>, usize) {
        let count = usize::try_from(self.header[SUSPECTS].load(SeqCst)).expect("a count");
        let noted = self.suspects.chunks(SUSPECT_NUMBERS).take(count).map(|numbers| {
            let at = |place: usize| numbers[place].load(SeqCst);
            let cell = usize::try_from(at(0)).expect("a cell");
            Suspect {
                cell,
                version: at(1),
                floor: at(2),
                began: at(3),
                ended: at(4),
                last_begun: at(5),
                last_made: at(6),
            }
        });
        (noted.collect(), count.saturating_sub(MAX_SUSPECTS))
    }
}

fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::Monotonic);
    let (seconds, nanoseconds) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    seconds * 1_000_000 + nanoseconds / 1000
}

/// A time that says whose it is, in one number: 24 bits of the version, 40 of the time.
fn stamp(version: u64, time: Micros) -> u64 {
    version << 40 | time & TIME
}

fn unstamp(version: u64, stamped: u64) -> Option<Micros> {
    (stamped >> 40 == version & (u64::MAX >> 40)).then_some(stamped & TIME)
}

const TIME: u64 = (1 << 40) - 1;

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> (tempfile::TempDir, History) {
        let folder = tempfile::tempdir().unwrap();
        let history = History::create(&folder.path().join("history")).unwrap();
        (folder, history)
    }

    #[test]
    fn a_promise_is_never_taken_back() {
        let (_folder, history) = history();
        let versions = [history.commit(5), history.commit(5)];
        assert_eq!((versions, history.committed(5), history.promised(5)), ([1, 2], 2, 0));
        history.promise(5, 2, 10);
        history.promise(5, 1, 20);
        assert_eq!((history.promised(5), history.promised(6)), (2, 0));
    }

    #[test]
    fn a_read_is_held_against_the_promises_after_its_version() {
        let (_folder, history) = history();
        for begun in [30, 20, 10] {
            let version = history.commit(1);
            history.promise(1, version, begun);
        }
        let against = |version| history.contradicted(1, version, 3);
        assert_eq!([0, 1, 2].map(|version| against(version).last_begun), [30, 20, 10]);
        assert!(against(0).first <= against(1).first && against(2).first <= history.now());
        for _ in 0..REMEMBERED {
            let version = history.commit(1);
            history.promise(1, version, 40);
        }
        let forgotten = Contradicted { first: 0, last_begun: 0, last_made: 0 };
        assert_eq!(history.contradicted(1, 2, history.promised(1)), forgotten);
    }

    #[test]
    fn writes_under_way_are_counted_over_all_processes() {
        let (_folder, history) = history();
        let [one, other] = [0, MAX_PROCESSES - 1].map(|process| history.writing(process, 3));
        assert_eq!((history.writers(3), history.writers(4)), (2, 0));
        drop(one);
        assert_eq!(history.writers(3), 1);
        history.forget_writers(MAX_PROCESSES - 1);
        assert_eq!(history.writers(3), 0);
        std::mem::forget(other);
    }

    #[test]
    fn one_trace_of_a_cell_is_kept() {
        let (_folder, history) = history();
        let numbers = [3, 3, 4].map(|cell| history.violated(cell));
        assert_eq!((numbers, history.violations()), ([Some(0), None, Some(1)], 3));
    }

    #[test]
    fn a_stamp_is_its_version_s_alone() {
        assert_eq!(unstamp(7, stamp(7, 1234)), Some(1234));
        assert_eq!(unstamp(8, stamp(7, 1234)), None);
        assert_eq!(unstamp(1 << 30 | 5, stamp(1 << 30 | 5, 9)), Some(9));
    }
}
