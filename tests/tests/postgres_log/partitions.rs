//! Partitions that go while nobody follows.

use cachecow_tests::followed::{Database, Note, SETTINGS};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;

use crate::faults::follow;

/// Two partitions with a note in each.
async fn partitioned() -> Database {
    let database = Database::without_setup(SETTINGS).await;
    database
        .run(
            "drop table notes;
             create table notes (id bigint primary key, text text not null) partition by range (id);
             create table notes_low partition of notes for values from (0) to (100);
             create table notes_high partition of notes for values from (100) to (200);
             insert into notes values (1, 'low'), (101, 'high');
             alter table app.users replica identity full;
             create publication cachecow for table app.users, notes with (publish_via_partition_root = true);
             select pg_create_logical_replication_slot('cachecow', 'pgoutput')",
        )
        .await;
    database
}

/// What a new process that follows the log finds: which of the notes are there, and how often everything was dropped.
async fn found_by_the_next(database: &Database, redis: &RedisServer) -> (bool, bool, u64) {
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    let has = async |id| cow.with(&database.pool).get(Note::by_id(id)).await.unwrap().is_some();
    let found = (has(1).await, has(101).await);
    follower.stop().await;
    database.is_left().await;
    (found.0, found.1, follower.status().drops)
}

/// What is left in the catalog then says nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_goes_while_nobody_follows_is_noticed() {
    let (database, redis) = (partitioned().await, RedisServer::start());
    assert_eq!(found_by_the_next(&database, &redis).await, (true, true, 1), "a new cache");
    assert_eq!(found_by_the_next(&database, &redis).await, (true, true, 0), "nothing happened");
    database.run("alter table notes detach partition notes_low; drop table notes_low").await;
    assert_eq!(found_by_the_next(&database, &redis).await, (false, true, 1));
    assert_eq!(found_by_the_next(&database, &redis).await, (false, true, 0), "it is known now");
    database.run("drop table notes_high").await;
    assert_eq!(found_by_the_next(&database, &redis).await, (false, false, 1));
}
