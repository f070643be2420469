//! Reads, each checked against what was promised before it began.

use std::sync::Arc;

use cachecow::{Error, Lookup};

use crate::act::Act;
use crate::history::{Contradicted, Micros, Suspect};
use crate::objects::{Database, Failed, GROUP, Grouped, Soaked, answer, is_alias};
use crate::trace::{self, Event, seconds};
use crate::worker::{Floor, NEAR_LAG, Worker, cut_off, some_id};

const BATCH: usize = 8;
/// They are judged when the trace may have gone on.
const MAX_SUSPECTS_TRACED: u64 = 10;
/// The near tier's bound, and a tick of its clock, which is coarse.
const NEAR_BOUND: Micros = NEAR_LAG + 63_000;

impl Worker {
    pub(crate) async fn read<L>(&self, id: u32, lookup: L, floor: Floor, near: bool)
    where
        L: Lookup<Context = Database>,
        L::Object: Soaked,
    {
        let database = self.database();
        let cell = L::Object::cell(id);
        let view = self.cow.with(&database);
        let view = if near { view } else { view.past_near() };
        match cut_off(view.read(lookup)).await {
            None => self.count(Act::CancelledRead),
            Some(Err(error)) => self.check_error(&[(cell, floor)], &error, &database),
            Some(Ok(read)) => {
                let act = Act::of(read.source, database.has_fetched(cell));
                self.check(id, floor, read.value.as_ref(), act);
            }
        }
    }

    pub(crate) async fn read_many<T: Soaked>(&self, near: bool) {
        let database = self.database();
        let ids: [u32; BATCH] = std::array::from_fn(|_| some_id());
        let floors = ids.map(|id| self.floor(T::cell(id)));
        let view = self.cow.with(&database);
        let view = if near { view } else { view.past_near() };
        match cut_off(view.get_many(ids.map(T::by))).await {
            None => self.count(Act::CancelledRead),
            Some(Err(error)) => {
                let asked: Vec<_> = ids.map(T::cell).into_iter().zip(floors).collect();
                self.check_error(&asked, &error, &database);
            }
            Some(Ok(objects)) => {
                self.count(Act::Batch);
                assert_eq!(objects.len(), BATCH, "an object, or its absence, for each lookup");
                for ((id, floor), object) in ids.into_iter().zip(floors).zip(&objects) {
                    let act = match (database.has_fetched(T::cell(id)), near) {
                        (true, _) => Act::FetchedRead,
                        (false, false) => Act::BatchRead,
                        (false, true) => Act::NearBatchRead,
                    };
                    self.check(id, floor, object.as_ref(), act);
                }
            }
        }
    }

    /// A list has the group's objects, each as young as it would be alone.
    pub(crate) async fn read_list(&self, group: u32, near: bool) {
        let database = self.database();
        let ids = Grouped::ids_of(group);
        let floors = ids.map(|id| self.floor(Grouped::cell(id)));
        let view = self.cow.with(&database);
        let view = if near { view } else { view.past_near() };
        let read = cut_off(view.list(Grouped::list_by_group(group))).await;
        let read = read.map(|read| read.map(|objects| objects.into_iter().map(Some).collect()));
        // Where the list was fetched, its objects may still have come from the near tier.
        let act = |id| match database.has_fetched(Grouped::cell(id)) {
            _ if near => Act::NearBatchRead,
            true => Act::FetchedRead,
            false => Act::BatchRead,
        };
        self.check_group((ids, floors), read, &database, act);
    }

    /// An answer is as young as the last invalidation of its tag.
    pub(crate) async fn read_answer(&self, group: u32, near: bool) {
        let database = self.database();
        let ids = Grouped::ids_of(group);
        let floors = ids.map(|id| self.floor(Grouped::answer_cell(id)));
        let view = self.cow.with(&database);
        let view = if near { view } else { view.past_near() };
        let read = cut_off(view.ask(answer::of(group))).await;
        let read = read.map(|read| {
            read.map(|objects| objects.iter().cloned().map(Arc::new).map(Some).collect())
        });
        let act = |id| match database.has_fetched(Grouped::cell(id)) {
            true => Act::FetchedRead,
            false if near => Act::NearBatchRead,
            false => Act::BatchRead,
        };
        self.check_group((ids, floors), read, &database, act);
    }

    fn check_group(
        &self,
        (ids, floors): ([u32; GROUP as usize], [Floor; GROUP as usize]),
        read: Option<Result<Vec<Option<Arc<Grouped>>>, Error>>,
        database: &Database,
        act: impl Fn(u32) -> Act,
    ) {
        match read {
            None => self.count(Act::CancelledRead),
            Some(Err(error)) => {
                let asked: Vec<_> = ids.map(Grouped::cell).into_iter().zip(floors).collect();
                self.check_error(&asked, &error, database);
            }
            Some(Ok(mut objects)) => {
                self.count(Act::Group);
                objects.resize(ids.len(), None);
                for ((id, floor), object) in ids.into_iter().zip(floors).zip(&objects) {
                    self.check(id, floor, object.as_ref(), act(id));
                }
            }
        }
    }

