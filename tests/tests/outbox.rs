//! The cache follows an outbox, in SQLite, PostgreSQL and MariaDB.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cachecow::log::{
    Batch, ChangeLog, Follower, Heartbeat, LogPosition, Opening, Outbox, Setting, emit,
};
use cachecow::store::SqlPool;
use cachecow::{CacheCow, Cached, Error, ErrorKind};
use cachecow_tests::servers::{MariaDbServer, PostgresServer, RedisServer};
use sqlx::Row as _;

#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = SqlPool, ttl = "1h", negative_ttl = "1h", table = "users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:mail:{email}", fetch = User::find_by_email)]
#[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
struct User {
    id: i64,
    #[cache(column = "mail")]
    email: String,
    org_id: i64,
    version: i64,
}

macro_rules! rows {
    ($pool:expr, $sql:expr) => {
        sqlx::query($sql)
            .fetch_all($pool)
            .await?
            .iter()
            .map(|row| User {
                id: row.get(0),
                email: row.get(1),
                org_id: row.get(2),
                version: row.get(3),
            })
            .collect()
    };
}

impl User {
    async fn rows(pool: &SqlPool, condition: String) -> sqlx::Result<Vec<Self>> {
        let sql =
            format!("select id, mail, org_id, version from users where {condition} order by id");
        Ok(match pool {
            SqlPool::Sqlite(pool) => rows!(pool, &sql),
            SqlPool::Postgres(pool) => rows!(pool, &sql),
            SqlPool::MySql(pool) => rows!(pool, &sql),
            other => panic!("{other:?}"),
        })
    }

    async fn find(pool: &SqlPool, id: i64) -> sqlx::Result<Option<Self>> {
        Ok(Self::rows(pool, format!("id = {id}")).await?.pop())
    }

    async fn find_by_email(pool: &SqlPool, email: &str) -> sqlx::Result<Option<Self>> {
        Ok(Self::rows(pool, format!("mail = '{email}'")).await?.pop())
    }

    async fn find_by_org(pool: &SqlPool, org_id: i64) -> sqlx::Result<Vec<Self>> {
        Self::rows(pool, format!("org_id = {org_id}")).await
    }
}

