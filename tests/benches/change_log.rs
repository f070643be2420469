//! What following a database's log costs, and how far the cache is behind: `cargo bench --bench change_log [-- WORD]`.
//!
//! Server, cache, follower and writers share this machine, and the server does not wait for the disk. So the ratios are
//! those of a busy processor, at their worst; each is a median of several rounds, taken in turns.

use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow::log::{Follower, LogPosition, Outbox, PostgresLog};
use cachecow_tests::controlled::{Controlled, Rule};
use cachecow_tests::followed::{Database, Note, SETTINGS, User};
use cachecow_tests::servers::{Process, RedisServer};
use futures_util::future::join_all;

const ROWS: i64 = 10_000;
const WRITERS: i64 = 8;
const ROUNDS: usize = 5;
const ROUND: Duration = Duration::from_secs(2);

async fn with_rows(database: &Database, rows: i64) {
    let insert =
        format!("insert into notes select id, 'old' from generate_series(1, {rows}) as id");
    database.run(&insert).await;
}

async fn follow(cow: &CacheCow, log: PostgresLog) -> Follower {
    let follower = cow.follow(log).types::<(User, Note)>().start().await.expect("it is set up");
    follower.caught_up().await.expect("it follows");
    follower
}

/// Each row is changed once, and read again and again meanwhile; how many stay as they were, and how long it took.
async fn stale_for_good(rule: Rule) -> (usize, Duration) {
    let (database, redis) = (Database::start().await, RedisServer::start());
    with_rows(&database, ROWS).await;
    let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
    let log = Controlled::new(database.log(), rule);
    let follower = cow.follow(log).types::<(User, Note)>().start().await.expect("it is set up");
    follower.caught_up().await.expect("it follows");
    let began = Instant::now();
    let writers = (0..WRITERS).map(|writer| {
        let (pool, cow) = (database.pool.clone(), cow.clone());
        tokio::spawn(async move {
            for id in (1..=ROWS).filter(|id| id % WRITERS == writer) {
                let update = sqlx::query("update notes set text = 'new' where id = $1").bind(id);
                let (update, chase) = (update.execute(&pool), async {
                    for _ in 0..4 {
                        cow.with(&pool).get(Note::by_id(id)).await.expect("the database answers");
                    }
                });
                tokio::join!(update, chase).0.expect("the database runs");
            }
        })
    });
    join_all(writers).await.into_iter().for_each(|writer| writer.expect("no panic"));
    follower.caught_up().await.expect("it follows");
    let took = began.elapsed();
    let view = cow.with(&database.pool);
    let notes = view.get_many((1..=ROWS).map(Note::by_id)).await.expect("the database answers");
    let stale = notes.into_iter().flatten().filter(|note| note.text == "old").count();
    follower.stop().await;
    (stale, took)
}

async fn staleness() {
    for rule in [Rule::NoGate, Rule::Kept] {
        for _ in 0..2 {
            let (stale, took) = stale_for_good(rule).await;
            println!("{rule:?}: {stale} of {ROWS} rows are stale for good; took {took:?}");
        }
    }
}

/// From the return of a change until it is invalidated, with so many writers that each wait for that, in microseconds.
async fn lags(writers: i64) -> Vec<u128> {
    let (database, redis) = (Database::start().await, RedisServer::start());
    with_rows(&database, writers).await;
    let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
    let follower = follow(&cow, database.log()).await;
    let writing = (1..=writers).map(|id| {
        let (pool, follower) = (database.pool.clone(), follower.clone());
        tokio::spawn(async move {
            let mut lags = Vec::new();
            for at in 0..2000 {
                let update = sqlx::query("update notes set text = $1 where id = $2");
                let update = update.bind(at.to_string()).bind(id).execute(&pool).await;
                update.expect("the database runs");
                let returned = Instant::now();
                // It comes after the change, and perhaps after others' changes, too.
                let end = "select (pg_current_wal_flush_lsn() - '0/0'::pg_lsn)::bigint";
                let end: i64 =
                    sqlx::query_scalar(end).fetch_one(&pool).await.expect("the database runs");
                let end = LogPosition::new(u64::try_from(end).expect("a place"));
                follower.reached(end).await.expect("it follows");
                lags.push(returned.elapsed().as_micros());
            }
            lags
        })
    });
    let lags = join_all(writing).await.into_iter().map(|lags| lags.expect("no panic"));
    let mut lags: Vec<u128> = lags.flatten().collect();
    follower.stop().await;
    lags.sort_unstable();
    lags
}

async fn lag() {
    for writers in [1, WRITERS] {
        let lags = lags(writers).await;
        let at = |share: usize| lags[lags.len() * share / 1000];
        println!(
            "{writers} writers: invalidated {} us after the return of the change (median), {} us (99 of 100), \
             {} us (999 of 1000)",
            at(500),
            at(990),
            at(999)
        );
    }
}

