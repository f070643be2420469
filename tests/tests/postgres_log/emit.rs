//! Keys that writers put into the log themselves.

use std::future::pending;
use std::time::Duration;

use cachecow::log::{Follower, MESSAGE_PREFIX, PostgresLog, emit_message, message};
use cachecow::{CacheCow, Source};
use cachecow_tests::followed::{Database, SETTINGS, User};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use sqlx::{PgPool, Postgres, Transaction};
use tokio::sync::oneshot;

/// A database whose publication has no table.
async fn database() -> Database {
    let database = Database::without_setup(SETTINGS).await;
    let log = PostgresLog::connect(&database.server.url()).slot("cachecow").emitted_only();
    let setup = log.setup_sql::<()>();
    assert!(!setup.contains("for table"), "{setup}");
    database.run(&setup).await;
    database.run("insert into app.users values (1, 'a@x', 7, 1), (2, 'b@x', 7, 1)").await;
    database
}

async fn follow(cow: &CacheCow, database: &Database) -> Follower {
    let follow = cow.follow(database.log().emitted_only()).emitted::<User>();
    let follower = follow.start().await.unwrap();
    follower.caught_up().await.unwrap();
    follower
}

async fn version(cow: &CacheCow, pool: &PgPool, id: i64) -> (i64, Source) {
    let read = cow.with(pool).read(User::by_id(id)).await.unwrap();
    (read.value.unwrap().version, read.source)
}

const UPDATE: &str = "update app.users set version = version + 1";

#[tokio::test(flavor = "multi_thread")]
async fn emitted_keys_are_invalidated_with_their_transaction() {
    let (database, redis) = (database().await, RedisServer::start());
    // Nobody special.
    database.run("create role writer login password 'cud'").await;
    database
        .run("grant usage on schema app to writer; grant select, update on app.users to writer")
        .await;
    let url = database.server.url().replace("cow:", "writer:");
    let (writer, pool) = (PgPool::connect(&url).await.unwrap(), &database.pool);
    let cow = &patient().open(&redis.url()).await.unwrap();
    let follower = follow(cow, &database).await;
    assert_eq!(version(cow, pool, 1).await, (1, Source::Fetched));
    assert_eq!(version(cow, pool, 2).await, (1, Source::Fetched));

    let mut tx = writer.begin().await.unwrap();
    sqlx::query(UPDATE).execute(&mut *tx).await.unwrap();
    emit_message(&mut tx, (User::by_id(1), User::list_by_org_id(7))).await.unwrap();
    tx.rollback().await.unwrap();
    let before = follower.status().batches;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().batches, before, "a rollback emits nothing");
    assert_eq!(version(cow, pool, 1).await, (1, Source::Cache));

    let mut tx = writer.begin().await.unwrap();
    sqlx::query(UPDATE).execute(&mut *tx).await.unwrap();
    emit_message(&mut tx, (User::by_id(1), User::list_by_org_id(7))).await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, pool, 1).await, (1, Source::Cache), "before the commit nothing is");
    tx.commit().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, pool, 1).await, (2, Source::Fetched));
    assert_eq!(version(cow, pool, 2).await, (1, Source::Cache), "what nobody names is not seen");

    // By another driver.
    let sql = "select pg_logical_emit_message(true, $1::text, $2::text)";
    let by_hand = sqlx::query(sql).bind(MESSAGE_PREFIX).bind(message(User::by_id(2)));
    by_hand.execute(&writer).await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(version(cow, pool, 2).await, (2, Source::Fetched));
    let status = follower.status();
    assert_eq!((status.opened, status.rows), (1, 0), "{status}");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_are_not_understood_do_no_harm() {
    let (database, redis) = (database().await, RedisServer::start());
    let (pool, cow) = (&database.pool, &patient().open(&redis.url()).await.unwrap());
    let follower = follow(cow, &database).await;
    version(cow, pool, 1).await;
    let drops = follower.status().drops;
    for foreign in
        ["'other', 'rubbish'", "'cachecow', 'end'", "'', ''", "'cachecow:keys2', '\\xff'::bytea"]
    {
        for transactional in [true, false] {
            database
                .run(&format!("select pg_logical_emit_message({transactional}, {foreign})"))
                .await;
        }
        follower.caught_up().await.unwrap();
        assert_eq!(version(cow, pool, 1).await.1, Source::Cache, "{foreign}");
    }
    assert_eq!(follower.status().drops, drops);
    let malformed = [
        "'rubbish'",
        "''",
        "'\\xff00'::bytea",
        "'{\"keys\":[[\"x\",null]],\"epochs\":[],\"tags\":[]}'",
    ];
    for content in malformed {
        for transactional in [true, false] {
            let (drops, sql) = (
                follower.status().drops,
                format!(
                    "select pg_logical_emit_message({transactional}, 'cachecow:keys', {content})"
                ),
            );
            database.run(&sql).await;
            follower.caught_up().await.unwrap();
            let status = follower.status();
            assert_eq!(status.drops, drops + 1, "{sql}: {status}");
            assert!(status.last_drop.unwrap().contains("emitted keys"));
            assert_eq!(
                version(cow, pool, 1).await.1,
                Source::Fetched,
                "{sql}: what was meant is not known"
            );
        }
    }
    assert_eq!(follower.status().opened, 1, "nothing of it ended the stream");
    follower.stop().await;
}

