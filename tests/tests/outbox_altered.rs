//! What becomes of an outbox when someone alters it: its triggers are on another table, or off for a while, its ids start
//! over, or it has rows that nobody takes.

use std::time::Duration;

use cachecow::log::{Follower, Outbox};
use cachecow::store::SqlPool;
use cachecow::{CacheCow, Cached};
use cachecow_tests::any_pool::run;
use cachecow_tests::events::Events;
use cachecow_tests::followed::refused;
use cachecow_tests::servers::{MariaDbServer, PostgresServer};

#[derive(Clone, Debug, Cached)]
#[cache(context = SqlPool, ttl = "1h", table = "users")]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    version: i64,
}

impl User {
    async fn find(pool: &SqlPool, id: i64) -> sqlx::Result<Option<Self>> {
        let sql = format!("select version from users where id = {id}");
        let version = match pool {
            SqlPool::Sqlite(pool) => sqlx::query_scalar(&sql).fetch_optional(pool).await?,
            SqlPool::Postgres(pool) => sqlx::query_scalar(&sql).fetch_optional(pool).await?,
            SqlPool::MySql(pool) => sqlx::query_scalar(&sql).fetch_optional(pool).await?,
            other => panic!("{other:?}"),
        };
        Ok(version.map(|version| Self { id, version }))
    }
}

const COLUMNS: &str = "(id bigint primary key, version bigint not null)";

async fn sqlite() -> (tempfile::TempDir, SqlPool) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
    (folder, sqlx::SqlitePool::connect(&url).await.unwrap().into())
}

/// A user in a table with triggers.
async fn prepare(pool: &SqlPool) {
    run(pool, &format!("create table users {COLUMNS}")).await;
    set_up(pool).await;
    run(pool, "insert into users values (1, 1)").await;
}

async fn set_up(pool: &SqlPool) {
    run(pool, &Outbox::from_pool(pool.clone()).setup_sql::<User>().unwrap()).await;
}

/// A follower that caught up, and the user in the cache.
async fn follow(cow: &CacheCow, pool: &SqlPool) -> Follower {
    let follower = cow.follow(Outbox::from_pool(pool.clone())).types::<User>().start().await;
    let follower = follower.unwrap();
    follower.caught_up().await.unwrap();
    version(cow, pool).await;
    follower
}

async fn version(cow: &CacheCow, pool: &SqlPool) -> i64 {
    cow.with(pool).get(User::by_id(1)).await.unwrap().unwrap().version
}

/// The triggers go with the table that they are on, by whatever name it is known then.
async fn a_table_that_took_the_name_has_no_triggers(pool: &SqlPool, swap: &str) {
    prepare(pool).await;
    let cow = &CacheCow::memory();
    let follower = follow(cow, pool).await;
    run(pool, &format!("create table users_new {COLUMNS}")).await;
    run(pool, "insert into users_new values (1, 2)").await;
    run(pool, swap).await;
    let outbox = || cow.follow(Outbox::from_pool(pool.clone())).types::<User>();
    let refusal = refused(outbox()).await.expect("no trigger tells of what happens in that table");
    assert!(refusal.contains("`users` has no trigger"), "{refusal}");
    while !follower.status().error.is_some_and(|error| error.contains("has no trigger")) {
        tokio::task::yield_now().await;
    }
    let drops = follower.status().drops;
    // As the refusal says.
    set_up(pool).await;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, drops + 1, "changes were missed meanwhile");
    assert_eq!(version(cow, pool).await, 2);
    run(pool, "update users set version = 3").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, pool).await, 3);
    follower.stop().await;
}

