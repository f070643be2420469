//! Changes of the backing store, and what they promise.

use std::sync::Arc;
use std::time::Duration;

use cachecow::{Error, ErrorKind, Fill, WriteError};
use parking_lot::MutexGuard;
use rustix::process::{Signal, getpid, kill_process};

use crate::act::Act;
use crate::history::{Micros, OBJECTS, Writing};
use crate::objects::{GROUP, Grouped, Named, Soaked, pause};
use crate::trace::Event;
use crate::worker::{LEASE, Worker, cut_off, some_id};

/// How often it is looked whether the background has told the cache of what was not confirmed.
const SETTLING: Duration = Duration::from_millis(20);

/// A version of a cell that was committed.
#[derive(Clone, Copy, Debug)]
struct Committed {
    cell: usize,
    version: u64,
}

/// A change that the cache is told of in the background.
pub(crate) struct Owed {
    committed: Vec<Committed>,
    since: Micros,
}

/// The work failed.
#[derive(Debug)]
struct Failed;

/// How far a change has come when its call returns.
enum Confirmed {
    /// The cache has confirmed it.
    Yes,
    /// A write whose work was done: the cache has confirmed that it ended, or is told in the
    /// background.
    Unless,
    /// It is told in the background.
    No,
}

impl Worker {
    /// Changes an object, and often again at once: the next change falls into the loads that the last
    /// one has caused.
    pub(crate) async fn change<T: Soaked>(self: &Arc<Self>) {
        let id = some_id();
        self.change_once::<T>(id).await;
        while fastrand::bool() {
            pause().await;
            self.change_once::<T>(id).await;
        }
    }

    pub(crate) async fn change_once<T: Soaked>(self: &Arc<Self>, id: u32) {
        match fastrand::u8(..10) {
            0..=2 => self.invalidate::<T>(id).await,
            3 => self.invalidate_many::<T>(id).await,
            4 if T::KIND == Grouped::KIND => self.invalidate_group(id / GROUP).await,
            5 if T::KIND == Grouped::KIND => self.write_group(id / GROUP).await,
            4..=5 if T::KIND == Named::KIND => self.invalidate_alias(id).await,
            4..=7 => self.write::<T>(&[id]).await,
            8 => self.write_detached::<T>(id).await,
            _ => self.write::<T>(&some_with(id)).await,
        }
    }

    pub(crate) async fn invalidate<T: Soaked>(&self, id: u32) {
        let began = self.history.now();
        let committed = vec![self.commit::<T>(id)];
        let begun = self.history.now();
        let ended = cut_off(self.cow.invalidate(T::by(id))).await;
        self.invalidated(committed, [began, begun], ended, Act::Invalidated);
    }

    /// Whoever reads by the alias may not find what is older; by the primary key it may be found.
    async fn invalidate_alias(&self, id: u32) {
        let began = self.history.now();
        let Committed { version, .. } = self.commit::<Named>(id);
        let committed = vec![Committed { cell: Named::alias_cell(id), version }];
        let begun = self.history.now();
        let ended = cut_off(self.cow.invalidate(Named::by_its_name(id))).await;
        self.invalidated(committed, [began, begun], ended, Act::AliasInvalidated);
    }

    async fn invalidate_many<T: Soaked>(&self, id: u32) {
        let (began, ids) = (self.history.now(), some_with(id));
        let committed = ids.iter().map(|&id| self.commit::<T>(id)).collect();
        let begun = self.history.now();
        let ended = cut_off(self.cow.invalidate_many(ids.into_iter().map(T::by))).await;
        self.invalidated(committed, [began, begun], ended, Act::ManyInvalidated);
    }

    async fn invalidate_group(&self, group: u32) {
        let began = self.history.now();
        let members = (group * GROUP..(group + 1) * GROUP).filter(|&id| (id as usize) < OBJECTS);
        let committed = members.flat_map(|id| self.commit_with_answer(id)).collect();
        let begun = self.history.now();
        let ended = cut_off(self.cow.invalidate_tag(Grouped::tag_group(group))).await;
        self.invalidated(committed, [began, begun], ended, Act::TagInvalidated);
    }

