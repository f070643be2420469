//! How far the cache is behind PostgreSQL's log, and what stays stale without the gate: `cargo bench --bench change_log`.

use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow_tests::controlled::{Controlled, Rule};
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::servers::RedisServer;
use futures_util::future::join_all;

const ROWS: i64 = 10_000;
const WRITERS: i64 = 8;

/// Each row is changed once, and read again and again meanwhile; how many stay as they were, and how long it took.
async fn stale_for_good(rule: Rule) -> (usize, Duration) {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let insert =
        format!("insert into notes select id, 'old' from generate_series(1, {ROWS}) as id");
    database.run(&insert).await;
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

/// From the return of a change until everything is invalidated, in microseconds.
async fn lags() -> Vec<u128> {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database.run("insert into notes values (1, 'old')").await;
    let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
    let log = database.log();
    let follower = cow.follow(log).types::<(User, Note)>().start().await.expect("it is set up");
    follower.caught_up().await.expect("it follows");
    let mut lags = Vec::new();
    for at in 0..1000 {
        database.run(&format!("update notes set text = '{at}'")).await;
        let returned = Instant::now();
        follower.caught_up().await.expect("it follows");
        lags.push(returned.elapsed().as_micros());
    }
    follower.stop().await;
    lags.sort_unstable();
    lags
}

/// A single transaction of all rows: changed rows a second.
async fn throughput() -> f64 {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let rows = 200_000;
    let insert =
        format!("insert into notes select id, 'old' from generate_series(1, {rows}) as id");
    database.run(&insert).await;
    let cow = CacheCow::open(&redis.url()).await.expect("a valid URL");
    let log = database.log();
    let follower = cow.follow(log).types::<(User, Note)>().start().await.expect("it is set up");
    follower.caught_up().await.expect("it follows");
    database.run("update notes set text = 'new'").await;
    let began = Instant::now();
    follower.caught_up().await.expect("it follows");
    f64::from(rows) / began.elapsed().as_secs_f64()
}

#[tokio::main]
async fn main() {
    for rule in [Rule::NoGate, Rule::Kept] {
        for _ in 0..2 {
            let (stale, took) = stale_for_good(rule).await;
            println!("{rule:?}: {stale} of {ROWS} rows are stale for good; took {took:?}");
        }
    }
    let lags = lags().await;
    let at = |share: usize| lags[lags.len() * share / 1000];
    println!("caught up after {} us (median), {} us (99 of 100)", at(500), at(990));
    println!("{:.0} rows a second of one transaction", throughput().await);
}
