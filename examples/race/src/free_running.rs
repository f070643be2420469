//! Readers and writers that run freely, for a fixed number of operations.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fastrand::Rng;

use crate::contender::Contender;
use crate::database::Latency;

/// The load of a run.
#[derive(Clone, Copy, Debug)]
pub struct Load {
    /// Reads and writes together.
    pub operations: u32,
    /// How many tasks run them.
    pub tasks: u32,
    /// On how many rows.
    pub rows: u64,
    /// One in this number of operations is a write, at random.
    pub one_write_in: u32,
    /// How long the database's answers take.
    pub latency: Latency,
}

impl Default for Load {
    fn default() -> Self {
        // A write must meet fetches of its row now and then, whether the cache answers in 100 ns or in 1 ms.
        let latency = Latency::Time(Duration::from_millis(2));
        Self { operations: 200_000, tasks: 32, rows: 200, one_write_in: 50, latency }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operations, tasks, rows, one_write_in, latency } = self;
        write!(
            f,
            "{operations} operations by {tasks} tasks on {rows} rows, one of {one_write_in} a write; the database \
             answers in {latency}"
        )
    }
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// All reads.
    pub reads: u64,
    /// Reads that returned an old version: an invalidation after a newer commit had already returned before the
    /// read began.
    pub stale_reads: u64,
    /// Rows that are still stale at the end, when nobody writes any more.
    pub stale_rows: u64,
}

impl Tally {
    /// Stale reads per million.
    pub fn per_million(&self) -> u64 {
        self.stale_reads * 1_000_000 / self.reads.max(1)
    }
}

/// For each row, the version that no later read may be older than.
type Promised = Arc<[AtomicU64]>;

pub(crate) async fn run<C: Contender>(contender: &C, load: Load) -> Tally {
    contender.database().set_latency(load.latency);
    for id in 1..=load.rows {
        // An earlier run may have left the row in Redis.
        contender.invalidate(id).await;
    }
    let versions = (0..=load.rows).map(|id| AtomicU64::new(contender.database().version(id)));
    let promised: Promised = versions.collect();
    let tasks = (0..load.tasks).map(|task| {
        let (contender, promised) = (contender.clone(), Arc::clone(&promised));
        tokio::spawn(async move { operate(&contender, &promised, load, task).await })
    });
    let mut all = Tally::default();
    for task in tasks.collect::<Vec<_>>() {
        let tally = task.await.expect("no operation fails");
        all.reads += tally.reads;
        all.stale_reads += tally.stale_reads;
    }
    for id in 1..=load.rows {
        let least = at(&promised, id).load(Ordering::SeqCst);
        all.stale_rows += u64::from(contender.read(id).await < least);
    }
    all
}

async fn operate(contender: &impl Contender, promised: &Promised, load: Load, task: u32) -> Tally {
    let (mut random, mut tally) = (Rng::with_seed(u64::from(task)), Tally::default());
    for _ in 0..load.operations / load.tasks {
        let id = random.u64(1..=load.rows);
        if random.u32(0..load.one_write_in) == 0 {
            let version = contender.database().commit(id);
            contender.invalidate(id).await;
            at(promised, id).fetch_max(version, Ordering::SeqCst);
        } else {
            let least = at(promised, id).load(Ordering::SeqCst);
            let version = contender.read(id).await;
            tally.reads += 1;
            tally.stale_reads += u64::from(version < least);
        }
        // A hit in memory does not yield to other tasks.
        tokio::task::yield_now().await;
    }
    tally
}

fn at(promised: &Promised, id: u64) -> &AtomicU64 {
    &promised[usize::try_from(id).expect("an index")]
}