/// What is read after a writer died whose transaction is committed later than its hold lasts.
async fn after_a_commit_beyond_the_hold(emits: bool) -> i64 {
    let (database, redis) = (database().await, RedisServer::start());
    let hold = Duration::from_millis(50);
    let cow = patient().hold(hold).open(&redis.url()).await.unwrap();
    let follower = follow(&cow, &database).await;
    assert_eq!(version(&cow, &database.pool, 1).await.0, 1);
    let (give, given) = oneshot::channel::<Transaction<'static, Postgres>>();
    let (writer, pool) = (cow.clone(), database.pool.clone());
    // It never comes to what a writer does after its work, as one that died.
    let dead = tokio::spawn(async move {
        let work = async {
            let mut tx = pool.begin().await?;
            sqlx::query(UPDATE).execute(&mut *tx).await?;
            if emits {
                emit_message(&mut tx, User::by_id(1)).await.unwrap();
            }
            give.send(tx).expect("the test waits");
            pending::<sqlx::Result<()>>().await
        };
        writer.write(User::by_id(1), work).await
    });
    let tx = given.await.unwrap();
    // Until the hold has run out, and what is not committed yet is not what is stored.
    while version(&cow, &database.pool, 1).await != (1, Source::Cache) {
        tokio::task::yield_now().await;
    }
    tx.commit().await.unwrap();
    follower.caught_up().await.unwrap();
    let read = version(&cow, &database.pool, 1).await.0;
    dead.abort();
    follower.stop().await;
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_emitted_protects_longer_than_the_hold() {
    assert_eq!(after_a_commit_beyond_the_hold(true).await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn control_without_it_the_old_object_stays() {
    assert_eq!(after_a_commit_beyond_the_hold(false).await, 1);
}

/// Beside the rows of followed types, in one transaction with them, by a slot of the process's own.
#[tokio::test(flavor = "multi_thread")]
async fn emitted_keys_come_with_the_rows_of_their_transaction() {
    let database = Database::start().await;
    database
        .run("insert into app.users values (1, 'a@x', 7, 1); insert into notes values (1, 'x')")
        .await;
    let cow = &CacheCow::memory();
    let follower = cow.follow(database.own_log()).types::<User>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let read = cow.with(&database.pool);
    let note = async || {
        let note = read.get(cachecow_tests::followed::Note::by_id(1)).await.unwrap();
        note.unwrap().text.clone()
    };
    assert_eq!((version(cow, &database.pool, 1).await.0, note().await), (1, "x".to_owned()));
    let mut tx = database.pool.begin().await.unwrap();
    sqlx::query(UPDATE).execute(&mut *tx).await.unwrap();
    sqlx::query("update notes set text = 'y'").execute(&mut *tx).await.unwrap();
    emit_message(&mut tx, cachecow_tests::followed::Note::by_id(1)).await.unwrap();
    tx.commit().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!((version(cow, &database.pool, 1).await.0, note().await), (2, "y".to_owned()));
}
