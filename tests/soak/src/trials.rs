//! Reads of a server that is well: it must not be taken for one that is not.
//!
//! A trial has a `CacheCow` of its own, and objects that nobody else touches. While it lasts nothing
//! else goes wrong, so that each read has a reason to be served by the cache.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use cachecow::{Fill, Source};

use crate::act::Act;
use crate::history::OBJECTS;
use crate::objects::{Plain, RESERVED, Soaked};
use crate::worker::{Settings, Worker};

/// How long an operation may take: long, since a busy machine is no outage.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
/// What a read in a trial takes only if it hangs.
const HANG: Duration = Duration::from_secs(40);
/// More fetches than this cannot be explained by an object that was evicted, and by processes that load
/// it at a time.
const MOST_FETCHES: u64 = 8;

const HITS_OF_THE_WARM: u32 = 32;

/// A trial of one object.
pub(crate) struct Trial {
    pub(crate) worker: Arc<Worker>,
    pub(crate) id: u32,
    fetches: AtomicU64,
    unreachable: AtomicU64,
    hung: AtomicU64,
}

impl Trial {
    /// Of the object with this number among those that are reserved for trials; over `url`.
    pub(crate) async fn of(worker: &Worker, number: u32, url: String) -> Arc<Self> {
        let settings = Settings { url, near_url: None, ..worker.settings.clone() };
        let patient = |builder: cachecow::Builder| {
            builder.operation_timeout(PATIENCE).connect_timeout(PATIENCE)
        };
        let worker = Worker::open(settings, worker.history, patient).await;
        Self::with(Arc::new(worker), number)
    }

    /// Of another object by the same `CacheCow`.
    pub(crate) fn beside(&self, number: u32) -> Arc<Self> {
        Self::with(Arc::clone(&self.worker), number)
    }

    fn with(worker: Arc<Worker>, number: u32) -> Arc<Self> {
        debug_assert!(number < RESERVED, "an object that is reserved");
        let id = u32::try_from(OBJECTS).expect("not that many") - RESERVED + number;
        let [fetches, unreachable, hung] = [0; 3].map(AtomicU64::new);
        Arc::new(Self { worker, id, fetches, unreachable, hung })
    }

    /// Reads the object until it is served from the cache, time after time: then a read begins with a
    /// lookup, as where most reads are hits.
    pub(crate) async fn warm(&self) {
        let database = self.worker.database();
        let mut hits = 0;
        while hits < HITS_OF_THE_WARM {
            let read = self.worker.cow.with(&database).read(Plain::by(self.id)).await;
            let is_hit = read.is_ok_and(|read| read.source == Source::Cache);
            hits += u32::from(is_hit);
        }
    }

    /// Commits a change of the object, and invalidates it.
    pub(crate) async fn change(&self) {
        self.worker.invalidate::<Plain>(self.id).await;
    }

    /// Reads the object.
    pub(crate) async fn read(&self) {
        let (worker, database) = (&self.worker, self.worker.database());
        let (cell, floor) = (Plain::cell(self.id), self.worker.floor(Plain::cell(self.id)));
        let view = worker.cow.with(&database);
        let reading = tokio::time::timeout(HANG, view.read(Plain::by(self.id))).await;
        let Ok(read) = reading else {
            self.hung.fetch_add(1, SeqCst);
            return;
        };
        self.fetches.fetch_add(u64::from(database.has_fetched(cell)), SeqCst);
        match read {
            Err(error) => worker.check_error(&[(cell, floor)], &error, &database),
            Ok(read) => {
                self.unreachable.fetch_add(u64::from(read.fill == Fill::Unreachable), SeqCst);
                let act = Act::of(read.source, database.has_fetched(cell));
                worker.check(self.id, floor, read.value.as_ref(), act);
            }
        }
    }

    /// The cache was well, and must not seem to have been anything else; what there was to fetch was
    /// fetched once, or nearly so.
    pub(crate) fn judge(&self, act: Act) {
        let take = |count: &AtomicU64| count.swap(0, SeqCst);
        let [fetches, unreachable, hung] = [&self.fetches, &self.unreachable, &self.hung].map(take);
        let circuit_open = self.worker.cow.stats().circuit_open;
        let mut found = Vec::new();
        if unreachable > 0 {
            found.push(format!("{unreachable} reads found a healthy cache unreachable"));
        }
        if circuit_open {
            found.push("the circuit of a healthy cache is open".to_owned());
        }
        if fetches > MOST_FETCHES {
            found.push(format!("one object was fetched {fetches} times"));
        }
        if hung > 0 {
            found.push(format!("{hung} reads did not end within {HANG:?}"));
        }
        let floor = self.worker.floor(Plain::cell(self.id));
        let event = self.worker.note(floor.cell, floor, floor.promised, act);
        if !found.is_empty() {
            self.worker.violation(event, &found.join("; "));
        }
    }
}
