//! The server keeps the follower waiting: before it makes a slot, and while it reads what it does not send.

use std::collections::BTreeSet;
use std::time::Duration;

use cachecow::CacheCow;
use cachecow::log::FollowerState;
use cachecow_tests::patient::patient;
use tokio::time::timeout;

use crate::faults::{follow, followed_by_relay, text, until, with_notes};

/// As PostgreSQL 14 and 15 do while they read a large transaction of which they send nothing. Every time it is opened, the
/// log begins where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_sends_nothing_for_long_is_given_more_time() {
    let (database, redis) = with_notes(1).await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let (relay, follower) = followed_by_relay(&cow, &database).await;
    let opened = follower.status().opened;
    // Longer than the first time that a server is given, also if a busy machine notices late, and shorter than the second.
    relay.keep_streams_quiet(Duration::from_secs(15));
    relay.cut();
    until(&follower, FollowerState::Down).await;
    database.run("update notes set text = 'new'").await;
    relay.mend();
    let caught_up = timeout(Duration::from_secs(90), follower.caught_up()).await;
    caught_up.expect("it is given more time").unwrap();
    assert_eq!(text(&cow, &database, 1).await, "new");
    assert!(follower.status().opened >= opened + 2, "the first time was too short");
}

/// The server waits for every transaction that writes before it makes a slot, and does not notice meanwhile that the
/// follower is gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_follower_that_waits_for_a_slot_does_not_pile_up_others() {
    let (database, _) = with_notes(1).await;
    let mut writer = database.pool.begin().await.unwrap();
    sqlx::query("insert into notes values (2, 'old')").execute(&mut *writer).await.unwrap();
    let cow = CacheCow::memory();
    let log = database.own_log().waiting_for_slots(Duration::from_millis(300));
    let follower = follow(&cow, log).await;
    let slots =
        "select slot_name::text from pg_replication_slots where slot_name like 'cachecow\\_%'";
    let slots =
        async || sqlx::query_scalar::<_, String>(slots).fetch_all(&database.pool).await.unwrap();
    let mut seen = BTreeSet::new();
    while seen.len() < 8 {
        let slots = slots().await;
        // One that is given up is there until the server has noticed.
        assert!(slots.len() <= 3, "{slots:?}");
        seen.extend(slots);
    }
    let error = follower.status().error.unwrap();
    assert!(error.contains("makes a slot only when"), "{error}");
    writer.commit().await.unwrap();
    follower.caught_up().await.unwrap();
    let alone = async { while slots().await.len() != 1 {} };
    timeout(Duration::from_secs(60), alone).await.expect("those that were given up go");
    assert_eq!(text(&cow, &database, 2).await, "old");
    follower.stop().await;
}
