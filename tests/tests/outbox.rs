//! The cache follows an outbox, in SQLite, PostgreSQL and MariaDB.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::log::{
    Batch, ChangeLog, Follower, Heartbeat, LogPosition, Opening, Outbox, Row, Setting, emit,
};
use cachecow::store::SqlPool;
use cachecow::{CacheCow, CacheKeys, Cached, Error, ErrorKind, Source};
use cachecow_tests::any_pool::run;
use cachecow_tests::patient::patient;
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

async fn number(pool: &SqlPool, sql: &str) -> i64 {
    let result = match pool {
        SqlPool::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        SqlPool::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        SqlPool::MySql(pool) => sqlx::query_scalar(sql).fetch_one(pool).await,
        other => panic!("{other:?}"),
    };
    result.unwrap_or_else(|error| panic!("{sql}: {error}"))
}

async fn emit_and_commit(pool: &SqlPool, keys: impl CacheKeys) {
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
    let one = patient().open(&redis.url()).await.unwrap();
    let other = patient().open(&redis.url()).await.unwrap();
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

/// The number of users in the groups of a name, which no row of `groups` or `members` has.
#[cachecow::query(key = "group:{name}", ttl = "1h")]
#[cache(rows = "members", via = of_member, columns = ["group_id"])]
#[cache(rows = "groups", via = of_group, columns = ["id", "name"])]
async fn group_size(pool: &SqlPool, name: &str) -> sqlx::Result<i64> {
    let sql = format!(
        "select count(*) from members join groups on groups.id = group_id where name = '{name}'"
    );
    Ok(number(pool, &sql).await)
}

async fn of_member(pool: &SqlPool, row: &Row<'_>) -> Result<impl CacheKeys, BoxError> {
    let SqlPool::Sqlite(pool) = pool else { panic!("{pool:?}") };
    let group: i64 = row.read("group_id")?;
    let sql = format!("select name from groups where id = {group}");
    let name: Option<String> = sqlx::query_scalar(&sql).fetch_optional(pool).await?;
    Ok(name.map(group_size::of))
}

/// Of a group without a number the function knows nothing.
async fn of_group(_: &SqlPool, row: &Row<'_>) -> Result<impl CacheKeys, BoxError> {
    match row.read::<i64>("id")? {
        13 => Err("no luck".into()),
        14 => panic!("on purpose"),
        _ => Ok(group_size::of(row.read::<String>("name")?)),
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

#[tokio::test(flavor = "multi_thread")]
async fn a_function_names_the_keys_that_a_row_does_not_tell() {
    let (_folder, foreign, pool) = sqlite().await;
    run(&foreign, "create table groups (id integer primary key, name text); create table members (id integer \
                   primary key, group_id integer); insert into groups values (1, 'one'), (2, 'two'), (13, 'bad'); insert \
                   into members values (1, 1), (2, 1), (3, 2)")
        .await;
    run(&foreign, &Outbox::from_pool(pool.clone()).setup_sql::<group_size>().unwrap()).await;
    let cow = &CacheCow::memory();
    let outbox = || cow.follow(Outbox::from_pool(pool.clone())).types::<group_size>();
    let refused = outbox().start().await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(refused.to_string().contains(".context("), "{refused}");
    let follower = outbox().context(Arc::new(pool.clone())).start().await.unwrap();
    follower.caught_up().await.unwrap();
    let read = async |name: &str| {
        let read = cow.with(&pool).read(group_size::of(name.to_owned())).await.unwrap();
        (*read.value.unwrap().shared(), read.source)
    };
    let change = async |sql: &str| {
        run(&foreign, sql).await;
        follower.caught_up().await.unwrap();
    };
    assert_eq!((read("one").await.0, read("two").await.0), (2, 1));
    change("update members set group_id = 2 where id = 1").await;
    assert_eq!((read("one").await.0, read("two").await.0), (1, 2), "of the old and the new row");
    change("update groups set name = 'uno' where id = 1").await;
    assert_eq!((read("one").await.0, read("two").await), (0, (2, Source::Cache)));
    assert_eq!(read("uno").await.0, 1);
    let drops = follower.status().drops;
    change("update groups set name = 'worse' where id = 13").await;
    assert_eq!(read("two").await.1, Source::Fetched, "everything of the query goes");
    let status = follower.status();
    assert_eq!(status.drops, drops + 1, "{status}");
    let why = status.last_drop.unwrap();
    assert!(why.contains("group_size") && why.contains("no luck"), "{why}");
    change("insert into groups values (14, 'x')").await;
    assert_eq!(read("two").await.1, Source::Fetched, "a panic is no end");
    assert!(follower.status().last_drop.unwrap().contains("panicked"));
    assert_eq!(follower.status().opened, 1, "the log was not opened anew");
    change("delete from members where id = 3").await;
    assert_eq!(read("two").await.0, 1, "it goes on");
}

/// Without `columns` a trigger would not know what to write.
#[tokio::test(flavor = "multi_thread")]
async fn an_outbox_asks_for_the_columns_that_a_function_reads() {
    #[cachecow::query(key = "of-all")]
    #[cache(rows = "groups", via = of_any)]
    async fn of_all() -> sqlx::Result<i64> {
        Ok(1)
    }
    async fn of_any(_: &Row<'_>) -> sqlx::Result<of_all> {
        Ok(of_all::of())
    }
    let pool = sqlx::SqlitePool::connect("sqlite::memory:").await.unwrap();
    let refused = Outbox::from_pool(pool).setup_sql::<of_all>().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
    assert!(refused.to_string().contains("columns = ["), "{refused}");
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
    let before = follow(&cow, &pool).await;
    // What the crash is about is the next change alone.
    while number(&foreign, "select count(*) from cachecow_outbox").await > 0 {
        tokio::task::yield_now().await;
    }
    before.stop().await;
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
    let setup = outbox.setup_sql::<()>().unwrap();
    assert!(!setup.contains("trigger"), "{setup}");
    run(&pool, &format!("{TABLE}; {setup}")).await;
    run(&pool, "insert into users values (1, 'a@x', 7, 1)").await;
    let cow = &CacheCow::memory();
    let untyped = cow.follow(Outbox::from_pool(pool.clone())).start().await.unwrap_err();
    assert!(untyped.to_string().contains(".types"), "{untyped}");
    let follower = cow.follow(outbox).emitted::<User>().start().await.unwrap();
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
    run(&pool, "insert into cachecow_outbox (source, new_row) values (':keys', 'rubbish')").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, &pool, 1).await, Some(3), "everything of what is emitted goes");
}

/// What happens without a notification would take a year.
#[tokio::test(flavor = "multi_thread")]
async fn the_database_says_that_there_is_something() {
    let server = PostgresServer::start();
    let pool: SqlPool = sqlx::PgPool::connect(&server.url()).await.unwrap().into();
    run(&pool, TABLE).await;
    let never = Duration::MAX;
    let outbox = || Outbox::from_pool(pool.clone()).notify().every(never);
    run(&pool, &Outbox::from_pool(pool.clone()).setup_sql::<(User,)>().unwrap()).await;
    let cow = &CacheCow::memory();
    let refused = cow.follow(outbox()).types::<(User,)>().start().await.unwrap_err();
    assert!(refused.to_string().contains("_notify"), "without its trigger: {refused}");
    let setup = outbox().setup_sql::<(User,)>().unwrap();
    run(&pool, &setup).await;
    run(&pool, &setup).await;
    run(&pool, "insert into users values (1, 'a@x', 7, 1)").await;
    let follower = cow.follow(outbox()).types::<(User,)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, &pool, 1).await, Some(1));
    // One after the other: what is said while nobody waits counts, too.
    for change in 2..=20 {
        let batches = follower.status().batches;
        if change % 2 == 0 {
            run(&pool, &format!("update users set version = {change}")).await;
        } else {
            emit_and_commit(&pool, User::by_id(1)).await;
        }
        while follower.status().batches == batches {
            tokio::task::yield_now().await;
        }
        assert_eq!(version(cow, &pool, 1).await, Some(change - change % 2));
    }
    // A connection that is lost may have been told something.
    run(&pool, "select pg_terminate_backend(pid) from pg_stat_activity where query like 'LISTEN%'")
        .await;
    run(&pool, "update users set version = 99").await;
    while version(cow, &pool, 1).await != Some(99) {
        tokio::task::yield_now().await;
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_postgres_says_that_there_is_something() {
    let (_folder, _foreign, pool) = sqlite().await;
    let refused = Outbox::from_pool(pool).notify().setup_sql::<(User,)>().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidConfig);
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
