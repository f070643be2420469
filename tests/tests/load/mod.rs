//! Readers and a writer that counts versions, under way while servers come and go.
//!
//! A read is stale if its version is lower than that of an invalidation that was confirmed before the
//! read began. A failover loses what the former master had confirmed and not yet passed on: a stale
//! read counts as **lost** with the failover if the invalidation it contradicts was begun before the
//! former master was gone, on a key that was its own, and as **wrong** otherwise. An invalidation that
//! was begun later can only have been confirmed by the successor.

#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Fill, Lookup as _, Source};
use cachecow_tests::store::{Item, Store};
use parking_lot::Mutex;
use redis::cluster_routing::Slot;
use tokio::task::JoinHandle;

/// What is noted while the load runs.
pub(crate) struct Watch {
    store: Store,
    items: i64,
    floors: Vec<Mutex<Floor>>,
    stale: Mutex<Vec<Stale>>,
    /// When operations failed, and of which items.
    failures: Mutex<Vec<(Instant, i64)>>,
    hits: AtomicUsize,
    reads: AtomicUsize,
    writes: AtomicUsize,
    over: AtomicBool,
}

/// The least version that a read may give.
#[derive(Clone, Copy, Debug)]
struct Floor {
    version: u64,
    /// When the invalidation that set it was begun.
    begun: Instant,
}

/// A read that gave less.
#[derive(Clone, Copy, Debug)]
struct Stale {
    id: i64,
    floor: Floor,
}

/// A load under way.
pub(crate) struct Load {
    pub(crate) watch: Arc<Watch>,
    tasks: Vec<JoinHandle<()>>,
}

/// What came of it.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) reads: usize,
    pub(crate) hits: usize,
    pub(crate) writes: usize,
    /// Stale reads that no failover explains.
    pub(crate) wrong: usize,
    /// Confirmed invalidations that were lost, each with an item that was read stale because of it.
    pub(crate) lost: usize,
    /// From when a master began to go until the last of those was begun.
    pub(crate) losing: Option<Duration>,
    /// From when a master began to go until the last failure.
    pub(crate) failing: Option<Duration>,
    pub(crate) failures: usize,
}

impl Load {
    /// Starts a reader on each of the caches but the last, and a writer on that.
    pub(crate) fn start(mut cows: Vec<CacheCow>, items: i64) -> Self {
        let floor = || Mutex::new(Floor { version: 1, begun: Instant::now() });
        let watch = Arc::new(Watch {
            store: Store::with_items(items),
            items,
            floors: (0..items).map(|_| floor()).collect(),
            stale: Mutex::default(),
            failures: Mutex::default(),
            hits: AtomicUsize::new(0),
            reads: AtomicUsize::new(0),
            writes: AtomicUsize::new(0),
            over: AtomicBool::new(false),
        });
        let writer = cows.pop().expect("a cache for the writer");
        let mut tasks = vec![tokio::spawn(write(Arc::clone(&watch), writer))];
        for (number, cow) in (1..).zip(cows) {
            tasks.push(tokio::spawn(read(Arc::clone(&watch), cow, number)));
        }
        Self { watch, tasks }
    }

    /// Ends it. If a master went: when it began to, when it was gone, and what it owned.
    pub(crate) async fn end(self, went: Option<(Instant, Instant, &BTreeSet<i64>)>) -> Report {
        self.watch.over.store(true, Ordering::SeqCst);
        for task in self.tasks {
            task.await.expect("the load does not panic");
        }
        let watch = self.watch;
        let mut lost = BTreeSet::new();
        let (mut wrong, mut last_lost) = (0, None);
        for stale in watch.stale.lock().iter() {
            let explained = went.is_some_and(|(_, gone, owned)| {
                stale.floor.begun < gone && owned.contains(&stale.id)
            });
            if explained {
                lost.insert((stale.id, stale.floor.version));
                last_lost = last_lost.max(Some(stale.floor.begun));
            } else {
                wrong += 1;
            }
        }
        let failures = watch.failures.lock();
        let last = failures.iter().map(|(at, _)| *at).max();
        let since = |at: Option<Instant>| {
            went.zip(at).map(|((began, ..), at)| at.saturating_duration_since(began))
        };
        Report {
            reads: watch.reads.load(Ordering::SeqCst),
            hits: watch.hits.load(Ordering::SeqCst),
            writes: watch.writes.load(Ordering::SeqCst),
            wrong,
            lost: lost.len(),
            losing: since(last_lost),
            failing: since(last),
            failures: failures.len(),
        }
    }
}

impl Watch {
    /// Waits until each of these items was invalidated by an operation that was begun after `after`.
    pub(crate) async fn invalidated_after(&self, after: Instant, items: &BTreeSet<i64>) {
        let all = async {
            while !items.iter().all(|&id| self.floor(id).begun > after) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("the cache works again");
    }

    /// Waits until so many reads were hits.
    pub(crate) async fn has_hits(&self, hits: usize) {
        let all = async {
            while self.hits.load(Ordering::SeqCst) < hits {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), all).await.expect("hits");
    }

    fn floor(&self, id: i64) -> Floor {
        *self.floors[usize::try_from(id - 1).expect("from 1 on")].lock()
    }

    fn failed(&self, id: i64) {
        self.failures.lock().push((Instant::now(), id));
    }
}

async fn read(watch: Arc<Watch>, cow: CacheCow, number: i64) {
    let mut step = number;
    while !watch.over.load(Ordering::SeqCst) {
        step += 7;
        let id = step % watch.items + 1;
        let floor = watch.floor(id);
        let read = cow.with(&watch.store).read(Item::by_id(id)).await.expect("no fetch fails");
        let version = read.value.expect("there is such an item").version;
        watch.reads.fetch_add(1, Ordering::SeqCst);
        if read.source == Source::Cache {
            watch.hits.fetch_add(1, Ordering::SeqCst);
        }
        if read.fill == Fill::Unreachable {
            watch.failed(id);
        }
        if version < floor.version {
            watch.stale.lock().push(Stale { id, floor });
        }
        pace().await;
    }
}

async fn write(watch: Arc<Watch>, cow: CacheCow) {
    let mut step = 0;
    while !watch.over.load(Ordering::SeqCst) {
        step += 1;
        let id = step % watch.items + 1;
        let version = watch.store.bump(id).version;
        let begun = Instant::now();
        watch.writes.fetch_add(1, Ordering::SeqCst);
        match cow.invalidate(Item::by_id(id)).await {
            Ok(()) => {
                let floor = &watch.floors[usize::try_from(id - 1).expect("from 1 on")];
                *floor.lock() = Floor { version, begun };
            }
            Err(_) => watch.failed(id),
        }
        pace().await;
    }
}

/// Leaves the servers some time, on a machine of few processors.
async fn pace() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}

/// The Redis keys of an item.
pub(crate) fn names(id: i64) -> [String; 2] {
    let hash = Item::by_id(id).key().key();
    [format!("cache:{{{hash}}}"), format!("flag:{{{hash}}}")]
}

/// The slot of an item.
pub(crate) fn slot(id: i64) -> u16 {
    let slot = Slot::for_key(&names(id)[0]);
    (0..16384).find(|&number| Slot::new(number) == Some(slot)).expect("one of the slots")
}
