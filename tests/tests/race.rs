//! The example `race`: what others leave stale, and cachecow does not. The others are the control.

use std::sync::Arc;
use std::time::Duration;

use cachecow_tests::servers::RedisServer;
use race::{
    Contender, Database, Entrant, Latency, Load, MapRecipe, MokaCache, Outcome, ReadBack, Recipe,
    RedisRecipe, Served, ThroughCow,
};

fn database() -> Arc<Database> {
    Arc::new(Database::new())
}

/// Everyone's reads in the schedule.
fn outcome(second: ReadBack, third: ReadBack) -> Outcome {
    Outcome { fetched: 1, committed: 2, returned: 1, afterwards: [second, third] }
}

/// Without a fence, the slow reader's old row is served from the cache.
fn stale() -> Outcome {
    let read = ReadBack { version: 1, served: Served::Cache };
    outcome(read, read)
}

/// With one, the first read afterwards fetches, and what it fetched is stored.
fn fresh() -> Outcome {
    let fetched = ReadBack { version: 2, served: Served::Database };
    outcome(fetched, ReadBack { served: Served::Cache, ..fetched })
}

#[tokio::test]
async fn in_memory_the_slow_reader_leaves_the_old_row_in_the_others() {
    assert_eq!(MapRecipe::new(database()).schedule().await, stale());
    assert_eq!(MokaCache::new(database()).schedule().await, stale());
    assert_eq!(ThroughCow::in_memory(database()).unwrap().schedule().await, fresh());
    assert_eq!(ThroughCow::near(database()).unwrap().schedule().await, fresh());
}

#[tokio::test]
async fn over_redis_it_does_so_with_and_without_a_lock() {
    let server = RedisServer::start();
    for recipe in [Recipe::Plain, Recipe::Locked] {
        let by_hand = RedisRecipe::open(&server.url(), recipe, database()).await.unwrap();
        assert_eq!(by_hand.schedule().await, stale());
    }
    let cow = ThroughCow::over_redis(&server.url(), database()).await.unwrap();
    assert_eq!(cow.schedule().await, fresh());
}

#[tokio::test]
async fn what_is_stale_stays_so_for_the_time_to_live() {
    let server = RedisServer::start();
    let by_hand = RedisRecipe::open(&server.url(), Recipe::Plain, database()).await.unwrap();
    assert!(by_hand.schedule().await.is_stale());
    let mut connection = server.connection().await;
    let mut rest = redis::cmd("PTTL");
    let rest: i64 = rest.arg("race:Plain:0").query_async(&mut connection).await.unwrap();
    assert!((1..=600_000).contains(&rest), "{rest} ms");
}

/// One thread and fixed seeds: the same in every run.
#[tokio::test]
async fn free_running_in_memory() {
    fastrand::seed(7);
    let load = Load { latency: Latency::default(), ..Load::default() };
    let by_hand = MapRecipe::new(database()).free_running(load).await;
    assert!(by_hand.stale_reads > 0 && by_hand.stale_rows > 0, "the control: {by_hand:?}");
    let moka = MokaCache::new(database()).free_running(load).await;
    assert!(moka.stale_reads > 0, "the control: {moka:?}");
    let cow = ThroughCow::near(database()).unwrap().free_running(load).await;
    assert_eq!((cow.stale_reads, cow.stale_rows), (0, 0));
    assert_eq!(cow.reads, by_hand.reads, "all did the same");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn free_running_over_redis() {
    let server = RedisServer::start();
    // On few rows, so that a write meets a fetch of its row hundreds of times, however fast Redis is.
    let load = Load { operations: 50_000, rows: 20, ..Load::default() };
    let by_hand = RedisRecipe::open(&server.url(), Recipe::Plain, database()).await.unwrap();
    let by_hand = by_hand.free_running(load).await;
    assert!(by_hand.stale_reads > 0, "the control: {by_hand:?}");
    let cow = ThroughCow::over_redis(&server.url(), database()).await.unwrap();
    let cow = cow.free_running(load).await;
    assert_eq!((cow.stale_reads, cow.stale_rows), (0, 0));
}

/// All callers come while the first fetch is held up.
#[tokio::test]
async fn a_hundred_callers_of_a_cold_row_cause_one_fetch() {
    let control = MapRecipe::new(database());
    assert_eq!(fetches_of_callers(control).await, 100, "the control: one each");
    assert_eq!(fetches_of_callers(ThroughCow::in_memory(database()).unwrap()).await, 1);
    let server = RedisServer::start();
    let cow = ThroughCow::over_redis(&server.url(), database()).await.unwrap();
    assert_eq!(fetches_of_callers(cow).await, 1);
}

async fn fetches_of_callers(contender: impl Contender) -> u64 {
    contender.database().set_latency(Latency::Time(Duration::ZERO));
    let mut held = contender.database().hold_next_fetch();
    let callers = (0..100).map(|_| {
        let caller = contender.clone();
        tokio::spawn(async move { caller.read(1).await })
    });
    let callers: Vec<_> = callers.collect();
    held.arrived().await;
    held.release();
    for caller in callers {
        assert_eq!(caller.await.unwrap(), 1);
    }
    contender.database().fetches()
}
