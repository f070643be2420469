//! Writers that know nothing of the cache, by plain SQL, and readers that chase the rows being written.
//!
//! Each row is changed once: inserted, updated, deleted, given another key, another alias or another list, or all of
//! that, alone or in a transaction of three. All that concerns it is read before, and again and again while the change
//! is made. Now and then a reader waits by `caught_up` and then reads what was changed last: it must be served as the
//! change left it. Rows come in rounds. At the end of each round everything is compared with the database; then the table
//! is truncated, and everything is compared again.

mod change;
mod cursor;
mod judge;
mod place;
mod user;

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow::log::{ChangeLog, Follower, LogPosition, PostgresLog};
use cachecow::store::SqlPool;
use futures_util::FutureExt as _;
use futures_util::future::{join, join_all};
use parking_lot::Mutex;

use self::change::{Change, insert};
use self::cursor::Cursor;
use self::place::Place;
pub use self::place::Source;
pub use self::user::User;
use crate::any_pool::with;
use crate::controlled::{Controlled, Forget, Rule};
use crate::servers::RedisServer;

const WRITERS: usize = 8;
/// So many rows there are at a time.
const ROUND: usize = 4_000;
/// And in a control, which is over with the first round that finds something.
const ROUND_OF_A_CONTROL: usize = 240;
/// So many changes are made in one transaction now and then.
const TOGETHER: usize = 3;
/// What is compared after `caught_up`, while writers go on.
const RECENT: usize = 16;

/// Which cache is kept fresh.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cache {
    /// `memory://`: the follower and the readers are one process.
    Memory,
    /// Redis: the readers have a handle of their own, as another process would.
    Redis,
}

/// How the log is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// As the library does.
    Kept,
    /// As the library does; one batch of so many is read, and then the log fails and is opened again.
    BreakingOff(usize),
    /// A control: nothing is waited for until it is visible.
    NoGate,
    /// A control: as [`BreakingOff`](Self::BreakingOff), and what was read was acknowledged before.
    AcknowledgesFirst(usize),
    /// A control: an outbox is read by a cursor, `id > last`.
    Cursor,
}

/// What is tried.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// What is followed.
    pub source: Source,
    /// What is kept fresh.
    pub cache: Cache,
    /// How.
    pub way: Way,
    /// How many rows are changed.
    pub rows: usize,
    /// How many rows there are at a time.
    pub round: usize,
    /// Whether a round that finds something stale is the last one.
    pub until_stale: bool,
}

/// Everything that must find nothing stale: each log with each cache, and each log when it breaks off again and again.
pub fn trials(rows: usize) -> Vec<Trial> {
    let kept = |source, cache| Trial::kept(source, cache, rows);
    let breaking = Way::BreakingOff(500);
    vec![
        kept(Source::PostgresLog, Cache::Memory),
        kept(Source::PostgresLog, Cache::Redis),
        kept(Source::PostgresLog, Cache::Redis).by(breaking),
        kept(Source::PostgresLogSynchronous, Cache::Memory),
        kept(Source::PostgresLogSynchronous, Cache::Redis),
        kept(Source::PostgresOutbox, Cache::Memory),
        kept(Source::PostgresOutbox, Cache::Redis),
        kept(Source::PostgresOutbox, Cache::Redis).by(breaking),
        kept(Source::MariaDbOutbox, Cache::Memory),
        kept(Source::MariaDbOutbox, Cache::Redis),
        kept(Source::MariaDbOutbox, Cache::Redis).by(breaking),
        kept(Source::SqliteOutbox, Cache::Memory),
        kept(Source::SqliteOutbox, Cache::Redis),
        kept(Source::SqliteOutbox, Cache::Redis).by(breaking),
    ]
}

