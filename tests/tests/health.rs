//! Whether a person should look, why, and since when.

use std::time::{Duration, SystemTime};

use cachecow::log::{FollowerState, OnLag};
use cachecow::{BackendErrorKind, CacheCow, DegradedBy, Health};
use cachecow_tests::clock::Clock;
use cachecow_tests::lossy::Vague;
use cachecow_tests::moody::{Mood, Moody};
use cachecow_tests::patient::patient;
use cachecow_tests::seen::until_near;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use cachecow_tests::told_log::{Row, Tell, told_log};
use tokio::time::{advance, sleep};

fn reasons(health: &Health) -> Vec<DegradedBy> {
    assert!(health.is_ready(), "the cache is never the reason");
    health.degraded.iter().map(|degradation| degradation.by).collect()
}

/// For how long it has been degraded, by the clock of the machine.
fn lasted(health: &Health) -> Duration {
    let [degradation] = &health.degraded[..] else { panic!("{health:?}") };
    SystemTime::now().duration_since(degradation.since).expect("since a time before now")
}

fn is_about(lasted: Duration, seconds: u64) {
    let apart = lasted.abs_diff(Duration::from_secs(seconds));
    assert!(apart < Duration::from_secs(1), "{lasted:?} is not about {seconds} s");
}

async fn read(cow: &CacheCow, store: &Store, id: i64) {
    cow.with(store).get(Item::by_id(id)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_told_since_it_began_and_until_it_ends() {
    let (backend, cow, store) = Moody::open();
    assert_eq!(cow.health().to_string(), "ready");
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    while !cow.health().is_degraded() {
        read(&cow, &store, 1).await;
    }
    assert_eq!(reasons(&cow.health()), [DegradedBy::CircuitOpen]);
    advance(Duration::from_secs(90)).await;
    // A probe that fails begins nothing anew.
    read(&cow, &store, 1).await;
    is_about(lasted(&cow.health()), 90);
    let shown = cow.health().to_string();
    assert!(shown.starts_with("ready, degraded: the cache does not answer"), "{shown}");
    let json = serde_json::to_value(cow.health()).unwrap();
    assert_eq!(
        (&json["ready"], &json["degraded"][0]["by"]),
        (&true.into(), &"circuit_open".into())
    );
    assert!(json["degraded"][0]["since"].is_f64(), "{json}");

    backend.is_now(Mood::Sound);
    cow.ping().await.unwrap();
    assert!(!cow.health().is_degraded());
}

#[tokio::test(start_paused = true)]
async fn what_is_pending_is_told_since_the_oldest() {
    let (backend, cow, _) = Moody::open();
    backend.is_now(Mood::Fails(BackendErrorKind::Rejected));
    let pending = |health: &Health| {
        let of = |degradation: &&cachecow::Degradation| {
            degradation.by == DegradedBy::InvalidationsPending
        };
        health.degraded.iter().find(of).cloned()
    };
    for id in 1..=3 {
        cow.invalidate(Item::by_id(id)).await.unwrap_err();
        advance(Duration::from_secs(20)).await;
    }
    let found = pending(&cow.health()).expect("it is pending");
    assert_eq!(found.detail, "3 keys and tags are not invalidated");
    is_about(SystemTime::now().duration_since(found.since).unwrap(), 60);
    assert_eq!(reasons(&cow.health())[0], DegradedBy::CacheRefuses);
    backend.is_now(Mood::Sound);
    while cow.stats().pending_invalidations > 0 {
        sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(pending(&cow.health()), None);
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_for_a_minute_after_the_last() {
    let (backend, cow, store) = Moody::open();
    backend.is_now(Mood::Fails(BackendErrorKind::Rejected));
    for _ in 0..4 {
        read(&cow, &store, 1).await;
        // What the read may have been granted is given back meanwhile.
        sleep(Duration::from_secs(50)).await;
    }
    assert_eq!(reasons(&cow.health()), [DegradedBy::CacheRefuses]);
    is_about(lasted(&cow.health()), 200);
    sleep(Duration::from_secs(10)).await;
    assert!(!cow.health().is_degraded(), "nobody was refused for a minute");
    read(&cow, &store, 1).await;
    is_about(lasted(&cow.health()), 0);
}

#[tokio::test]
async fn a_type_that_is_left_alone_is_told_while_it_is() {
    let clock = Clock::new();
    let cow = CacheCow::builder().clock(clock.reader()).memory().unwrap();
    for _ in 0..3 {
        assert!(!cow.health().is_degraded());
        cow.get(Vague::by_id(1)).await.unwrap();
    }
    assert_eq!(reasons(&cow.health()), [DegradedBy::TypeNotCached]);
    assert_eq!(cow.health().to_string(), "ready, degraded: objects of Vague are not cached");
    clock.advance(Duration::from_secs(1));
    assert!(!cow.health().is_degraded(), "it is tried again");
}

#[tokio::test]
async fn a_near_tier_that_hears_nothing_is_told() {
    let mut server = RedisServer::start();
    let cow = patient()
        .near(1 << 20)
        .near_lag(Duration::from_secs(20))
        .open(&server.url())
        .await
        .unwrap();
    let store = Store::with_items(1);
    assert!(!cow.health().is_degraded(), "nothing was to be heard yet");
    until_near(&cow, &store, [1]).await;
    assert!(!cow.health().is_degraded(), "{}", cow.health());
    server.kill();
    let deaf = async {
        while !reasons(&cow.health()).contains(&DegradedBy::NearDeaf) {
            sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), deaf).await.expect("it is noticed");
}

#[tokio::test(start_paused = true)]
async fn a_change_log_that_is_down_or_ahead_is_told() {
    let cow = CacheCow::memory();
    let (log, teller) = told_log();
    let follow = cow.follow(log).types::<(Row,)>().name("main");
    let follower = follow.on_lag(Duration::from_secs(5), OnLag::Serve).start().await.unwrap();
    follower.caught_up().await.unwrap();
    assert!(!cow.health().is_degraded(), "{}", cow.health());
    teller.grow(1);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(reasons(&cow.health()), [DegradedBy::ChangeLogBehind]);
    assert_eq!(cow.health().degraded[0].detail, "the change log main is ahead of the cache");
    is_about(lasted(&cow.health()), 60);
    teller.tell(Tell::Fail("told to"));
    while reasons(&cow.health()) != [DegradedBy::ChangeLogDown] {
        sleep(Duration::from_millis(1)).await;
    }
    follower.stop().await;
    assert!(!cow.health().is_degraded(), "nobody wants it any more");
}

#[tokio::test(start_paused = true)]
async fn of_two_change_logs_of_one_name_the_one_that_is_down_is_told() {
    let cow = CacheCow::memory();
    let (sound, _teller) = told_log();
    let (failing, teller) = told_log();
    let scoped = cow.scoped("other");
    let first = cow.follow(sound).types::<(Row,)>().name("main").start().await.unwrap();
    let second = scoped.follow(failing).types::<(Row,)>().name("main").start().await.unwrap();
    for follower in [&first, &second] {
        follower.caught_up().await.unwrap();
    }
    teller.tell(Tell::Fail("told to"));
    while reasons(&cow.health()) != [DegradedBy::ChangeLogDown] {
        sleep(Duration::from_millis(1)).await;
    }
    assert_eq!(cow.health().degraded[0].detail, "the change log main (2) cannot be read");
    assert_eq!(cow.stats().followers["main (2)"].state, FollowerState::Down);
}