const SWAP: &str = "alter table users rename to users_old; alter table users_new rename to users";

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_took_the_name_has_no_triggers_in_sqlite() {
    let (_folder, pool) = sqlite().await;
    a_table_that_took_the_name_has_no_triggers(&pool, SWAP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_took_the_name_has_no_triggers_in_postgres() {
    let server = PostgresServer::start();
    let pool = sqlx::PgPool::connect(&server.url()).await.unwrap().into();
    a_table_that_took_the_name_has_no_triggers(&pool, SWAP).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_took_the_name_has_no_triggers_in_mariadb() {
    let server = MariaDbServer::start();
    let pool = sqlx::MySqlPool::connect(&server.url()).await.unwrap().into();
    let swap = "rename table users to users_old, users_new to users";
    a_table_that_took_the_name_has_no_triggers(&pool, swap).await;
}

/// Off and on again before anybody looks: the trigger is the same one, and has not seen what happened in between.
#[tokio::test(flavor = "multi_thread")]
async fn a_trigger_that_was_off_for_a_moment_is_noticed() {
    let server = PostgresServer::start();
    let postgres = sqlx::PgPool::connect(&server.url()).await.unwrap();
    let pool = &SqlPool::from(postgres.clone());
    prepare(pool).await;
    let names = "select tgname::text from pg_trigger where tgname like 'cachecow_%_rows'";
    let name: String = sqlx::query_scalar(names).fetch_one(&postgres).await.unwrap();
    let off_and_on = async |version: i64| {
        let sql = format!(
            "alter table users disable trigger {name}; update users set version = {version}; \
             alter table users enable always trigger {name}"
        );
        run(pool, &sql).await;
    };
    let cow = &CacheCow::memory();
    follow(cow, pool).await.stop().await;
    off_and_on(2).await;
    let follower = follow(cow, pool).await;
    assert_eq!(follower.status().drops, 1, "while nobody followed");
    assert_eq!(version(cow, pool).await, 2);
    off_and_on(3).await;
    while follower.status().drops == 1 {
        tokio::task::yield_now().await;
    }
    assert_eq!(version(cow, pool).await, 3);
    follower.stop().await;
}

/// A trigger tells of its own table's rows alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_others_inherit_from_is_refused_in_postgres() {
    let server = PostgresServer::start();
    let pool = &SqlPool::from(sqlx::PgPool::connect(&server.url()).await.unwrap());
    prepare(pool).await;
    let cow = CacheCow::memory();
    let follower = follow(&cow, pool).await;
    run(pool, "create table users_old (primary key (id)) inherits (users)").await;
    let outbox = || cow.follow(Outbox::from_pool(pool.clone())).types::<User>();
    let refusal = refused(outbox()).await.expect("its triggers do not fire for these rows");
    assert!(refusal.contains("`alter table users_old no inherit users;`"), "{refusal}");
    while !follower.status().error.is_some_and(|error| error.contains("no inherit")) {
        tokio::task::yield_now().await;
    }
    run(pool, "alter table users_old no inherit users").await;
    follower.caught_up().await.unwrap();
    assert_eq!(refused(outbox()).await, None);
}

/// What was in the table was perhaps not read, and the ids of what comes are smaller than those that were.
async fn ids_that_start_over_are_noticed(pool: &SqlPool, start_over: &str, nobody_asks: bool) {
    prepare(pool).await;
    let cow = &CacheCow::memory();
    let follower = follow(cow, pool).await;
    for version in 2..12 {
        run(pool, &format!("update users set version = {version}")).await;
        follower.caught_up().await.unwrap();
    }
    let (before, drops) = (follower.caught_up().await.unwrap(), follower.status().drops);
    version(cow, pool).await;
    run(pool, start_over).await;
    run(pool, "update users set version = 12").await;
    if nobody_asks {
        // The follower looks each second by itself, and tells it once.
        while follower.status().drops == drops {
            tokio::task::yield_now().await;
        }
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(follower.status().drops, drops + 1, "once");
    }
    let after = follower.caught_up().await.unwrap();
    assert!(after < before, "{after} {before}");
    assert_eq!(version(cow, pool).await, 12);
    assert_eq!(follower.status().drops, drops + 1, "changes may be missing");
    for version in 13..16 {
        run(pool, &format!("update users set version = {version}")).await;
        follower.caught_up().await.unwrap();
        assert_eq!(self::version(cow, pool).await, version);
    }
    assert_eq!(follower.status().drops, drops + 1);
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_start_over_are_noticed_in_sqlite() {
    let (_folder, pool) = sqlite().await;
    let start_over = "delete from cachecow_outbox; delete from sqlite_sequence";
    ids_that_start_over_are_noticed(&pool, start_over, false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_start_over_are_noticed_though_nobody_asks() {
    let (_folder, pool) = sqlite().await;
    let start_over = "delete from cachecow_outbox; delete from sqlite_sequence";
    ids_that_start_over_are_noticed(&pool, start_over, true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_start_over_are_noticed_in_mariadb() {
    let server = MariaDbServer::start();
    let pool = sqlx::MySqlPool::connect(&server.url()).await.unwrap().into();
    ids_that_start_over_are_noticed(&pool, "truncate cachecow_outbox", false).await;
}

/// A type that is not followed any more, and its triggers are still there.
#[tokio::test]
async fn rows_that_nobody_takes_are_told_at_start() {
    let events = Events::all();
    let (_folder, pool) = &sqlite().await;
    prepare(pool).await;
    let cow = &CacheCow::memory();
    let is_told =
        |events: &Events| events.take_lines().iter().any(|it| it.contains("rows of orders"));
    follow(cow, pool).await.stop().await;
    assert!(!is_told(&events));
    run(pool, "insert into cachecow_outbox (source) values ('orders'), ('users'), ('orders')")
        .await;
    follow(cow, pool).await.stop().await;
    assert!(is_told(&events));
}