/// What must find something stale, each with one thing done wrong.
pub fn controls(rows: usize) -> Vec<Trial> {
    let control = |source, cache, way| Trial::kept(source, cache, rows).control(way);
    let acknowledges = Way::AcknowledgesFirst(10);
    vec![
        control(Source::PostgresLogSynchronous, Cache::Memory, Way::NoGate),
        control(Source::PostgresLogSynchronous, Cache::Redis, Way::NoGate),
        control(Source::PostgresLog, Cache::Redis, acknowledges),
        control(Source::SqliteOutbox, Cache::Memory, acknowledges),
        control(Source::PostgresOutbox, Cache::Memory, Way::Cursor),
        control(Source::MariaDbOutbox, Cache::Memory, Way::Cursor),
    ]
}

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Findings {
    /// How many rows were changed.
    pub changed: usize,
    /// How often something was read meanwhile.
    pub reads: usize,
    /// What was compared after `caught_up`, while writers went on.
    pub compared: usize,
    /// What was stale then.
    pub stale: Vec<String>,
    /// What was stale at the end of a round, and would have stayed so.
    pub stale_for_good: Vec<String>,
    /// How often everything was invalidated.
    pub drops: u64,
    /// How often the log was opened.
    pub opened: u64,
    /// How far the follower said it was behind, before each `caught_up` while writers went on.
    pub lags: Vec<Duration>,
    /// From the first change to the last.
    pub took: Duration,
}

impl Findings {
    /// Whether anything at all was stale.
    pub fn found_any(&self) -> bool {
        !(self.stale.is_empty() && self.stale_for_good.is_empty())
    }
}

impl fmt::Display for Trial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, {:?}, {:?}", self.source, self.cache, self.way)
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let a_second = self.changed as u128 * 1000 / self.took.as_millis().max(1);
        let mut sorted = self.lags.clone();
        sorted.sort_unstable();
        write!(
            f,
            "{} rows changed ({a_second} a second), {} reads; lag: median {:.1?}, at most {:.1?}; stale after caught_up: {} of \
             {}; stale for good: {}; opened {}, everything dropped {} times; took {:.1?}",
            self.changed,
            self.reads,
            sorted.get(sorted.len() / 2).copied().unwrap_or_default(),
            sorted.last().copied().unwrap_or_default(),
            self.stale.len(),
            self.compared,
            self.stale_for_good.len(),
            self.opened,
            self.drops,
            self.took,
        )
    }
}

impl Trial {
    /// As the library follows, for so many rows.
    pub fn kept(source: Source, cache: Cache, rows: usize) -> Self {
        Self { source, cache, way: Way::Kept, rows, round: ROUND, until_stale: false }
    }

    /// In another way.
    #[must_use]
    pub fn by(self, way: Way) -> Self {
        Self { way, ..self }
    }

    /// A control, which ends with the first round that finds something stale.
    #[must_use]
    pub fn control(self, way: Way) -> Self {
        Self { way, round: ROUND_OF_A_CONTROL, until_stale: true, ..self }
    }

    /// Starts the servers, and changes and reads.
    ///
    /// # Panics
    ///
    /// If a server does not start or fails.
    pub async fn run(self) -> Findings {
        let place = Place::start(self.source).await;
        let redis = (self.cache == Cache::Redis).then(RedisServer::start);
        let [cow, reader] = match &redis {
            None => {
                let cow = CacheCow::memory();
                [cow.clone(), cow]
            }
            Some(redis) => {
                let url = redis.url();
                let open = || async { CacheCow::open(&url).await.expect("a valid URL") };
                [open().await, open().await]
            }
        };
        let follower = self.follow(&cow, &place).await;
        let run = Arc::new(Run {
            place,
            cow: reader,
            follower: follower.clone(),
            reads: AtomicUsize::default(),
            compared: AtomicUsize::default(),
            stale: Mutex::default(),
            lags: Mutex::default(),
        });
        let mut findings = Findings::default();
        let began = Instant::now();
        while findings.changed < self.rows {
            let count = self.round.min(self.rows - findings.changed);
            findings.stale_for_good.extend(run.round(findings.changed, count).await);
            findings.changed += count;
            findings.stale.append(&mut run.stale.lock());
            if self.until_stale && findings.found_any() {
                break;
            }
        }
        findings.took = began.elapsed();
        findings.reads = run.reads.load(Ordering::Relaxed);
        findings.compared = run.compared.load(Ordering::Relaxed);
        let status = follower.status();
        (findings.drops, findings.opened) = (status.drops, status.opened);
        findings.lags.append(&mut run.lags.lock());
        follower.stop().await;
        findings
    }