    async fn write_group(&self, group: u32) {
        let began = self.history.now();
        let (mut committed, mut begun) = (Vec::new(), began);
        let members = (group * GROUP..(group + 1) * GROUP).filter(|&id| (id as usize) < OBJECTS);
        let work = async {
            pause().await;
            committed.extend(members.flat_map(|id| self.commit_with_answer(id)));
            begun = self.history.now();
            pause().await;
            Ok::<_, Failed>(())
        };
        let write = self.cow.write(Grouped::tag_group(group), work).outcome();
        let ended = cut_off(write).await;
        let times = [began, begun];
        match ended.map(|written| written.invalidated) {
            None => self.cancelled(&committed, times),
            Some(Ok(())) => self.changed(committed, times, &Confirmed::Unless, Act::TagWritten),
            Some(Err(_)) => self.changed(committed, times, &Confirmed::No, Act::Unconfirmed),
        }
    }

    fn invalidated(
        &self,
        committed: Vec<Committed>,
        times: [Micros; 2],
        ended: Option<Result<(), Error>>,
        act: Act,
    ) {
        match ended {
            None => self.cancelled(&committed, times),
            Some(Ok(())) => self.changed(committed, times, &Confirmed::Yes, act),
            Some(Err(error)) => {
                assert_eq!(error.kind(), ErrorKind::NotInvalidated, "{error}");
                self.changed(committed, times, &Confirmed::No, Act::Unconfirmed);
            }
        }
    }

    /// In a task of its own, which goes on where the one that waits for it is dropped.
    async fn write_detached<T: Soaked>(self: &Arc<Self>, id: u32) {
        let worker = Arc::clone(self);
        let write = tokio::spawn(async move {
            worker.write::<T>(&[id]).await;
            worker.count(Act::Detached);
        });
        // A runtime that ends takes the task with it.
        let _ = cut_off(write).await;
    }

    async fn write<T: Soaked>(self: &Arc<Self>, ids: &[u32]) {
        let began = self.history.now();
        let lookups: Vec<T::ById> = ids.iter().map(|&id| T::by(id)).collect();
        let process = self.settings.process;
        let writing: Vec<Writing> =
            ids.iter().map(|&id| self.history.writing(process, T::cell(id))).collect();
        let before: Vec<u64> = ids.iter().map(|&id| self.history.committed(T::cell(id))).collect();
        let mut committed = Vec::new();
        let mut begun = began;
        let work = async {
            pause().await;
            committed.extend(ids.iter().map(|&id| self.commit::<T>(id)));
            begun = self.history.now();
            for (id, committed) in ids.iter().zip(&committed) {
                self.look_for_hold::<T>(*id, *committed, began).await;
            }
            pause().await;
            if fastrand::u8(..) < 6 {
                return Err(Failed);
            }
            let version = |committed: &Committed| committed.version;
            Ok(match (ids, committed.first().map(version)) {
                (&[id], Some(version)) if !T::is_absent(version) => Some(T::new(id, version)),
                _ => None,
            })
        };
        let mut write = self.cow.write(lookups, work);
        if fastrand::bool() {
            write = write.storing(Option::as_ref);
        }
        // Some processes do not begin a write without its hold.
        let write = async {
            if process % 4 < 2 {
                let written = write.outcome().await;
                if written.stored == Fill::Stored {
                    self.count(Act::WrittenThrough);
                }
                return Ok(written.invalidated);
            }
            match write.require_hold().await {
                Ok(_) | Err(WriteError::Work(Failed)) => Ok(Ok(())),
                Err(error) => Err(error),
            }
        };
        let ended = cut_off(write).await;
        for (id, before) in ids.iter().zip(before) {
            if self.history.committed(T::cell(*id)) > before + 1 {
                self.count(Act::Overlapped);
            }
        }
        let times = [began, begun];
        let is_confirmed =
            matches!(ended, Some(Ok(Ok(())))) && self.cow.stats().pending_invalidations == 0;
        if !is_confirmed {
            // Its hold may stand, and what it has sent may still arrive.
            tokio::spawn(async move {
                tokio::time::sleep(LEASE).await;
                drop(writing);
            });
        }
        match ended {
            None => self.cancelled(&committed, times),
            Some(Ok(Ok(()))) => {
                self.changed(committed, times, &Confirmed::Unless, Act::Written);
            }
            Some(Err(_)) => {
                assert!(committed.is_empty(), "the work was not begun");
                self.count(Act::HoldRefused);
            }
            Some(Ok(Err(error))) => {
                assert_eq!(error.kind(), ErrorKind::NotInvalidated, "{error}");
                self.changed(committed, times, &Confirmed::No, Act::Unconfirmed);
            }
        }
    }

