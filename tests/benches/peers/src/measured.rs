//! How fast a contender is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use race::{Contender, Entrant, Latency};

/// The rows that are hit; the race has those below.
const HIT: std::ops::Range<u64> = 1_000..2_000;
/// Rows of a batch.
const BATCH: u64 = 100;
/// Cold reads of a round.
const COLD: u64 = 1_000;
/// Hits after which a task lets others run.
const YIELD_EVERY: u32 = 64;
/// The next row that nobody has read. Each contender has rows enough of its own beyond it.
static FRESH: AtomicU64 = AtomicU64::new(10_000);

/// What is done again and again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// One cached row.
    Hit,
    /// A hundred cached rows at once.
    Batch,
    /// One row that nobody has read.
    Cold,
}

/// An [`Entrant`] whose speed is measured.
pub trait Measured: Entrant {
    /// Reads the rows that will be hit; and makes fetches take no time.
    fn warm_up(&self) -> BoxFuture<'_, ()>;

    /// How often a second this number of tasks do it together, in a window of this time. Cold reads are counted instead.
    fn rate(&self, work: Work, tasks: u32, window: Duration) -> BoxFuture<'_, f64>;
}

impl<C: Contender> Measured for C {
    fn warm_up(&self) -> BoxFuture<'_, ()> {
        async {
            self.database().set_latency(Latency::Turns(0));
            for _ in 0..3 {
                for id in HIT {
                    self.read(id).await;
                }
            }
        }
        .boxed()
    }

    fn rate(&self, work: Work, tasks: u32, window: Duration) -> BoxFuture<'_, f64> {
        match work {
            Work::Hit => throughput(self, tasks, window, hits).boxed(),
            Work::Batch => throughput(self, tasks, window, batches).boxed(),
            Work::Cold => cold(self).boxed(),
        }
    }
}

async fn throughput<C, F>(
    contender: &C,
    tasks: u32,
    window: Duration,
    one: impl Fn(C, Arc<AtomicBool>, u64) -> F,
) -> f64
where
    C: Contender,
    F: Future<Output = u32> + Send + 'static,
{
    let before = contender.database().fetches();
    let (stop, began) = (Arc::new(AtomicBool::new(false)), Instant::now());
    let running: Vec<_> = (0..tasks)
        .map(|task| tokio::spawn(one(contender.clone(), Arc::clone(&stop), u64::from(task) * 13)))
        .collect();
    tokio::time::sleep(window).await;
    stop.store(true, Ordering::Relaxed);
    let mut count = 0;
    for task in running {
        count += task.await.expect("no read fails");
    }
    let rate = f64::from(count) / began.elapsed().as_secs_f64();
    assert_eq!(contender.database().fetches(), before, "{}: only hits", Contender::name(contender));
    rate
}

async fn hits(contender: impl Contender, stop: Arc<AtomicBool>, mut step: u64) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        assert_eq!(contender.read(hit(step)).await, 1);
        step += 7;
        count += 1;
        // A hit in memory lets nobody else run, not even the clock of the window.
        if count % YIELD_EVERY == 0 {
            tokio::task::yield_now().await;
        }
    }
    count
}

async fn batches(contender: impl Contender, stop: Arc<AtomicBool>, mut step: u64) -> u32 {
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let ids: Vec<_> = (step..step + BATCH).map(hit).collect();
        let versions = contender.read_many(&ids).await;
        assert!(versions.len() == ids.len() && versions.iter().all(|&version| version == 1));
        step += 7;
        count += 1;
        tokio::task::yield_now().await;
    }
    count
}

async fn cold(contender: &impl Contender) -> f64 {
    let first = FRESH.fetch_add(COLD, Ordering::Relaxed);
    let (before, began) = (contender.database().fetches(), Instant::now());
    for id in first..first + COLD {
        contender.read(id).await;
    }
    let time = began.elapsed();
    assert_eq!(contender.database().fetches(), before + COLD, "only cold reads");
    f64::from(u32::try_from(COLD).expect("small")) / time.as_secs_f64()
}

fn hit(step: u64) -> u64 {
    HIT.start + step % (HIT.end - HIT.start)
}