    async fn follow(&self, cow: &CacheCow, place: &Place) -> Follower {
        match self.source {
            Source::PostgresLog | Source::PostgresLogSynchronous => {
                let server = place.postgres.as_ref().expect("it was started");
                let log = PostgresLog::connect(&server.url());
                let log = match self.cache {
                    Cache::Memory => log,
                    Cache::Redis => log.slot("cachecow"),
                };
                self.follow_by(cow, place, log).await
            }
            _ if self.way == Way::Cursor => start(cow, Cursor::new(place.own.clone())).await,
            _ => self.follow_by(cow, place, place.outbox()).await,
        }
    }

    async fn follow_by<L: ChangeLog>(&self, cow: &CacheCow, place: &Place, log: L) -> Follower {
        let kept = |log| Controlled::new(log, Rule::Kept);
        match self.way {
            Way::Kept => start(cow, log).await,
            Way::BreakingOff(every) => start(cow, kept(log).breaking_off(every)).await,
            Way::NoGate => start(cow, Controlled::new(log, Rule::NoGate)).await,
            Way::AcknowledgesFirst(every) => {
                let log = Controlled::new(log, Rule::AcknowledgesFirst).breaking_off(every);
                start(cow, log.forgetting(forgets(place))).await
            }
            Way::Cursor => panic!("a cursor is an outbox's"),
        }
    }
}

async fn start<L: ChangeLog>(cow: &CacheCow, log: L) -> Follower {
    let follower = cow.follow(log).types::<(User,)>().start().await.expect("it was set up");
    follower.caught_up().await.expect("it follows");
    follower
}

/// What acknowledges everything before a position, and waits until that is known.
fn forgets(place: &Place) -> Forget {
    let (pool, source) = (place.own.clone(), place.source);
    Box::new(move |position: LogPosition| {
        let pool = pool.clone();
        async move {
            if source.is_log() {
                let told = format!(
                    "select confirmed_flush_lsn - '0/0'::pg_lsn >= {position} from pg_replication_slots"
                );
                let SqlPool::Postgres(pool) = &pool else { panic!("{pool:?}") };
                while !sqlx::query_scalar::<_, bool>(&told).fetch_one(pool).await.expect("a slot") {
                }
            } else {
                let forget = format!("delete from cachecow_outbox where id <= {position}");
                with!(&pool, pool => sqlx::query(&forget).execute(pool).await.map(|_| ()))
                    .expect("the outbox");
            }
        }
        .boxed()
    })
}

/// What writers and readers share.
struct Run {
    place: Place,
    cow: CacheCow,
    follower: Follower,
    reads: AtomicUsize,
    compared: AtomicUsize,
    stale: Mutex<Vec<String>>,
    lags: Mutex<Vec<Duration>>,
}

/// The changes that were made last.
type Recent = Mutex<VecDeque<Change>>;

impl Run {
    fn pool(&self) -> &SqlPool {
        &self.place.own
    }

    async fn caught_up(&self) {
        self.follower.caught_up().await.expect("it follows");
    }

