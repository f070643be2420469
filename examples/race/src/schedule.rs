//! The forced order of steps. Gates enforce it, so it is the same in every run.

use crate::contender::Contender;

/// The row that the schedule uses.
const ROW: u64 = 0;

/// Where a read was served from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Served {
    /// The cache: there was no fetch.
    Cache,
    /// The database.
    Database,
}

/// The result of a read that began after the invalidation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadBack {
    /// The version that was returned.
    pub version: u64,
    /// Where it came from.
    pub served: Served,
}

/// The result of the race.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What the slow reader fetched, before the write.
    pub fetched: u64,
    /// What the writer committed.
    pub committed: u64,
    /// What the slow reader returned. The old version is correct here: its read began before the write.
    pub returned: u64,
    /// Two reads afterwards, one after the other.
    pub afterwards: [ReadBack; 2],
}

impl Outcome {
    /// Whether a read that began after the invalidation returned a version that was fetched before the write.
    pub fn is_stale(&self) -> bool {
        self.afterwards.iter().any(|read| read.version < self.committed)
    }
}

pub(crate) async fn run<C: Contender>(contender: &C) -> Outcome {
    // An earlier run may have left the row in Redis.
    contender.invalidate(ROW).await;
    let database = contender.database();
    let fetched = database.version(ROW);

    let mut held = database.hold_next_fetch();
    let reader = contender.clone();
    let reader = tokio::spawn(async move { reader.read(ROW).await });
    held.arrived().await;

    let committed = database.commit(ROW);
    contender.invalidate(ROW).await;

    held.release();
    let returned = reader.await.expect("no read fails");

    let afterwards = [read_back(contender).await, read_back(contender).await];
    Outcome { fetched, committed, returned, afterwards }
}

async fn read_back(contender: &impl Contender) -> ReadBack {
    let before = contender.database().fetches();
    let version = contender.read(ROW).await;
    let fetched = contender.database().fetches() > before;
    ReadBack { version, served: if fetched { Served::Database } else { Served::Cache } }
}
