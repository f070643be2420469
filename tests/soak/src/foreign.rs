//! Beside the usual load: rows changed by plain SQL, which the same Redis hears of from PostgreSQL's log alone.
//!
//! A read may be as old as the follower's `lag` says before it begins, and not older; after `caught_up` it may not be older
//! than what was committed before that call. There are two followers at a time, each with a cache and a runtime of its own.
//! Every few seconds the one that has the slot ends without a word, in the middle of whatever it does, and the other one
//! takes over.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow::log::{Follower, PostgresLog};
use cachecow_tests::followed::{Database, Note, User};
use futures_util::future::join_all;
use parking_lot::{Mutex, MutexGuard};
use tokio::runtime::{self, Runtime};
use tokio::task::JoinSet;

use crate::report::line;
use crate::rows::{Change, ROWS, Rows};

const WRITERS: usize = 8;
const READERS: usize = 4;
/// So many rows change in one statement now and then.
const TOGETHER: usize = 20;
/// For how long a follower waits before it takes over, and then follows.
const TURN: Duration = Duration::from_secs(7);
/// What is compared after each `caught_up`.
const COMPARED: usize = 32;

/// What it came to.
#[derive(Clone, Debug, Default)]
pub struct ForeignReport {
    /// Rows changed.
    pub changes: u64,
    /// Reads that were compared with what the lag allows.
    pub reads: u64,
    /// Those of them that were older.
    pub stale: u64,
    /// Reads after `caught_up`.
    pub compared: u64,
    /// Those of them that were older than what was committed before it.
    pub stale_after: u64,
    /// What was stale at the end, and would have stayed so.
    pub stale_for_good: u64,
    /// The longest lag that was stated.
    pub longest_lag: Duration,
    /// Followers that ended without a word.
    pub ended: u64,
    /// How many others took over.
    pub taken_over: u64,
    /// How often they dropped everything.
    pub drops: u64,
    /// From the first change to the last.
    pub took: Duration,
}

impl ForeignReport {
    /// Whether nothing was older than promised.
    pub fn is_clean(&self) -> bool {
        self.stale + self.stale_after + self.stale_for_good == 0
    }
}

impl fmt::Display for ForeignReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        line(f, "rows changed by others", self.changes)?;
        writeln!(f, "  in {:.0?}, the longest lag {:.1?}", self.took, self.longest_lag)?;
        line(f, "  reads compared with the lag", self.reads)?;
        line(f, "  older than the lag", self.stale)?;
        line(f, "  reads after caught_up", self.compared)?;
        line(f, "  older than caught_up allows", self.stale_after)?;
        line(f, "  stale for good", self.stale_for_good)?;
        line(f, "  followers that ended without a word", self.ended)?;
        line(f, "  others that took over", self.taken_over)?;
        line(f, "  everything dropped", self.drops)
    }
}

/// The writers, the readers and the followers.
pub(crate) struct Foreign {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
    began: Instant,
}

struct Shared {
    database: Database,
    url: String,
    cow: CacheCow,
    /// The one that has the slot, unless it is the other one's turn.
    leader: Mutex<Follower>,
    rows: Rows,
    wanted: u64,
    over: AtomicBool,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    changes: AtomicU64,
    reads: AtomicU64,
    stale: AtomicU64,
    compared: AtomicU64,
    stale_after: AtomicU64,
    ended: AtomicU64,
    taken_over: AtomicU64,
    drops: AtomicU64,
    lag: AtomicU64,
}

impl Foreign {
    /// So many changes, kept up with in the Redis at this address.
    pub(crate) async fn start(url: String, wanted: u64) -> Self {
        let database = Database::start().await;
        let rows = Rows::new();
        for sql in Rows::insert_all() {
            database.run(&sql).await;
        }
        let cow = CacheCow::open(&url).await.expect("a valid URL");
        let (runtime, follower) = follow(&url, database.log()).await;
        follower.caught_up().await.expect("it follows");
        let (leader, over) = (Mutex::new(follower), AtomicBool::new(false));
        let counts = Counts::default();
        let shared = Arc::new(Shared { database, url, cow, leader, rows, wanted, over, counts });
        let mut tasks = JoinSet::new();
        for writer in 0..WRITERS {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move { shared.write(writer).await });
        }
        for _ in 0..READERS {
            let shared = Arc::clone(&shared);
            tasks.spawn(async move { shared.read().await });
        }
        let [comparing, replacing] = [(); 2].map(|()| Arc::clone(&shared));
        tasks.spawn(async move { comparing.compare().await });
        tasks.spawn(async move { replacing.take_turns(runtime).await });
        Self { shared, tasks, began: Instant::now() }
    }

    pub(crate) fn changes(&self) -> u64 {
        self.shared.counts.changes.load(SeqCst)
    }

    pub(crate) fn is_over(&self) -> bool {
        self.changes() >= self.shared.wanted
    }

    /// Ends everything, and compares everything.
    pub(crate) async fn end(mut self) -> ForeignReport {
        let took = self.began.elapsed();
        self.shared.over.store(true, SeqCst);
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no task panics");
        }
        let shared = &self.shared;
        let (runtime, follower) = follow(&shared.url, shared.database.log()).await;
        follower.caught_up().await.expect("it follows");
        let mut stale_for_good = 0;
        let rows: Vec<usize> = (0..ROWS).collect();
        for some in rows.chunks(TOGETHER * READERS) {
            let fresh = some.iter().map(|row| shared.is_fresh(*row, shared.rows.committed(*row)));
            stale_for_good += join_all(fresh).await.iter().filter(|is_fresh| !**is_fresh).count();
        }
        shared.count(&follower);
        follower.stop().await;
        runtime.shutdown_background();
        let of = |count: &AtomicU64| count.load(SeqCst);
        let counts = &shared.counts;
        ForeignReport {
            changes: of(&counts.changes),
            reads: of(&counts.reads),
            stale: of(&counts.stale),
            compared: of(&counts.compared),
            stale_after: of(&counts.stale_after),
            stale_for_good: stale_for_good as u64,
            longest_lag: Duration::from_micros(of(&counts.lag)),
            ended: of(&counts.ended),
            taken_over: of(&counts.taken_over),
            drops: of(&counts.drops),
            took,
        }
    }
}