    pub(crate) fn database(&self) -> Database {
        Database::new(self.history, self.settings.process)
    }

    pub(crate) fn count(&self, act: Act) {
        self.history.count(self.settings.process, act);
    }

    /// The backing store may fail; the cache may not be the reason for a failure. An error must be as
    /// young as a value: what the store had when the fetch failed may not be older than promised.
    pub(crate) fn check_error(&self, asked: &[(usize, Floor)], error: &Error, database: &Database) {
        let (first, floor) = asked[0];
        let Some(failed) = error.fetch_error::<Failed>() else {
            self.count(Act::FailedRead);
            let event = self.note(first, floor, 0, Act::FailedRead);
            let what = format!("a read failed, and not for its fetch: {:?}", error.kind());
            return self.violation(event, &what);
        };
        // One of a batch's fetches has failed, of some of its objects; it need not be young for all.
        let of_asked = asked.iter().filter_map(|&(cell, floor)| {
            let version = failed.version_of(cell)?;
            Some((version < floor.least(), cell, floor, version))
        });
        let Some((_, cell, floor, version)) = of_asked.min_by_key(|(is_old, ..)| *is_old) else {
            let event = self.note(first, floor, 0, Act::JoinedFailure);
            return self.violation(event, "the error of another object's fetch");
        };
        let own = database.has_fetched(cell);
        let act = if own { Act::FailedRead } else { Act::JoinedFailure };
        self.count(act);
        let event = self.note(cell, floor, version, act);
        if version > self.history.committed(cell) {
            return self.violation(event, "a version that was never committed");
        }
        if version < floor.least() {
            self.older_than_promised(event, floor);
        }
    }

    pub(crate) fn check<T: Soaked>(
        &self,
        id: u32,
        floor: Floor,
        object: Option<&Arc<T>>,
        act: Act,
    ) {
        let cell = T::cell(id);
        let committed = self.history.committed(cell);
        self.count(act);
        let version = match object {
            Some(object) => Some(object.version()),
            None => T::last_absent(committed),
        };
        let event = self.note(cell, floor, version.unwrap_or(0), act);
        let Some(version) = version else {
            return self.violation(event, "an object was absent that never was");
        };
        if object.is_some_and(|object| object.id() != id) {
            return self.violation(event, "another object than the one asked for");
        }
        if version > committed || object.is_some() && T::is_absent(version) {
            return self.violation(event, "a version that was never committed");
        }
        if version < floor.least() {
            self.older_than_promised(event, floor);
        }
    }

    fn older_than_promised(&self, event: Event, floor: Floor) {
        let Event { version, began, ended, act, .. } = event;
        if version < floor.own {
            return self.violation(event, "older than what this process invalidated itself");
        }
        let Floor { cell, promised, .. } = floor;
        let against = self.history.contradicted(cell, version, promised);
        let late = began.saturating_sub(against.first);
        if matches!(act, Act::NearRead | Act::NearBatchRead) && late <= NEAR_BOUND {
            self.count(Act::NearLate);
            self.history.near_was_late(late);
        } else if self.may_be_lost(cell) {
            let Contradicted { last_begun, last_made, .. } = against;
            let floor = promised;
            let suspect = Suspect { cell, version, floor, began, ended, last_begun, last_made };
            let number = self.history.suspect(suspect);
            if number < MAX_SUSPECTS_TRACED {
                let path = self.settings.traces.join(format!("suspect-{number}.txt"));
                let heading = format!("suspect {number}, to be judged: {suspect:?}");
                self.history.trace.dump(cell, &heading, &path).expect("the trace can be written");
            }
        } else {
            self.violation(event, &format!("older than what was promised {late} µs before"));
        }
    }

    /// Whether a failover may have lost what was promised of the cell.
    fn may_be_lost(&self, cell: usize) -> bool {
        let on_a_cluster = self.settings.socket.is_none();
        on_a_cluster && (is_alias(cell) || self.settings.replica_acks == 0)
    }

    pub(crate) fn note(&self, cell: usize, floor: Floor, version: u64, act: Act) -> Event {
        let (began, ended) = (floor.taken, self.history.now());
        let event = Event { began, ended, act, cell, version, floor: floor.promised };
        self.history.trace.note(self.settings.process, event);
        event
    }

    pub(crate) fn violation(&self, event: Event, what: &str) {
        let Some(number) = self.history.violated(event.cell) else { return };
        let Event { began, ended, act, cell, version, floor } = event;
        let heading = format!(
            "violation {number}: {what}\n{} of {}: version {version}, promised {floor}, by process {} \
             from {} to {}",
            act.name(),
            trace::name(cell),
            self.settings.process,
            seconds(began),
            seconds(ended),
        );
        eprintln!("{heading}");
        let path = self.settings.traces.join(format!("violation-{number}.txt"));
        self.history.trace.dump(cell, &heading, &path).expect("the trace can be written");
    }
}