    /// Changes so many rows; what is stale at the end.
    async fn round(self: &Arc<Self>, first: usize, count: usize) -> Vec<String> {
        let numbers = first..first + count;
        let changes: Vec<Change> =
            numbers.map(|row| Change::of(i64::try_from(row).expect("a small number"))).collect();
        self.fill(&changes).await;
        let (recent, over) = (Arc::<Recent>::default(), Arc::<AtomicBool>::default());
        let comparing = tokio::spawn({
            let (run, recent, over) = (Arc::clone(self), Arc::clone(&recent), Arc::clone(&over));
            async move { run.compare(&recent, &over).await }
        });
        let writers = (0..WRITERS).map(|writer| {
            let own = changes.iter().skip(writer).step_by(WRITERS).cloned().collect();
            let (run, recent) = (Arc::clone(self), Arc::clone(&recent));
            tokio::spawn(async move { run.write(own, &recent).await })
        });
        join_all(writers).await.into_iter().for_each(|writer| writer.expect("no panic"));
        over.store(true, Ordering::Relaxed);
        comparing.await.expect("no panic");
        self.caught_up().await;
        let mut stale = judge::all(&self.cow, self.pool(), &changes).await;
        self.truncate(&changes).await;
        stale.extend(judge::all(&self.cow, self.pool(), &changes).await);
        stale
    }

    /// The rows as they are before, and all of them in the cache.
    async fn fill(&self, changes: &[Change]) {
        let before: Vec<User> = changes.iter().filter_map(|change| change.before.clone()).collect();
        for some in before.chunks(500) {
            self.change(&[&insert(some)]).await;
        }
        self.caught_up().await;
        let stale = judge::all(&self.cow, self.pool(), changes).await;
        assert_eq!(stale, [""; 0], "nothing was changed yet");
    }

    /// Changes by plain SQL, several statements in a transaction. Whoever is in another's way tries again, as programs do.
    async fn change(&self, sql: &[&str]) {
        loop {
            let changed = match sql {
                [one] => self.place.change(one).await,
                several => self.place.change_together(several).await,
            };
            match changed {
                Ok(()) => return,
                Err(sqlx::Error::Database(error))
                    if matches!(error.code().as_deref(), Some("40P01" | "40001" | "5" | "517")) => {
                }
                Err(error) => panic!("{sql:?}: {error}"),
            }
        }
    }

    async fn write(&self, changes: Vec<Change>, recent: &Recent) {
        let mut left = &changes[..];
        let mut turn = 0;
        while !left.is_empty() {
            turn += 1;
            let together = if turn % 4 == 0 { TOGETHER.min(left.len()) } else { 1 };
            let (now, later) = left.split_at(together);
            left = later;
            let all: Vec<&str> = now.iter().map(|change| &*change.sql).collect();
            self.chased(now, self.change(&all)).await;
            let mut recent = recent.lock();
            recent.extend(now.iter().cloned());
            let surplus = recent.len().saturating_sub(RECENT);
            recent.drain(..surplus);
        }
    }

    /// Reads what is being changed until it is.
    async fn chased(&self, changes: &[Change], changing: impl Future<Output = ()>) {
        let over = AtomicBool::new(false);
        let changing = async {
            changing.await;
            over.store(true, Ordering::Relaxed);
        };
        let reading = changes.iter().map(async |change| {
            let mut goes_on = true;
            while goes_on {
                // Once more when it was over.
                goes_on = !over.load(Ordering::Relaxed);
                let reads = judge::read(&self.cow, self.pool(), change).await;
                self.reads.fetch_add(reads, Ordering::Relaxed);
                // Hits in memory never wait.
                tokio::task::yield_now().await;
            }
        });
        join(changing, join_all(reading)).await;
    }

    /// Waits for the log, and compares what was changed before, while writers go on.
    async fn compare(&self, recent: &Recent, over: &AtomicBool) {
        let mut goes_on = true;
        while goes_on {
            // Once more when it was over: the first round may have had nothing to compare.
            goes_on = !over.load(Ordering::Relaxed);
            let changes = recent.lock().clone();
            self.lags.lock().push(self.follower.lag().time);
            self.caught_up().await;
            for change in &changes {
                let stale = judge::after(&self.cow, self.pool(), change).await;
                self.compared.fetch_add(1, Ordering::Relaxed);
                self.stale.lock().extend(stale);
            }
        }
    }

    async fn truncate(&self, changes: &[Change]) {
        let some: Vec<Change> = changes.iter().step_by(40).cloned().collect();
        self.chased(&some, self.change(&[self.place.truncate()])).await;
        self.caught_up().await;
    }
}
