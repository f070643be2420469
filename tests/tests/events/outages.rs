//! A cache that does not answer, or refuses.

use std::convert::Infallible;
use std::time::Duration;

use cachecow::{BackendErrorKind, CacheCow};
use cachecow_tests::events::Said;
use cachecow_tests::moody::{Mood, Moody};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;

use crate::{count, paused};

pub(crate) fn all() -> Vec<Said> {
    [outage(), refusals(), slow_load(), stale()].concat()
}

fn outage() -> Vec<Said> {
    paused(async {
        let (backend, cow, store) = Moody::open();
        backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
        for id in 1..=5 {
            cow.with(&store).get(Item::by_name(format!("swordfish {id}"))).await.unwrap();
            cow.invalidate(Item::by_id(id)).await.unwrap_err();
            cow.write(Item::by_id(id), async { Ok::<_, Infallible>(()) }).await.unwrap();
            // Dropped while its work is under way.
            let cancelled =
                cow.write(Item::by_id(id), std::future::pending::<Result<(), Infallible>>());
            let mut cancelled = Box::pin(cancelled);
            for _ in 0..10 {
                assert!(cancelled.as_mut().now_or_never().is_none());
                tokio::task::yield_now().await;
            }
        }
        backend.is_now(Mood::Sound);
        while cow.stats().pending_invalidations > 0 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        while cow.stats().circuit_open {
            let _ = cow.ping().await;
        }
    })
}

fn refusals() -> Vec<Said> {
    paused(async {
        let (backend, cow, store) = Moody::open();
        backend.is_now(Mood::Fails(BackendErrorKind::Rejected));
        for _ in 0..10 {
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
        }
    })
}

/// Of two callers, the second gives up the load of the first, which is polled no more.
fn slow_load() -> Vec<Said> {
    paused(async {
        let cow = CacheCow::builder().load_wait(Duration::from_secs(1)).memory().unwrap();
        let store = Store::with_items(1);
        let _gate = store.gate();
        let mut forgotten = Box::pin(cow.with(&store).get(Item::by_id(1)));
        assert!(forgotten.as_mut().now_or_never().is_none());
        assert!(cow.with(&store).get(Item::by_id(1)).await.unwrap().is_some());
    })
}

/// The store fails, and what is past its time is served.
fn stale() -> Vec<Said> {
    paused(async {
        let clock = cachecow_tests::clock::Clock::new();
        let builder =
            CacheCow::builder().clock(clock.reader()).stale_if_error(Duration::from_secs(3600));
        let (cow, store) = (builder.memory().unwrap(), Store::with_items(1));
        for _ in 0..20 {
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
        }
        clock.advance(Duration::from_secs(900));
        store.set_down(true);
        for _ in 0..5 {
            assert!(cow.with(&store).get(Item::by_id(1)).await.unwrap().is_some());
        }
        assert_eq!(cow.stats().of("Item").stale, 5);
    })
}

#[test]
fn an_outage_is_said_once_a_minute_however_many_writes_fail() {
    let said = outage();
    for event in ["circuit_opened", "circuit_closed", "invalidation_failed", "write_not_told"] {
        assert_eq!(count(&said, event), 1, "{event}: {said:#?}");
    }
    let warnings = said.iter().filter(|said| said.level == tracing::Level::WARN).count();
    assert_eq!(warnings, 4, "five invalidations and ten writes: {said:#?}");
    assert_eq!(count(&refusals(), "cache_refuses"), 1);
    assert_eq!(count(&stale(), "stale_served"), 1);
}

/// A cache that comes and goes.
#[test]
fn a_circuit_that_opens_again_and_again_is_said_once_a_minute() {
    let said = paused(async {
        let (backend, cow, _) = Moody::open();
        for _ in 0..10 {
            backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
            while !cow.stats().circuit_open {
                cow.ping().await.unwrap_err();
            }
            backend.is_now(Mood::Sound);
            cow.ping().await.unwrap();
        }
        assert_eq!(cow.stats().circuit_openings, 10);
    });
    assert_eq!((count(&said, "circuit_opened"), count(&said, "circuit_closed")), (1, 1));
}

#[test]
fn what_was_left_out_is_told_with_the_next() {
    let said = paused(async {
        let (backend, cow, _) = Moody::open();
        backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
        for _ in 0..7 {
            cow.invalidate(Item::by_id(1)).await.unwrap_err();
        }
        tokio::time::sleep(Duration::from_secs(60)).await;
        cow.invalidate(Item::by_id(1)).await.unwrap_err();
    });
    let failed = said.iter().filter(|said| said.name == "cachecow.invalidation_failed");
    let left_out: Vec<_> = failed.map(|said| said.field("left_out").to_owned()).collect();
    assert_eq!(left_out, ["0", "6"]);
}