    /// After a commit whose hold stands, nobody may read what was before it, whatever becomes of the
    /// writer. See the [crate's documentation](crate).
    async fn look_for_hold<T: Soaked>(&self, id: u32, committed: Committed, began: Micros) {
        let Some(holds) = &self.holds else { return };
        let is_only_writer = self.history.writers(committed.cell) == 1;
        if !holds.stands(&T::by(id), is_only_writer).await {
            return;
        }
        self.promise(committed, began, Act::HeldPromise);
        let process = self.settings.process;
        if self.history.take_doom(process) {
            self.count(Act::WriterKilled);
            self.note_change(committed, began, Act::WriterKilled);
            // As any kill -9, at the one moment that chance would seldom hit.
            kill_process(getpid(), Signal::KILL).expect("this very process");
        }
    }

    fn commit<T: Soaked>(&self, id: u32) -> Committed {
        let cell = T::cell(id);
        Committed { cell, version: self.history.commit(cell) }
    }

    /// Of an object whose tag is invalidated, and so the answers that carry it.
    fn commit_with_answer(&self, id: u32) -> [Committed; 2] {
        let object = self.commit::<Grouped>(id);
        [object, Committed { cell: Grouped::answer_cell(id), ..object }]
    }

    fn cancelled(&self, committed: &[Committed], [began, _]: [Micros; 2]) {
        self.count(Act::CancelledChange);
        for committed in committed {
            self.note_change(*committed, began, Act::CancelledChange);
        }
    }

    fn changed(
        &self,
        committed: Vec<Committed>,
        [began, begun]: [Micros; 2],
        confirmed: &Confirmed,
        act: Act,
    ) {
        for Committed { cell, version } in &committed {
            self.owns(*cell, *version);
        }
        let at_once = match confirmed {
            Confirmed::Yes => true,
            Confirmed::Unless => self.cow.stats().pending_invalidations == 0,
            Confirmed::No => false,
        };
        for committed in &committed {
            self.count(act);
            self.note_change(*committed, began, act);
            if at_once {
                self.history.promise(committed.cell, committed.version, begun);
            }
        }
        if !at_once {
            let since = self.history.now();
            self.owed().push(Owed { committed, since });
        }
    }

    /// Promises what is owed as soon as the background has told the cache of all there is to tell.
    pub(crate) async fn settle(&self) {
        while !self.history.is_stopped() {
            tokio::time::sleep(SETTLING).await;
            self.settle_once();
        }
    }

    /// Waits until nothing is owed any more.
    pub(crate) async fn settle_all(&self) {
        while !self.settle_once() {
            tokio::time::sleep(SETTLING).await;
        }
    }

    /// Whether the background had told the cache of all there was to tell.
    fn settle_once(&self) -> bool {
        // Taken first: what is added later may be outstanding later.
        let owed = std::mem::take(&mut *self.owed());
        if self.cow.stats().pending_invalidations > 0 {
            self.owed().extend(owed);
            return false;
        }
        for Owed { committed, since } in owed {
            for committed in committed {
                self.promise(committed, since, Act::LatePromise);
            }
        }
        true
    }

    fn promise(&self, committed: Committed, begun: Micros, act: Act) {
        self.history.promise(committed.cell, committed.version, begun);
        self.count(act);
        self.note_change(committed, begun, act);
    }

    fn note_change(&self, Committed { cell, version }: Committed, began: Micros, act: Act) {
        let (floor, ended) = (self.history.promised(cell), self.history.now());
        let event = Event { began, ended, act, cell, version, floor };
        self.history.trace.note(self.settings.process, event);
    }

    fn owed(&self) -> MutexGuard<'_, Vec<Owed>> {
        self.owed.lock()
    }
}

/// The object and some others.
fn some_with(id: u32) -> Vec<u32> {
    let mut ids = vec![id, some_id(), some_id()];
    ids.sort_unstable();
    ids.dedup();
    ids
}
