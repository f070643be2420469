//! Writers that know nothing of the cache, and readers that chase them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use cachecow::CacheCow;
use cachecow_tests::followed::{Database, User};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use futures_util::future::join_all;
use sqlx::PgPool;

const WRITERS: i64 = 8;
const READERS: i64 = 4;
const ROWS: i64 = 64;
const ORGS: i64 = 4;
const ROUNDS: usize = 6;
const CHANGES: i64 = 60;

/// One change by plain SQL. Two writers may be in each other's way.
async fn change(pool: &PgPool, at: i64) {
    let (id, other) = (fastrand::i64(1..=ROWS), fastrand::i64(1..=ROWS));
    let org = fastrand::i64(0..ORGS);
    let sql = match fastrand::u32(0..100) {
        0 => "truncate app.users".to_owned(),
        1..20 => format!("delete from app.users where id = {id}"),
        20..30 => format!("update app.users set id = {other} where id = {id}"),
        30..40 => format!("update app.users set mail = 'm{other}@x' where id = {id}"),
        40..50 => format!("update app.users set org_id = {org} where id = {id}"),
        50..70 => format!("update app.users set version = {at} where id = {id}"),
        _ => format!(
            "insert into app.users values ({id}, 'm{id}@x', {org}, {at}) on conflict (id) do update set version = \
             excluded.version"
        ),
    };
    match sqlx::query(&sql).execute(pool).await {
        Ok(_) => {}
        // A key that is taken, or a deadlock with a truncate: nothing was changed.
        Err(sqlx::Error::Database(error)) => {
            let code = error.code();
            assert!(matches!(code.as_deref(), Some("23505" | "40P01" | "40001")), "{error}");
        }
        Err(error) => panic!("{error}"),
    }
}

async fn read(cow: &CacheCow, pool: &PgPool, id: i64) {
    let view = cow.with(pool);
    view.get(User::by_id(id)).await.unwrap();
    view.get(User::by_email(format!("m{id}@x"))).await.unwrap();
    view.list(User::list_by_org_id(id % ORGS)).await.unwrap();
}

/// What is served and is not what the database has.
async fn stale(cow: &CacheCow, pool: &PgPool) -> Vec<String> {
    let (cached, uncached) = (cow.with(pool), cow.with(pool).uncached());
    let mut stale = Vec::new();
    for id in 1..=ROWS {
        let (served, row) =
            (cached.get(User::by_id(id)).await, uncached.get(User::by_id(id)).await);
        if served.unwrap() != row.unwrap() {
            stale.push(format!("user {id}"));
        }
        let email = format!("m{id}@x");
        let served = cached.get(User::by_email(&email)).await.unwrap();
        if served != uncached.get(User::by_email(&email)).await.unwrap() {
            stale.push(format!("alias {id}"));
        }
    }
    for org in 0..ORGS {
        let served = cached.list(User::list_by_org_id(org)).await.unwrap();
        if served != uncached.list(User::list_by_org_id(org)).await.unwrap() {
            stale.push(format!("list {org}"));
        }
    }
    stale
}

/// Rounds of changes; after each nothing may be stale once the follower has caught up, while readers go on.
async fn nothing_stays_stale(cow: CacheCow, database: &Database, log: cachecow::log::PostgresLog) {
    let follower = cow.follow(log).types::<User>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let (over, chased) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicI64::new(1)));
    let readers: Vec<_> = (0..READERS)
        .map(|_| {
            let (cow, pool) = (cow.clone(), database.pool.clone());
            let (over, chased) = (Arc::clone(&over), Arc::clone(&chased));
            tokio::spawn(async move {
                while !over.load(Ordering::Relaxed) {
                    read(&cow, &pool, chased.load(Ordering::Relaxed)).await;
                    read(&cow, &pool, fastrand::i64(1..=ROWS)).await;
                    // Hits in memory never wait.
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for round in 0..ROUNDS {
        let writers = (0..WRITERS).map(|writer| {
            let (pool, chased) = (database.pool.clone(), Arc::clone(&chased));
            tokio::spawn(async move {
                for at in 0..CHANGES {
                    chased.store(fastrand::i64(1..=ROWS), Ordering::Relaxed);
                    change(&pool, writer * CHANGES + at).await;
                }
            })
        });
        join_all(writers).await.into_iter().for_each(|result| result.unwrap());
        follower.caught_up().await.unwrap();
        assert_eq!(stale(&cow, &database.pool).await, [""; 0], "in round {round}");
    }
    over.store(true, Ordering::Relaxed);
    join_all(readers).await.into_iter().for_each(|result| result.unwrap());
    assert_eq!(stale(&cow, &database.pool).await, [""; 0]);
    let stats = cow.stats();
    assert!(stats.of("User").hits > 0, "the cache was used: {stats}");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_stale_in_redis() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let cow = patient().open(&redis.url()).await.unwrap();
    nothing_stays_stale(cow, &database, database.log()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_stays_stale_in_memory() {
    let database = Database::start().await;
    nothing_stays_stale(CacheCow::memory(), &database, database.own_log()).await;
}
