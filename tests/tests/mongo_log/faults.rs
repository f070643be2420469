//! What goes wrong, and what is invalidated then.

use std::time::Duration;

use bson::{DateTime, doc};
use cachecow::log::{Follower, FollowerState};
use cachecow_tests::change_streams::namespace;
use mongodb::bson::RawDocumentBuf;

use super::shop::{Note, Shop, User, source, user};

/// A user that is cached, and a follower.
async fn begun() -> (Shop, Follower, User) {
    let shop = Shop::open().await;
    let ann = user(1, "ann@x.org", 7);
    shop.insert(&ann);
    let follower = shop.follow().await;
    shop.is_cached(&ann).await;
    assert!(shop.is_cached(&ann).await);
    (shop, follower, ann)
}

/// Waits for what a follower says of itself, which it does not announce.
async fn until(follower: &Follower, holds: impl Fn(&Follower) -> bool) {
    while !holds(follower) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_cut_connection_loses_nothing() {
    let shop = Shop::open().await;
    let (ann, bob) = (user(1, "ann@x.org", 7), user(2, "bob@x.org", 7));
    // Before the stream begins: what comes a second time is not this one.
    shop.insert(&bob);
    shop.insert(&ann);
    let follower = shop.follow().await;
    shop.server.set(cachecow_tests::change_streams::State::tick);
    follower.caught_up().await.unwrap();
    // With this the cache has a bookmark. In the first second of all it has none yet.
    follower.stop().await;
    let follower = shop.follow().await;
    shop.is_cached(&ann).await;
    shop.is_cached(&bob).await;
    let drops = follower.status().drops;
    shop.server.set(|state| state.refuses_connections = true);
    shop.server.cut();
    shop.update(&user(1, "ann@y.org", 7));
    until(&follower, |follower| follower.status().state == FollowerState::Down).await;
    assert!(shop.is_cached(&ann).await, "nobody knows");
    shop.server.set(|state| state.refuses_connections = false);
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    assert!(shop.is_cached(&bob).await, "nothing else");
    assert_eq!(follower.status().drops, drops);
}

/// A cursor that is gone: the driver makes another one.
#[tokio::test]
async fn a_resumable_error_loses_nothing() {
    let (shop, follower, ann) = begun().await;
    let before = follower.status();
    let error = doc! {
        "ok": 0.0, "code": 189, "codeName": "PrimarySteppedDown", "errmsg": "stepped down",
        "errorLabels": ["ResumableChangeStreamError"],
    };
    shop.server.set(|state| state.errors.push_back(("getMore", error)));
    shop.update(&user(1, "ann@y.org", 8));
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    assert_eq!(follower.status().drops, before.drops);
}

#[tokio::test]
async fn a_follower_goes_on_where_the_last_one_left_off() {
    let (shop, follower, ann) = begun().await;
    let bob = user(2, "bob@x.org", 8);
    shop.insert(&bob);
    follower.caught_up().await.unwrap();
    shop.is_cached(&bob).await;
    // Another entry, with which what was read before is confirmed.
    shop.server.set(cachecow_tests::change_streams::State::tick);
    follower.caught_up().await.unwrap();
    follower.stop().await;
    shop.update(&user(1, "ann@y.org", 7));
    assert!(shop.is_cached(&ann).await);
    let follower = shop.follow().await;
    assert!(!shop.is_cached(&ann).await, "it was told of what happened meanwhile");
    assert!(shop.is_cached(&bob).await, "and nothing else went");
    assert_eq!(follower.status().drops, 0);
    let resumed = shop.server.commands("aggregate").pop().unwrap();
    assert!(resumed.to_string().contains("startAfter"), "{resumed}");
}

/// What was read and not invalidated is not counted as read, also if the follower stops in good order.
#[tokio::test]
async fn a_batch_that_was_not_invalidated_comes_again() {
    let (shop, follower, ann) = begun().await;
    shop.server.set(cachecow_tests::change_streams::State::tick);
    follower.caught_up().await.unwrap();
    let reads = shop.server.commands("find").len();
    shop.server.set(|state| state.holds_majority_reads = true);
    shop.update(&user(1, "ann@y.org", 8));
    shop.server
        .until(|state| {
            state.journal.iter().filter(|command| command.contains_key("find")).count() > reads
        })
        .await;
    follower.stop().await;
    assert!(shop.is_cached(&ann).await);
    shop.server.set(|state| state.holds_majority_reads = false);
    shop.follow().await;
    assert!(!shop.is_cached(&ann).await);
}

#[tokio::test]
async fn an_oplog_that_does_not_reach_back_drops_everything() {
    let (shop, follower, ann) = begun().await;
    follower.stop().await;
    // It changes, and the log forgets that it did.
    shop.update(&user(1, "ann@y.org", 8));
    shop.server.set(cachecow_tests::change_streams::State::forget);
    let follower = shop.follow().await;
    assert!(!shop.is_cached(&ann).await);
    assert!(follower.status().drops > 0);
    // And it goes on.
    shop.update(&user(1, "ann@z.org", 8));
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
}

/// In the middle of the stream: by its history, by a token that is not found, by an event that is too large.
#[tokio::test]
async fn a_stream_that_cannot_go_on_drops_everything_and_begins_anew() {
    let (shop, follower, ann) = begun().await;
    for (code, name) in [
        (286, "ChangeStreamHistoryLost"),
        (280, "ChangeStreamFatalError"),
        (10_334, "BSONObjectTooLarge"),
    ] {
        let (before, asked) = (follower.status(), shop.server.commands("aggregate").len());
        let error = doc! {
            "ok": 0.0, "code": code, "codeName": name, "errmsg": "no",
            "errorLabels": ["NonResumableChangeStreamError"],
        };
        shop.server.set(|state| state.errors.push_back(("getMore", error)));
        until(&follower, |follower| follower.status().opened > before.opened).await;
        follower.caught_up().await.unwrap();
        assert!(!shop.is_cached(&ann).await, "{name}");
        assert!(follower.status().drops > before.drops, "{name}");
        let last = shop.server.commands("aggregate").pop().unwrap();
        assert!(last.to_string().contains("startAtOperationTime"), "{name}: {last}");
        assert_eq!(shop.server.commands("aggregate").len(), asked + 1, "once");
    }
}

#[tokio::test]
async fn a_database_that_was_restored_drops_everything() {
    let (shop, follower, ann) = begun().await;
    follower.stop().await;
    shop.server.set(|state| state.clock.time -= 3_600);
    shop.server.set(|state| state.oldest = state.clock);
    let follower = shop.follow().await;
    assert!(!shop.is_cached(&ann).await);
    assert!(follower.status().drops > 0);
}

#[tokio::test]
async fn a_collection_that_goes_takes_everything_of_its_types_along() {
    let (shop, follower, ann) = begun().await;
    shop.put(&Note { id: 1, at: DateTime::from_millis(0) });
    follower.caught_up().await.unwrap();
    source!(shop, Note::by_id(1));
    let to_users = doc! {
        "operationType": "rename", "ns": namespace("users_new"), "to": namespace("users"),
    };
    let from_users = doc! {
        "operationType": "rename", "ns": namespace("users"), "to": namespace("users_old"),
    };
    let dropped = doc! { "operationType": "drop", "ns": namespace("users") };
    let unknown = doc! { "operationType": "reshardCollection", "ns": namespace("users") };
    for event in [dropped, from_users, to_users, unknown] {
        let drops = follower.status().drops;
        shop.server.commit(event.clone());
        follower.caught_up().await.unwrap();
        assert!(!shop.is_cached(&ann).await, "{event}");
        assert_eq!(
            source!(shop, Note::by_id(1)),
            cachecow::Source::Cache,
            "{event}: another collection"
        );
        assert_eq!(follower.status().drops, drops + 1, "{event}");
    }
    let other = doc! { "operationType": "rename", "ns": namespace("a"), "to": namespace("b") };
    shop.server.commit(other);
    follower.caught_up().await.unwrap();
    assert!(shop.is_cached(&ann).await, "nobody's");
}

#[tokio::test]
async fn a_database_that_goes_ends_the_stream_and_the_next_one_is_followed() {
    let (shop, follower, ann) = begun().await;
    let before = follower.status();
    shop.server.commit(doc! { "operationType": "dropDatabase", "ns": { "db": "shop" } });
    shop.server.commit(doc! { "operationType": "invalidate" });
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    shop.update(&user(1, "ann@y.org", 8));
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await, "the new stream is followed");
    let status = follower.status();
    assert_eq!(status.opened, before.opened, "by the same follower");
    // Not again and again.
    follower.caught_up().await.unwrap();
    assert!(shop.is_cached(&ann).await);
    assert!(status.drops - before.drops <= 4, "{status}");
}