/// What waits in the log when a process begins to follow: rows a second, what memory a process
/// that follows it has at most, and Redis, in kB.
async fn followed(changes: &str, rows: i32) -> (f64, u64, u64) {
    let (database, redis) = (Database::start().await, RedisServer::start());
    with_rows(&database, rows.into()).await;
    let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
    follow(&cow, database.log()).await.stop().await;
    database.is_left().await;
    sqlx::raw_sql(changes).execute(&database.pool).await.expect("the owner of the tables");
    let follower = cow.follow(database.log()).types::<(User, Note)>().start().await;
    let follower = follower.expect("it is set up");
    let began = Instant::now();
    follower.caught_up().await.expect("it follows");
    let a_second = f64::from(rows) / began.elapsed().as_secs_f64();
    follower.stop().await;
    database.is_left().await;

    // Again, in a process of its own.
    sqlx::raw_sql(changes).execute(&database.pool).await.expect("the owner of the tables");
    let mut command = Command::new(env!("CARGO_BIN_EXE_cachecow-follower"));
    command.args([database.server.url(), redis.url()]);
    let ready = |line: &str| line.contains("following").then_some(());
    let process = Process::start(command, ready).0;
    (a_second, process.peak_memory() / 1024, redis_memory(&redis).await)
}

async fn redis_memory(redis: &RedisServer) -> u64 {
    let mut connection = redis.connection().await;
    let info: String =
        redis::cmd("INFO").arg("memory").query_async(&mut connection).await.expect("it runs");
    let used = info.lines().find_map(|line| line.strip_prefix("used_memory:"));
    used.and_then(|used| used.trim().parse().ok()).unwrap_or(0) / 1024
}

async fn rate() {
    let rows = 200_000;
    let together = "update notes set text = 'new'";
    let single = format!(
        "do $$ begin for at in 1..{rows} loop update notes set text = 'new' where id = at; commit; end loop; end $$"
    );
    for (name, changes) in [("of one transaction", together), ("of single commits", &*single)] {
        let (a_second, follower, redis) = followed(changes, rows).await;
        println!(
            "{a_second:.0} rows a second {name}; the following process had {follower} kB at most, Redis has {redis} kB"
        );
    }
}

/// How the database's changes are told to the cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Not at all: no slot, no trigger.
    None,
    Log,
    Outbox,
}

/// A database, and a cache that follows it.
struct Followed {
    database: Database,
    follower: Option<Follower>,
    _redis: RedisServer,
}

impl Followed {
    async fn start(way: Way) -> Self {
        let redis = RedisServer::start();
        let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
        let database = match way {
            Way::Log => Database::start().await,
            _ => Database::without_setup(SETTINGS).await,
        };
        with_rows(&database, ROWS).await;
        let follower = match way {
            Way::None => None,
            Way::Log => Some(follow(&cow, database.log()).await),
            Way::Outbox => {
                let outbox = Outbox::from_pool(database.pool.clone());
                let setup = outbox.setup_sql::<(User, Note)>().expect("valid names");
                sqlx::raw_sql(&setup).execute(&database.pool).await.expect("the tables' owner");
                let follow = cow.follow(outbox).types::<(User, Note)>();
                Some(follow.start().await.expect("it is set up"))
            }
        };
        if let Some(follower) = &follower {
            follower.caught_up().await.expect("it follows");
        }
        Self { database, follower, _redis: redis }
    }

    /// How many rows the writers change in a round.
    async fn round(&self, writers: i64) -> f64 {
        let (over, changed) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let writing: Vec<_> = (0..writers)
            .map(|writer| {
                let pool = self.database.pool.clone();
                let (over, changed) = (Arc::clone(&over), Arc::clone(&changed));
                tokio::spawn(async move {
                    let mut id = writer;
                    while !over.load(Ordering::Relaxed) {
                        id = (id + writers) % ROWS;
                        let update = sqlx::query("update notes set text = $1 where id = $2");
                        let update = update.bind(id.to_string()).bind(id + 1).execute(&pool).await;
                        update.expect("the database runs");
                        changed.fetch_add(1, Ordering::Relaxed);
                    }
                })
            })
            .collect();
        let began = Instant::now();
        tokio::time::sleep(ROUND).await;
        over.store(true, Ordering::Relaxed);
        join_all(writing).await.into_iter().for_each(|writer| writer.expect("no panic"));
        let a_second = f64::from(changed.load(Ordering::Relaxed)) / began.elapsed().as_secs_f64();
        if let Some(follower) = &self.follower {
            follower.caught_up().await.expect("it follows");
        }
        a_second
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What writers manage without a log, and with one that is followed.
async fn writers() {
    let ways = [Way::None, Way::Log, Way::Outbox];
    let followed = [
        Followed::start(ways[0]).await,
        Followed::start(ways[1]).await,
        Followed::start(ways[2]).await,
    ];
    for writers in [1, WRITERS] {
        let mut rates = [const { Vec::new() }; 3];
        for _ in 0..ROUNDS {
            for (rates, followed) in rates.iter_mut().zip(&followed) {
                rates.push(followed.round(writers).await);
            }
        }
        let ratio = |at: usize| {
            let ratios = rates[at].iter().zip(&rates[0]).map(|(with, without)| with / without);
            median(ratios.collect())
        };
        println!(
            "{writers} writers: {:.0} changes a second without a log; with PostgreSQL's log followed {:.2} of that, \
             with an outbox {:.2}",
            median(rates[0].clone()),
            ratio(1),
            ratio(2)
        );
    }
}

#[tokio::main]
async fn main() {
    let word = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let wanted = |name: &str| word.as_ref().is_none_or(|word| name.contains(&**word));
    if wanted("staleness") {
        staleness().await;
    }
    if wanted("lag") {
        lag().await;
    }
    if wanted("rate") {
        rate().await;
    }
    if wanted("writers") {
        writers().await;
    }
}
