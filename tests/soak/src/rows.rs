//! What was committed to each row, and when.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use cachecow_tests::followed::User;
use parking_lot::{Mutex, MutexGuard};

/// How many rows there are.
pub(crate) const ROWS: usize = 2000;
const ORGS: i64 = 200;
/// What was committed longer ago, and committed over as long ago, is forgotten.
const KEPT: Duration = Duration::from_secs(120);
/// Rows that were changed just now are read most.
const HOT: usize = 16;

/// A state of a row.
#[derive(Debug)]
struct State {
    /// One more than that of the state before.
    number: u64,
    user: Option<User>,
    /// When the statement that made it had returned.
    committed: Option<Instant>,
}

#[derive(Debug)]
pub(crate) struct Rows {
    states: Vec<Mutex<VecDeque<State>>>,
    hot: [AtomicUsize; HOT],
    next: AtomicUsize,
}

impl Rows {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        let first = |row| State { number: 0, user: Some(first(row)), committed: Some(now) };
        Self {
            states: (0..ROWS).map(|row| Mutex::new([first(row)].into())).collect(),
            hot: std::array::from_fn(AtomicUsize::new),
            next: AtomicUsize::new(0),
        }
    }

    pub(crate) fn insert_all() -> Vec<String> {
        let values: Vec<String> = (0..ROWS).map(first).map(|user| values(&user)).collect();
        let some = values.chunks(500);
        some.map(|some| format!("insert into app.users values {}", some.join(", "))).collect()
    }

    pub(crate) fn id(row: usize) -> i64 {
        i64::try_from(row).expect("a small number") + 1
    }

    /// A row, often one that was changed just now.
    pub(crate) fn some(&self) -> usize {
        if fastrand::u8(..4) > 0 {
            self.hot[fastrand::usize(..HOT)].load(Relaxed)
        } else {
            fastrand::usize(..ROWS)
        }
    }

    fn row(&self, row: usize) -> MutexGuard<'_, VecDeque<State>> {
        self.states[row].lock()
    }

    /// The number of the last state that is committed.
    pub(crate) fn committed(&self, row: usize) -> u64 {
        self.committed_at(row, Instant::now())
    }

    /// The number of the last state that was committed then.
    pub(crate) fn committed_at(&self, row: usize, then: Instant) -> u64 {
        let states = self.row(row);
        let was = |state: &&State| state.committed.is_some_and(|committed| committed <= then);
        states.iter().rev().find(was).map_or(0, |state| state.number)
    }

    fn any(&self, row: usize, floor: u64, is: impl Fn(Option<&User>) -> bool) -> bool {
        let states = self.row(row);
        states.iter().any(|state| state.number >= floor && is(state.user.as_ref()))
    }

    /// Whether the row has been like this since that state.
    pub(crate) fn may_be(&self, row: usize, floor: u64, served: Option<&User>) -> bool {
        self.any(row, floor, |user| user == served)
    }

    /// Whether it has been served by this address like this since that state.
    pub(crate) fn may_have_email(
        &self,
        row: usize,
        floor: u64,
        email: &str,
        served: Option<&User>,
    ) -> bool {
        self.any(row, floor, |user| user.filter(|user| user.email == email) == served)
    }

    /// Whether it has been in this list like this since that state.
    pub(crate) fn may_be_listed(
        &self,
        row: usize,
        floor: u64,
        org: i64,
        served: Option<&User>,
    ) -> bool {
        self.any(row, floor, |user| user.filter(|user| user.org_id == org) == served)
    }

    /// An address that the row has now and then.
    pub(crate) fn some_email(row: usize) -> String {
        email(row, fastrand::bool())
    }

    /// A list that the row is in now and then.
    pub(crate) fn some_org(row: usize) -> i64 {
        org(row, fastrand::bool())
    }
}

fn first(row: usize) -> User {
    User { id: Rows::id(row), email: email(row, false), org_id: org(row, false), version: 0 }
}

fn email(row: usize, other: bool) -> String {
    format!("m{row}@{}", if other { "y" } else { "x" })
}

fn org(row: usize, other: bool) -> i64 {
    Rows::id(row) % ORGS + if other { ORGS } else { 0 }
}

fn values(user: &User) -> String {
    let User { id, email, org_id, version } = user;
    format!("({id}, '{email}', {org_id}, {version})")
}

/// A change that has begun.
#[derive(Debug)]
pub(crate) struct Change {
    first: usize,
    count: usize,
    pub(crate) sql: String,
}

impl Change {
    /// Of so many rows from this one on. Nobody else changes them.
    pub(crate) fn begin(rows: &Rows, first: usize, count: usize) -> Self {
        if count > 1 {
            for row in first..first + count {
                begin(rows, row, |user| user.version += 1);
            }
            let (from, to) = (Rows::id(first), Rows::id(first + count - 1));
            let sql = format!(
                "update app.users set version = version + 1 where id between {from} and {to}"
            );
            return Self { first, count, sql };
        }
        Self { first, count, sql: change_one(rows, first) }
    }

    /// It is committed; how many rows it changed.
    pub(crate) fn end(&self, rows: &Rows) -> u64 {
        let now = Instant::now();
        for row in self.first..self.first + self.count {
            let mut states = rows.row(row);
            if let Some(last) = states.back_mut() {
                last.committed.get_or_insert(now);
            }
            let is_old = |state: &State| {
                state.committed.is_some_and(|committed| now.duration_since(committed) > KEPT)
            };
            while states.len() > 1 && is_old(&states[1]) {
                states.pop_front();
            }
            let at = rows.next.fetch_add(1, Relaxed) % HOT;
            rows.hot[at].store(row, Relaxed);
        }
        self.count as u64
    }
}

fn begin(rows: &Rows, row: usize, change: impl FnOnce(&mut User)) -> Option<User> {
    let mut states = rows.row(row);
    let last = states.back().expect("there is always one");
    let mut user = last.user.clone()?;
    change(&mut user);
    let number = last.number + 1;
    states.push_back(State { number, user: Some(user.clone()), committed: None });
    Some(user)
}

/// The statement that changes one row, which is noted as begun.
fn change_one(rows: &Rows, row: usize) -> String {
    let id = Rows::id(row);
    if fastrand::u8(..20) == 0 && rows.row(row).back().is_some_and(|last| last.user.is_some()) {
        let mut states = rows.row(row);
        let number = states.back().expect("there is always one").number + 1;
        states.push_back(State { number, user: None, committed: None });
        return format!("delete from app.users where id = {id}");
    }
    let changed = begin(rows, row, |user| {
        user.version += 1;
        match fastrand::u8(..8) {
            0 => user.email = email(row, user.email.ends_with('x')),
            1 => user.org_id = org(row, user.org_id < ORGS),
            _ => {}
        }
    });
    if let Some(User { email, org_id, version, .. }) = changed {
        return format!(
            "update app.users set mail = '{email}', org_id = {org_id}, version = {version} where id = {id}"
        );
    }
    let mut states = rows.row(row);
    let number = states.back().expect("there is always one").number + 1;
    let user = User { version: i64::try_from(number).expect("a small number"), ..first(row) };
    let sql = format!("insert into app.users values {}", values(&user));
    states.push_back(State { number, user: Some(user), committed: None });
    sql
}
