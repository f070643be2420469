//! What plain SQL changes is not served any more, once the follower has caught up.

use cachecow::CacheCow;
use cachecow::log::{FollowerState, PostgresLog};
use cachecow_tests::followed::{Database, Note, User};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;

async fn emails(cow: &CacheCow, database: &Database, org: i64) -> Vec<String> {
    let users = cow.with(&database.pool).list(User::list_by_org_id(org)).await.unwrap();
    users.iter().map(|user| user.email.clone()).collect()
}

async fn every_kind_of_change_is_seen(cow: &CacheCow, database: &Database, log: PostgresLog) {
    database.run("insert into app.users values (1, 'a@x', 7, 1), (2, 'b@x', 7, 1)").await;
    database.run("insert into notes values (1, 'first')").await;
    let follower = cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().state, FollowerState::Following);
    let view = cow.with(&database.pool);
    let version = async |id| view.get(User::by_id(id)).await.unwrap().map(|user| user.version);

    assert_eq!(version(1).await, Some(1));
    database.run("update app.users set version = 2 where id = 1").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(1).await, Some(2), "an update");

    assert_eq!(version(3).await, None);
    assert!(view.get(User::by_email("c@x")).await.unwrap().is_none());
    assert_eq!(emails(cow, database, 7).await, ["a@x", "b@x"]);
    database.run("insert into app.users values (3, 'c@x', 7, 1)").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(3).await, Some(1), "an insert ends the absence");
    assert!(view.get(User::by_email("c@x")).await.unwrap().is_some(), "of the alias as well");
    assert_eq!(emails(cow, database, 7).await, ["a@x", "b@x", "c@x"], "and joins the list");

    assert_eq!(emails(cow, database, 8).await, [""; 0]);
    database.run("update app.users set org_id = 8 where id = 2").await;
    follower.caught_up().await.unwrap();
    assert_eq!(emails(cow, database, 7).await, ["a@x", "c@x"], "the list that it left");
    assert_eq!(emails(cow, database, 8).await, ["b@x"], "and the one that it came to");

    assert!(view.get(User::by_email("a@x")).await.unwrap().is_some());
    assert!(view.get(User::by_email("z@x")).await.unwrap().is_none());
    database.run("update app.users set mail = 'z@x' where id = 1").await;
    follower.caught_up().await.unwrap();
    assert!(view.get(User::by_email("a@x")).await.unwrap().is_none(), "the old alias");
    assert!(view.get(User::by_email("z@x")).await.unwrap().is_some(), "the new one");

    assert_eq!(version(9).await, None);
    database.run("update app.users set id = 9 where id = 1").await;
    follower.caught_up().await.unwrap();
    assert_eq!((version(1).await, version(9).await), (None, Some(2)), "another key");

    database.run("delete from app.users where id = 3").await;
    follower.caught_up().await.unwrap();
    assert_eq!(version(3).await, None, "a delete");
    assert_eq!(emails(cow, database, 7).await, ["z@x"]);

    let note = view.get(Note::by_id(1)).await.unwrap();
    assert_eq!(note.unwrap().text, "first");
    database.run("truncate app.users").await;
    follower.caught_up().await.unwrap();
    assert_eq!((version(2).await, version(9).await), (None, None), "a truncate");
    assert_eq!(emails(cow, database, 8).await, [""; 0]);
    assert_eq!(view.get(Note::by_id(1)).await.unwrap().unwrap().text, "first");
    let status = &cow.stats().followers["log"];
    assert!(status.rows >= 6 && status.settled.is_some(), "{status}");
    follower.stop().await;
    assert_eq!(follower.status().state, FollowerState::Stopped);
    assert!(follower.caught_up().await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_seen_through_redis() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    let cow = patient().open(&redis.url()).await.unwrap();
    every_kind_of_change_is_seen(&cow, &database, database.log()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_kind_of_change_is_seen_in_memory() {
    let database = Database::start().await;
    every_kind_of_change_is_seen(&CacheCow::memory(), &database, database.own_log()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_transaction_is_seen_as_a_whole() {
    let (database, redis) = (Database::start().await, RedisServer::start());
    database.run("insert into notes select id, 'old' from generate_series(1, 30000) as id").await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = cow.follow(database.log()).types::<Note>().start().await.unwrap();
    follower.caught_up().await.unwrap();
    let view = cow.with(&database.pool);
    let read = async || view.get_many((1..=30_000).map(Note::by_id)).await.unwrap();
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text == "old"));
    database.run("update notes set text = 'new'").await;
    follower.caught_up().await.unwrap();
    assert!(read().await.iter().all(|note| note.as_ref().unwrap().text == "new"));
    let status = follower.status();
    assert!(status.batches > 3, "it came in parts: {status}");
}
