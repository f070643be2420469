//! What events invalidate, and when.

use bson::{DateTime, doc};
use cachecow::Source;
use cachecow::log::MongoLog;
use cachecow_tests::change_streams::{Kind, State, namespace};

use super::shop::{Note, Shop, User, source, user};

#[tokio::test]
async fn an_insert_ends_the_absences_and_joins_its_list() {
    let shop = Shop::open().await;
    let follower = shop.follow().await;
    let (ann, other) = (user(1, "ann@x.org", 7), user(2, "bob@x.org", 8));
    source!(shop, User::by_id(ann.id));
    source!(shop, User::by_email("ann@x.org"));
    source!(shop, User::by_id(other.id));
    shop.list_is_cached(7).await;
    shop.list_is_cached(8).await;
    assert_eq!(source!(shop, User::by_email("ann@x.org")), Source::Cache, "the absence");
    shop.insert(&ann);
    follower.caught_up().await.unwrap();
    assert_eq!(source!(shop, User::by_id(ann.id)), Source::Fetched);
    assert_eq!(source!(shop, User::by_email("ann@x.org")), Source::Fetched);
    assert!(!shop.list_is_cached(7).await);
    assert!(shop.list_is_cached(8).await, "another list");
    assert!(shop.is_cached(&other).await, "another user");
}

#[tokio::test]
async fn an_update_leaves_the_old_list_and_joins_the_new_one() {
    let shop = Shop::open().await;
    let ann = user(1, "ann@x.org", 7);
    shop.insert(&ann);
    let follower = shop.follow().await;
    for org_id in [7, 8, 9] {
        shop.list_is_cached(org_id).await;
        assert!(shop.list_is_cached(org_id).await);
    }
    assert!(shop.is_cached(&ann).await, "read with its list");
    let drops = follower.status().drops;
    shop.update(&user(1, "ann@y.org", 8));
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    assert!(!shop.list_is_cached(7).await);
    assert!(!shop.list_is_cached(8).await);
    assert!(shop.list_is_cached(9).await, "another list");
    assert_eq!(follower.status().drops, drops, "nothing else went");
}

#[tokio::test]
async fn a_delete_leaves_its_list() {
    let shop = Shop::open().await;
    let (ann, bob) = (user(1, "ann@x.org", 7), user(2, "bob@x.org", 8));
    shop.insert(&ann);
    shop.insert(&bob);
    let follower = shop.follow().await;
    shop.list_is_cached(7).await;
    shop.list_is_cached(8).await;
    shop.delete(&ann);
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
    assert!(!shop.list_is_cached(7).await);
    assert!(shop.list_is_cached(8).await);
}

#[tokio::test]
async fn without_a_pre_image_everything_of_a_type_with_lists_goes() {
    let shop = Shop::open().await;
    let (ann, bob) = (user(1, "ann@x.org", 7), user(2, "bob@x.org", 8));
    shop.insert(&ann);
    shop.insert(&bob);
    let note = Note { id: 1, at: DateTime::from_millis(0) };
    shop.put(&note);
    let follower = shop.follow().await;
    shop.is_cached(&bob).await;
    source!(shop, Note::by_id(1));
    let drops = follower.status().drops;
    let event = shop.updated(&user(1, "ann@x.org", 9), false);
    shop.server.commit(event);
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, drops + 1, "which list was left is not known");
    assert!(!shop.is_cached(&bob).await);
    assert_eq!(source!(shop, Note::by_id(1)), Source::Cache, "of another type");
}

/// A type of keys alone needs none: what no event says cannot have been cached.
#[tokio::test]
async fn keys_need_no_pre_image_and_dates_are_keys() {
    let shop = Shop::open().await;
    let (first, second) = (DateTime::from_millis(0), DateTime::from_millis(1_500));
    shop.put(&Note { id: 1, at: first });
    let follower = shop.follow().await;
    let drops = follower.status().drops;
    assert_eq!(source!(shop, Note::by_at(first)), Source::Fetched);
    source!(shop, Note::by_at(second));
    assert_eq!(source!(shop, Note::by_at(second)), Source::Cache, "the absence");
    shop.put(&Note { id: 1, at: second });
    follower.caught_up().await.unwrap();
    assert_eq!(source!(shop, Note::by_at(second)), Source::Fetched);
    assert_eq!(source!(shop, Note::by_at(first)), Source::Fetched);
    // Deleted since: there is no document to look up.
    shop.server.commit(doc! {
        "operationType": "update", "ns": namespace("notes"), "documentKey": { "_id": 1 }, "fullDocument": null,
        "updateDescription": { "updatedFields": { "at": first }, "removedFields": [] },
    });
    follower.caught_up().await.unwrap();
    assert_eq!(source!(shop, Note::by_id(1)), Source::Fetched);
    assert_eq!(follower.status().drops, drops);
}