/// Executes statements on a connection that knows nothing of cachecow.
async fn run(pool: &SqlPool, sql: &str) {
    let result = match pool {
        SqlPool::Sqlite(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()),
        SqlPool::Postgres(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()),
        SqlPool::MySql(pool) => sqlx::raw_sql(sql).execute(pool).await.map(|_| ()),
        other => panic!("{other:?}"),
    };
    result.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

async fn number(pool: &SqlPool, sql: &str) -> i64 {
    let result = match pool {
        SqlPool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        SqlPool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        SqlPool::MySql(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        other => panic!("{other:?}"),
    };
    result.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn emit_and_commit(pool: &SqlPool, keys: impl cachecow::CacheKeys) {
    macro_rules! emit_in {
        ($pool:expr) => {{
            let mut tx = $pool.begin().await.unwrap();
            emit(&mut tx, keys).await.unwrap();
            tx.commit().await.unwrap();
        }};
    }
    match pool {
        SqlPool::Sqlite(pool) => emit_in!(pool),
        SqlPool::Postgres(pool) => emit_in!(pool),
        SqlPool::MySql(pool) => emit_in!(pool),
        other => panic!("{other:?}"),
    }
}

const TABLE: &str = "create table users (id bigint primary key, mail varchar(100) not null unique, \
                     org_id bigint not null, version bigint not null)";

/// The table and its triggers.
async fn prepare(pool: &SqlPool) {
    run(pool, TABLE).await;
    let setup = Outbox::from_pool(pool.clone()).setup_sql::<(User,)>().unwrap();
    run(pool, &setup).await;
    run(pool, &setup).await;
}

/// A database in a file, and two pools: a foreign one and that of the program.
async fn sqlite() -> (tempfile::TempDir, SqlPool, SqlPool) {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
    let foreign: SqlPool = sqlx::SqlitePool::connect(&url).await.unwrap().into();
    let own: SqlPool = sqlx::SqlitePool::connect(&url).await.unwrap().into();
    prepare(&foreign).await;
    (folder, foreign, own)
}

async fn follow(cow: &CacheCow, pool: &SqlPool) -> Follower {
    let follower = cow.follow(Outbox::from_pool(pool.clone())).types::<(User,)>().start().await;
    let follower = follower.unwrap();
    follower.caught_up().await.unwrap();
    follower
}

async fn emails(cow: &CacheCow, pool: &SqlPool, org: i64) -> Vec<String> {
    let users = cow.with(pool).list(User::list_by_org_id(org)).await.unwrap();
    users.iter().map(|user| user.email.clone()).collect()
}

async fn version(cow: &CacheCow, pool: &SqlPool, id: i64) -> Option<i64> {
    cow.with(pool).get(User::by_id(id)).await.unwrap().map(|user| user.version)
}

async fn every_kind_of_change_is_seen(foreign: &SqlPool, pool: &SqlPool) {
    let cow = &CacheCow::memory();
    let view = cow.with(pool);
    let by_email = async |email| view.get(User::by_email(email)).await.unwrap().is_some();
    run(foreign, "insert into users values (1, 'a@x', 7, 1), (2, 'b@x', 7, 1)").await;
    let follower = follow(cow, pool).await;
    let change = async |sql| {
        run(foreign, sql).await;
        follower.caught_up().await.unwrap();
    };

    assert_eq!(version(cow, pool, 1).await, Some(1));
    change("update users set version = 2 where id = 1").await;
    assert_eq!(version(cow, pool, 1).await, Some(2), "an update");

    assert_eq!((version(cow, pool, 3).await, by_email("c@x").await), (None, false));
    assert_eq!(emails(cow, pool, 7).await, ["a@x", "b@x"]);
    change("insert into users values (3, 'c@x', 7, 1)").await;
    assert_eq!(version(cow, pool, 3).await, Some(1), "an insert ends the absence");
    assert!(by_email("c@x").await, "of the alias as well");
    assert_eq!(emails(cow, pool, 7).await, ["a@x", "b@x", "c@x"], "and joins the list");

    assert_eq!(emails(cow, pool, 8).await, [""; 0]);
    change("update users set org_id = 8 where id = 2").await;
    assert_eq!(emails(cow, pool, 7).await, ["a@x", "c@x"], "the list that it left");
    assert_eq!(emails(cow, pool, 8).await, ["b@x"], "and the one that it came to");

    assert_eq!((by_email("a@x").await, by_email("z@x").await), (true, false));
    change("update users set mail = 'z@x' where id = 1").await;
    assert_eq!((by_email("a@x").await, by_email("z@x").await), (false, true), "the alias");

    assert_eq!(version(cow, pool, 9).await, None);
    change("update users set id = 9 where id = 1").await;
    assert_eq!((version(cow, pool, 1).await, version(cow, pool, 9).await), (None, Some(2)));

    change("delete from users where id = 3").await;
    assert_eq!(version(cow, pool, 3).await, None, "a delete");
    assert_eq!(emails(cow, pool, 7).await, ["z@x"]);

    let rows = follower.status().rows;
    change("begin; update users set version = 5; rollback;").await;
    assert_eq!(follower.status().rows, rows, "a rollback is no change");
    let batches = follower.status().batches;
    emit_and_commit(foreign, User::by_id(9)).await;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().batches, batches + 1, "emitted keys are invalidated");
    let drops = follower.status().drops;
    if let SqlPool::Postgres(_) = pool {
        assert_eq!(version(cow, pool, 9).await, Some(2));
        change("truncate users").await;
        assert_eq!(version(cow, pool, 9).await, None, "a truncate");
        assert_eq!(follower.status().drops, drops + 1);
    } else {
        assert_eq!(drops, 1, "everything but at the start was known row by row");
    }
    // The rows are deleted when the log is asked again.
    while number(foreign, "select count(*) from cachecow_outbox").await > 0 {
        tokio::task::yield_now().await;
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_seen_in_sqlite() {
    let (_folder, foreign, pool) = sqlite().await;
    every_kind_of_change_is_seen(&foreign, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_seen_in_postgres() {
    let server = PostgresServer::start();
    let pool: SqlPool = sqlx::PgPool::connect(&server.url()).await.unwrap().into();
    prepare(&pool).await;
    every_kind_of_change_is_seen(&pool, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_seen_in_mariadb() {
    let server = MariaDbServer::start();
    let pool: SqlPool = sqlx::MySqlPool::connect(&server.url()).await.unwrap().into();
    prepare(&pool).await;
    every_kind_of_change_is_seen(&pool, &pool).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_consumers_follow_one_outbox_at_once() {
    let ((_folder, foreign, pool), redis) = (sqlite().await, RedisServer::start());
    run(&foreign, "insert into users values (1, 'a@x', 7, 0)").await;
    let one = CacheCow::open(&redis.url()).await.unwrap();
    let other = CacheCow::open(&redis.url()).await.unwrap();
    let (first, second) = (follow(&one, &pool).await, follow(&other, &pool).await);
    for change in 1..=20 {
        run(&foreign, &format!("update users set version = {change}")).await;
        // Whichever of them has seen it: both caches are one.
        let follower = if change % 2 == 0 { &first } else { &second };
        let position = follower.caught_up().await.unwrap();
        assert_eq!(version(&one, &pool, 1).await, Some(change));
        let view = other.with(&pool).after(position).await.unwrap();
        assert_eq!(view.get(User::by_id(1)).await.unwrap().unwrap().version, change);
    }
    let rows = first.status().rows + second.status().rows;
    assert!(rows >= 20, "{rows}");
}

/// An outbox whose follower stops before it has invalidated.
struct Held {
    outbox: Outbox,
    pool: SqlPool,
    /// Whether rows are deleted before, which is wrong.
    deletes: bool,
    reached: Arc<AtomicBool>,
}

impl ChangeLog for Held {
    fn check(
        &mut self,
        it: &Setting<'_>,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        self.outbox.check(it)
    }

    fn open(&mut self) -> impl Future<Output = Result<Opening, Error>> + Send {
        self.outbox.open()
    }

    fn next(&mut self, batch: &mut Batch) -> impl Future<Output = Result<(), Error>> + Send {
        self.outbox.next(batch)
    }

    async fn settle(&mut self) -> Result<(), Error> {
        if self.deletes {
            run(&self.pool, "delete from cachecow_outbox").await;
        }
        self.reached.store(true, Ordering::SeqCst);
        pending().await
    }

    fn acknowledge(&mut self, to: LogPosition) -> impl Future<Output = Result<(), Error>> + Send {
        self.outbox.acknowledge(to)
    }

    fn end(&mut self) -> impl Future<Output = Result<LogPosition, Error>> + Send {
        self.outbox.end()
    }

    fn heartbeat(
        &mut self,
        it: &mut Batch,
    ) -> impl Future<Output = Result<Heartbeat, Error>> + Send {
        self.outbox.heartbeat(it)
    }
}

/// The version that is read after a follower ended between reading a change and its invalidation, and another began.
async fn version_after_a_crash(deletes: bool) -> Option<i64> {
    let (_folder, foreign, pool) = sqlite().await;
    let cow = CacheCow::memory();
    run(&foreign, "insert into users values (1, 'a@x', 7, 1)").await;
    follow(&cow, &pool).await.stop().await;
    assert_eq!(version(&cow, &pool, 1).await, Some(1));
    let held = Arc::new(AtomicBool::new(false));
    let outbox = Outbox::from_pool(pool.clone());
    let log = Held { outbox, pool: foreign.clone(), deletes, reached: Arc::clone(&held) };
    let first = cow.follow(log).types::<(User,)>().start().await.unwrap();
    run(&foreign, "update users set version = 2").await;
    while !held.load(Ordering::SeqCst) {
        tokio::task::yield_now().await;
    }
    first.stop().await;
    let second = follow(&cow, &pool).await;
    assert_eq!(second.status().drops, 0, "nothing was missed, so nothing else is invalidated");
    version(&cow, &pool, 1).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_read_and_not_invalidated_is_delivered_again() {
    assert_eq!(version_after_a_crash(false).await, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn control_deleting_before_invalidating_loses_changes() {
    assert_eq!(version_after_a_crash(true).await, Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn emitted_keys_are_invalidated_with_their_transaction() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}?mode=rwc", folder.path().join("shop.db").display());
    let sqlite = sqlx::SqlitePool::connect(&url).await.unwrap();
    let pool: SqlPool = sqlite.clone().into();
    let outbox = Outbox::connect(url).emitted_only();
    let setup = outbox.setup_sql::<(User,)>().unwrap();
    assert!(!setup.contains("trigger"), "{setup}");
    run(&pool, &format!("{TABLE}; {setup}")).await;
    run(&pool, "insert into users values (1, 'a@x', 7, 1)").await;
    let cow = &CacheCow::memory();
    let follower = cow.follow(outbox).types::<(User,)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(emails(cow, &pool, 7).await, ["a@x"]);
    assert_eq!(version(cow, &pool, 1).await, Some(1));

    let update = "update users set version = version + 1, mail = 'b@x'";
    let mut tx = sqlite.begin().await.unwrap();
    sqlx::query(update).execute(&mut *tx).await.unwrap();
    emit(&mut tx, (User::by_id(1), User::list_by_org_id(7))).await.unwrap();
    tx.rollback().await.unwrap();
    let before = follower.status().batches;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().batches, before, "a rollback emits nothing");

    let mut tx = sqlite.begin().await.unwrap();
    sqlx::query(update).execute(&mut *tx).await.unwrap();
    emit(&mut *tx, (User::by_id(1), User::list_by_org_id(7))).await.unwrap();
    tx.commit().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, &pool, 1).await, Some(2));
    assert_eq!(emails(cow, &pool, 7).await, ["b@x"]);

    run(&pool, "update users set version = 3").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, &pool, 1).await, Some(2), "what nobody emits is not seen");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_missing_is_refused_and_what_is_made_anew_ends_everything() {
    let (_folder, foreign, pool) = sqlite().await;
    let cow = &CacheCow::memory();
    run(&foreign, "insert into users values (1, 'a@x', 7, 1)").await;
    follow(cow, &pool).await.stop().await;
    assert_eq!(version(cow, &pool, 1).await, Some(1));
    let SqlPool::Sqlite(sqlite) = &foreign else { panic!() };
    let names = "select name from sqlite_master where name like 'cachecow_%_update'";
    let name: String = sqlx::query_scalar(names).fetch_one(sqlite).await.unwrap();
    run(&foreign, &format!("drop trigger {name}")).await;
    let refused = cow.follow(Outbox::from_pool(pool.clone())).types::<(User,)>().start().await;
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("setup_sql"), "{error}");
    run(&foreign, "update users set version = 2").await;
    let setup = Outbox::from_pool(pool.clone()).setup_sql::<(User,)>().unwrap();
    run(&foreign, &setup).await;
    let follower = follow(cow, &pool).await;
    assert_eq!(follower.status().drops, 1, "changes were missed meanwhile");
    assert_eq!(version(cow, &pool, 1).await, Some(2));
    let missing = cow.follow(Outbox::from_pool(pool.clone()).table("nowhere"));
    let error = missing.types::<(User,)>().start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
}
