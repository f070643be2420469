//! What `start` refuses, and the SQL that mends it.

use std::sync::Arc;

use cachecow::log::{PostgresLog, setup_sql};
use cachecow::store::StoreBackend;
use cachecow::{CacheCow, ErrorKind, MemoryBackend, MemoryStore};
use cachecow_tests::followed::{Database, Note, SETTINGS, User, refused};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;

/// The error of starting with this log.
async fn refusal(redis: &RedisServer, log: PostgresLog) -> Option<String> {
    let cow = patient().open(&redis.url()).await.unwrap();
    refused(cow.follow(log).types::<(User, Note)>()).await
}

/// The statements between back-quotes of the first refusal.
fn remedy(refusal: &str) -> String {
    let quoted = refusal.split('`').enumerate().filter(|(at, _)| at % 2 == 1).map(|(_, text)| text);
    let statements = quoted.filter(|text| text.ends_with(';'));
    statements.collect::<Vec<_>>().join("\n")
}

/// What was broken is refused with this word, and what the refusal says mends it.
async fn is_refused_and_mended(database: &Database, redis: &RedisServer, broken: &str, word: &str) {
    database.is_left().await;
    database.run(broken).await;
    let refusal = refusal(redis, database.log()).await;
    let refusal = refusal.unwrap_or_else(|| panic!("{broken} is not refused"));
    assert!(refusal.contains(word), "{broken}: {refusal}");
    let remedy = remedy(&refusal);
    assert!(!remedy.is_empty(), "no remedy: {refusal}");
    database.run(&remedy).await;
    assert_eq!(self::refusal(redis, database.log()).await, None, "{broken} was mended by {remedy}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_lose_changes_is_refused_with_what_mends_it() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    assert_eq!(refusal(&redis, database.log()).await, None);
    for (broken, word) in [
        ("alter publication cachecow drop table notes", "has no table"),
        ("alter publication cachecow set (publish = 'insert, update')", "kinds of changes"),
        ("alter table app.users replica identity default", "org_id"),
        ("alter table app.users replica identity nothing", "old rows"),
        ("alter publication cachecow set table app.users, notes where (id > 7)", "filters"),
        (
            "alter publication cachecow set table app.users (id, org_id), notes",
            "does not send mail",
        ),
        ("select pg_drop_replication_slot('cachecow')", "there is no slot"),
    ] {
        is_refused_and_mended(&database, &redis, broken, word).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_would_harm_the_database_is_refused() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let keyless = "create table keyless (id int); alter publication cachecow add table keyless";
    is_refused_and_mended(&database, &redis, keyless, "refuses to update").await;

    for names in ["*", "cachecow", "ANY 1 (s1, cachecow)"] {
        database.run(&format!("alter system set synchronous_standby_names = '{names}'")).await;
        database.run("select pg_reload_conf()").await;
        // A setting is taken in at leisure.
        let refusal = loop {
            if let Some(refusal) = refusal(&redis, database.log()).await {
                break refusal;
            }
        };
        assert!(refusal.contains("synchronous_standby_names"), "{refusal}");
        database.run("alter system reset synchronous_standby_names").await;
        database.run("select pg_reload_conf()").await;
        while self::refusal(&redis, database.log()).await.is_some() {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_rows_in_its_log_is_refused() {
    let settings = ["wal_level=replica"];
    let (database, redis) = (Database::without_setup(&settings).await, RedisServer::start());
    let refusal = refusal(&redis, database.log()).await.unwrap();
    assert!(refusal.contains("alter system set wal_level = logical"), "{refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn columns_that_do_not_fit_are_refused() {
    let (database, redis) = (Database::without_setup(SETTINGS).await, RedisServer::start());
    database
        .run(
            "drop table notes; create table notes (id boolean primary key, text text);
             alter table app.users rename column mail to email;
             create publication cachecow for all tables;
             select pg_create_logical_replication_slot('cachecow', 'pgoutput')",
        )
        .await;
    let refusal = refusal(&redis, database.log()).await.unwrap();
    assert!(refusal.contains("has no column `mail`"), "{refusal}");
    assert!(refusal.contains("is of type boolean"), "{refusal}");
    assert!(refusal.contains("org_id"), "all at once: {refusal}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_is_published_by_its_root() {
    let (database, redis) = (Database::without_setup(SETTINGS).await, RedisServer::start());
    database
        .run(
            "drop table notes;
             create table notes (id bigint primary key, text text not null) partition by range (id);
             create table notes_low partition of notes for values from (0) to (100);
             create table notes_high partition of notes for values from (100) to (200);
             alter table app.users replica identity full;
             create publication cachecow for all tables;
             select pg_create_logical_replication_slot('cachecow', 'pgoutput')",
        )
        .await;
    let refusal = refusal(&redis, database.log()).await.unwrap();
    assert!(refusal.contains("publish_via_partition_root"), "{refusal}");
    database.run(&remedy(&refusal)).await;
    database.run("insert into notes values (1, 'low'), (101, 'high')").await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = cow.follow(database.log()).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    assert_eq!(view.get(Note::by_id(101)).await.unwrap().unwrap().text, "high");
    database.run("update notes set text = 'changed' where id = 101").await;
    follower.caught_up().await.unwrap();
    assert_eq!(view.get(Note::by_id(101)).await.unwrap().unwrap().text, "changed");
    // The log says nothing of these; the catalog does.
    for silent in ["truncate notes_high", "alter table notes detach partition notes_low"] {
        let drops = follower.status().drops;
        assert!(view.get(Note::by_id(1)).await.unwrap().is_some());
        database.run(silent).await;
        while follower.status().drops == drops {
            tokio::task::yield_now().await;
        }
    }
    assert!(view.get(Note::by_id(101)).await.unwrap().is_none());
    assert!(view.get(Note::by_id(1)).await.unwrap().is_none());
}

/// The log has their rows under their own names.
#[tokio::test(flavor = "multi_thread")]
async fn a_table_that_others_inherit_from_is_refused() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let inherit = "create table notes_old (primary key (id)) inherits (notes); \
                   alter publication cachecow add table notes_old";
    is_refused_and_mended(&database, &redis, inherit, "under their own names").await;
    database.run("drop table notes_old; insert into notes values (1, 'old')").await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = cow.follow(database.log()).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    // What comes later is noticed by a look at the catalog.
    database.run("create table notes_new (primary key (id)) inherits (notes)").await;
    while !follower.status().error.is_some_and(|error| error.contains("no inherit")) {
        tokio::task::yield_now().await;
    }
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slot_and_a_cache_of_one_process_do_not_go_together() {
    let database = Database::start().await;
    let cow = CacheCow::memory();
    // However it is opened.
    let own = Arc::new(MemoryBackend::default());
    let stored = StoreBackend::new(MemoryStore::new());
    let backends = [CacheCow::builder().backend(own), CacheCow::builder().backend(stored)];
    for cow in backends.map(Result::unwrap).iter().chain([&cow]) {
        let error = cow.follow(database.log()).types::<Note>().start().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("leave `.slot(…)` out"), "{error}");
    }
    let error = cow.follow(database.own_log()).start().await.unwrap_err();
    assert!(error.to_string().contains(".types::<"), "{error}");
    let wrong = PostgresLog::connect(&database.server.url_with_password("oats"));
    let error = cow.follow(wrong).types::<Note>().start().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(!format!("{error:?}").contains("oats"));
}

/// The server takes a name without quotes for one in lower case: here for that of another publication.
#[tokio::test(flavor = "multi_thread")]
async fn a_publication_is_followed_by_its_very_name() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database
        .run(
            "create publication \"CacheCow\" for table app.users, notes;
             alter publication cachecow drop table notes;
             insert into notes values (1, 'before')",
        )
        .await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let log = database.log().publication("CacheCow");
    let follower = cow.follow(log).types::<Note>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    assert_eq!(view.get(Note::by_id(1)).await.unwrap().unwrap().text, "before");
    database.run("update notes set text = 'after' where id = 1").await;
    follower.caught_up().await.unwrap();
    assert_eq!(view.get(Note::by_id(1)).await.unwrap().unwrap().text, "after");
    assert_eq!(follower.status().opened, 1);
}

#[cachecow::query(key = "notes-of:{text}")]
#[cache(rows = "notes")]
async fn notes_of(db: &sqlx::PgPool, text: &str) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar("select count(*) from notes where text = $1").bind(text).fetch_one(db).await
}

/// What `setup_sql` prints is enough for queries as well, and takes no column for unique that is none.
#[tokio::test(flavor = "multi_thread")]
async fn the_rows_of_queries_are_set_up() {
    for of_an_object in [false, true] {
        let (database, redis) = (Database::without_setup(SETTINGS).await, RedisServer::start());
        database.run("insert into notes values (1, 'a'), (2, 'a')").await;
        let sql =
            if of_an_object { setup_sql::<(Note, notes_of)>() } else { setup_sql::<notes_of>() };
        database.run(&sql).await;
        let cow = patient().open(&redis.url()).await.unwrap();
        let follow = cow.follow(database.log()).types::<notes_of>();
        let follow = if of_an_object { follow.types::<Note>() } else { follow };
        let follower = follow.start().await.unwrap();
        follower.caught_up().await.unwrap();
        let count =
            async |text: &str| *cow.with(&database.pool).ask(notes_of::of(text)).await.unwrap();
        assert_eq!((count("a").await, count("b").await), (2, 0));
        database
            .run("update notes set text = 'b' where id = 2; insert into notes values (3, 'b')")
            .await;
        follower.caught_up().await.unwrap();
        assert_eq!((count("a").await, count("b").await), (1, 2));
    }
}