#[tokio::test]
async fn an_event_that_cannot_be_read_drops_everything_and_is_read_once() {
    let (shop, follower, ann) = begun().await;
    let event = doc! {
        "operationType": "insert", "ns": namespace("users"), "documentKey": { "_id": 1 },
        "fullDocument": { "_id": 1, "contact": { "mail": "mail" }, "org_id": 1 },
    };
    let no_utf8 = |event: RawDocumentBuf| {
        let mut bytes = event.into_bytes();
        let at = bytes.windows(5).rposition(|part| part == b"mail\0").unwrap();
        bytes[at] = 0xff;
        RawDocumentBuf::from_bytes(bytes).unwrap()
    };
    shop.server.commit_mangled(event, no_utf8);
    shop.server.commit(doc! { "ns": namespace("users") });
    shop.server.commit(doc! { "operationType": 7, "ns": namespace("users") });
    shop.server.commit(doc! { "operationType": "update" });
    shop.server
        .commit(doc! { "operationType": "insert", "ns": namespace("users"), "fullDocument": [1] });
    shop.server
        .commit(doc! { "operationType": "update", "ns": namespace("users"), "documentKey": 7 });
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    follower.caught_up().await.unwrap();
    assert!(shop.is_cached(&ann).await, "once");
    shop.whole("drop");
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await, "it goes on");
}

/// A server that hangs is given up after ten seconds, and what it did meanwhile is read then.
#[tokio::test]
async fn a_server_that_does_not_answer_is_given_up() {
    let (shop, follower, ann) = begun().await;
    let before = follower.status();
    shop.server.set(|state| state.hangs = true);
    shop.update(&user(1, "ann@y.org", 8));
    until(&follower, |follower| follower.status().state == FollowerState::Down).await;
    shop.server.set(|state| state.hangs = false);
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    let status = follower.status();
    assert!(status.opened > before.opened && status.drops == before.drops, "{status}");
}