/// The server has it before the majority does; then the majority, before every reader sees it.
#[tokio::test]
async fn a_change_is_waited_for_until_the_majority_sees_it() {
    let shop = Shop::open().await;
    let ann = user(1, "ann@x.org", 7);
    shop.insert(&ann);
    let follower = shop.follow().await;
    shop.is_cached(&ann).await;
    let before = shop.server.get(|state| state.clock);
    shop.server.set(|state| state.majority = Some(before));
    shop.update(&user(1, "ann@x.org", 8));
    let empty = shop.server.get(|state| state.empty_batches);
    let caught_up = tokio::spawn({
        let follower = follower.clone();
        async move { follower.caught_up().await }
    });
    shop.server.until(|state| state.empty_batches >= empty + 3).await;
    assert!(!caught_up.is_finished(), "it was not told of the change");
    assert!(shop.is_cached(&ann).await);
    shop.server.set(|state| state.majority = None);
    caught_up.await.unwrap().unwrap();
    assert!(!shop.is_cached(&ann).await);
}

#[tokio::test]
async fn nothing_is_invalidated_before_a_read_of_the_majority_sees_it() {
    let shop = Shop::open().await;
    let ann = user(1, "ann@x.org", 7);
    shop.insert(&ann);
    let follower = shop.follow().await;
    shop.is_cached(&ann).await;
    let reads = shop.server.commands("find").len();
    shop.server.set(|state| state.holds_majority_reads = true);
    shop.update(&user(1, "ann@x.org", 8));
    shop.server
        .until(|state| {
            state.journal.iter().filter(|command| command.contains_key("find")).count() > reads
        })
        .await;
    let gate = shop.server.commands("find").pop().unwrap();
    let time = shop.server.get(|state| state.clock);
    assert_eq!(
        gate.get_document("readConcern").unwrap(),
        &doc! { "level": "majority", "afterClusterTime": time }
    );
    assert!(shop.is_cached(&ann).await, "it is not settled");
    shop.server.set(|state| state.holds_majority_reads = false);
    follower.caught_up().await.unwrap();
    assert!(!shop.is_cached(&ann).await);
}

#[tokio::test]
async fn changes_of_one_transaction_are_all_read_before_its_time_is_reached() {
    let shop = Shop::open().await;
    let follower = shop.follow().await;
    shop.server.set(|state| state.batch = 1);
    let users: Vec<User> = (1..=5).map(|number| user(number, "ann@x.org", number.into())).collect();
    for user in &users {
        shop.is_cached(user).await;
    }
    let events = users.iter().map(|user| shop.updated(user, true)).collect();
    shop.server.commit_all(events);
    follower.caught_up().await.unwrap();
    for user in &users {
        assert!(!shop.is_cached(user).await);
    }
}

#[tokio::test]
async fn what_came_at_once_is_one_batch_and_others_are_left_alone() {
    let shop = Shop::open().await;
    let ann = user(1, "ann@x.org", 7);
    shop.insert(&ann);
    let follower = shop.follow().await;
    shop.is_cached(&ann).await;
    let before = follower.status();
    let events = (0..90).map(|at| {
        let name = if at % 2 == 0 { "orders" } else { "notes" };
        doc! {
            "operationType": "insert", "ns": namespace(name), "documentKey": { "_id": at },
            "fullDocument": { "_id": at, "at": DateTime::from_millis(at) },
        }
    });
    shop.server.commit_all(events.collect());
    follower.caught_up().await.unwrap();
    let status = follower.status();
    assert_eq!(status.rows - before.rows, 45, "orders are nobody's");
    assert!(status.batches - before.batches <= 2, "{status}");
    assert!(shop.is_cached(&ann).await);
}

/// Nothing but the ten-second entry of an idle primary: the follower is not behind.
#[tokio::test]
async fn an_idle_log_moves_on() {
    let shop = Shop::open().await;
    let follower = shop.follow().await;
    let settled = follower.status().settled;
    shop.server.set(State::tick);
    follower.caught_up().await.unwrap();
    assert!(follower.status().settled > settled);
}

/// Each shard has an oplog of its own: another one may have a change of the very time that was reached.
#[tokio::test]
async fn a_sharded_cluster_is_asked_by_collection_and_reached_by_a_later_entry() {
    let shop = Shop::open().await;
    shop.server.set(|state| state.kind = Kind::Router);
    let log = MongoLog::connect(shop.server.direct_url());
    let follower = shop.cow.follow(log).types::<(User, Note)>().start().await.unwrap();
    let caught_up = tokio::spawn({
        let follower = follower.clone();
        async move { follower.caught_up().await }
    });
    shop.server.until(|state| state.empty_batches >= 4).await;
    assert!(!caught_up.is_finished());
    shop.server.set(State::tick);
    caught_up.await.unwrap().unwrap();
    let asked = shop.server.commands("find");
    for name in ["users", "notes"] {
        let of_it = asked.iter().filter(|find| find.get_str("find").unwrap() == name);
        let (gates, looks): (Vec<_>, Vec<_>) =
            of_it.partition(|find| find.contains_key("readConcern"));
        assert!(!gates.is_empty() && !looks.is_empty(), "{name}");
    }
}