/// A follower, and the runtime that it lives in.
async fn follow(url: &str, log: PostgresLog) -> (Runtime, Follower) {
    let mut runtime = runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let url = url.to_owned();
    let following = runtime.spawn(async move {
        let cow = CacheCow::open(&url).await.expect("a valid URL");
        cow.follow(log).types::<(User, Note)>().start().await.expect("it is set up")
    });
    let follower = following.await.expect("no panic");
    (runtime, follower)
}

impl Shared {
    fn leader(&self) -> MutexGuard<'_, Follower> {
        self.leader.lock()
    }

    /// Waits for what is committed by now, whoever follows; whether that came before the end.
    async fn caught_up(&self) -> bool {
        loop {
            let leader = self.leader().clone();
            // It may have ended meanwhile.
            if leader.caught_up().await.is_ok() {
                return true;
            }
            if self.is_over() {
                return false;
            }
            tokio::task::yield_now().await;
        }
    }

    /// What a follower did that has ended.
    fn count(&self, follower: &Follower) {
        let status = follower.status();
        self.counts.taken_over.fetch_add(u64::from(status.opened > 0), SeqCst);
        self.counts.drops.fetch_add(status.drops, SeqCst);
    }

    fn is_over(&self) -> bool {
        self.over.load(SeqCst)
    }

    /// Changes rows of its own.
    async fn write(&self, writer: usize) {
        let own = ROWS / WRITERS;
        while !self.is_over() && self.counts.changes.load(SeqCst) < self.wanted {
            let at = fastrand::usize(..own);
            let together = if fastrand::u8(..4) == 0 { TOGETHER.min(own - at) } else { 1 };
            let first = writer * own + at;
            let change = Change::begin(&self.rows, first, together);
            let changed = sqlx::query(&change.sql).execute(&self.database.pool).await;
            changed.expect("only this writer changes these rows");
            let count = change.end(&self.rows);
            self.counts.changes.fetch_add(count, SeqCst);
        }
    }

    /// Reads rows, above all those that are being changed, and holds each read to the lag.
    async fn read(&self) {
        while !self.is_over() {
            let row = self.rows.some();
            let now = Instant::now();
            let lag = self.leader().lag().time;
            let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
            self.counts.lag.fetch_max(micros, SeqCst);
            let floor = now.checked_sub(lag).map_or(0, |as_of| self.rows.committed_at(row, as_of));
            let is_fresh = self.is_fresh(row, floor).await;
            self.counts.reads.fetch_add(3, SeqCst);
            if !is_fresh {
                self.counts.stale.fetch_add(1, SeqCst);
                eprintln!("row {row} is older than its lag of {lag:?}: {}", self.leader().status());
            }
        }
    }

    async fn compare(&self) {
        while !self.is_over() {
            let some: Vec<usize> = (0..COMPARED).map(|_| self.rows.some()).collect();
            let floors: Vec<u64> = some.iter().map(|row| self.rows.committed(*row)).collect();
            if !self.caught_up().await {
                return;
            }
            for (row, floor) in some.into_iter().zip(floors) {
                let is_fresh = self.is_fresh(row, floor).await;
                self.counts.compared.fetch_add(3, SeqCst);
                if !is_fresh {
                    self.counts.stale_after.fetch_add(1, SeqCst);
                    eprintln!("row {row} is stale after caught_up: {}", self.leader().status());
                }
            }
        }
    }

    /// Whether the row is served by its key, its alias and its list as it was at this version or later.
    async fn is_fresh(&self, row: usize, floor: u64) -> bool {
        let view = self.cow.with(&self.database.pool);
        let id = Rows::id(row);
        let by_id = view.get(User::by_id(id)).await.expect("the database answers");
        let mut is_fresh = self.rows.may_be(row, floor, by_id.as_deref());
        let email = Rows::some_email(row);
        let by_email = view.get(User::by_email(&email)).await.expect("the database answers");
        is_fresh &= self.rows.may_have_email(row, floor, &email, by_email.as_deref());
        let org = Rows::some_org(row);
        let list = view.list(User::list_by_org_id(org)).await.expect("the database answers");
        let listed = list.iter().find(|user| user.id == id);
        is_fresh & self.rows.may_be_listed(row, floor, org, listed.map(|user| &**user))
    }

    /// Ends the follower that has the slot, again and again.
    async fn take_turns(self: Arc<Self>, mut runtime: Runtime) {
        while !self.is_over() {
            let (next_runtime, next) = follow(&self.url, self.database.log()).await;
            let until = Instant::now() + TURN;
            while Instant::now() < until && !self.is_over() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            let ended = std::mem::replace(&mut *self.leader(), next);
            std::mem::replace(&mut runtime, next_runtime).shutdown_background();
            self.count(&ended);
            self.counts.ended.fetch_add(1, SeqCst);
        }
        runtime.shutdown_background();
        self.count(&self.leader());
    }
}
