//! The database is restored from a copy of its files: it is the same one by all that it says of itself, and has forgotten
//! what happened since.

use cachecow_tests::patient::patient;

use crate::faults::{follow, text, with_notes};

/// The database is restored while it is followed, or while nobody follows.
async fn a_restored_database_is_noticed(while_followed: bool) {
    let (mut database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    follower.stop().await;
    database.server.save();
    let mut follower = follow(&cow, database.log()).await;
    database.run("update notes set text = 'new'; select pg_switch_wal()").await;
    database.run("update notes set text = 'new'; select pg_switch_wal()").await;
    let after = follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "new");
    assert_eq!(follower.status().drops, 0);
    if while_followed {
        database.server.restore();
    } else {
        follower.stop().await;
        database.server.restore();
        follower = follow(&cow, database.log()).await;
    }
    let restored = follower.caught_up().await.unwrap();
    assert!(restored < after, "positions begin anew");
    assert_eq!(text(&cow, &database, 1).await, "old");
    assert_eq!(follower.status().drops, 1);
    assert!(follower.status().last_drop.unwrap().contains("restored"));
    database.run("update notes set text = 'newest'").await;
    follower.caught_up().await.unwrap();
    assert_eq!(text(&cow, &database, 1).await, "newest");
    follower.stop().await;
    database.is_left().await;

    let follower = follow(&cow, database.log()).await;
    follower.caught_up().await.unwrap();
    assert_eq!(follower.status().drops, 0, "it is known now");
    follower.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_restored_while_it_is_followed_is_noticed() {
    a_restored_database_is_noticed(true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_was_restored_while_nobody_followed_is_noticed() {
    a_restored_database_is_noticed(false).await;
}
