//! A process whose invalidation of a primary key is outstanding, and its reads by an alias: what is read there
//! is not older than that invalidation.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::store::{Item, Store};

/// Enough hits for reads to begin with a lookup.
const HITS: usize = 200;

fn invalidates(command: &Command) -> bool {
    matches!(command, Command::Invalidate)
}

fn looks(command: &Command) -> bool {
    matches!(command, Command::Lookup)
}

async fn by_name(cow: &CacheCow, store: &Store) -> u64 {
    cow.with(store).get(Item::by_name("item 1")).await.unwrap().unwrap().version
}

/// Changes the object, and fails to invalidate its primary key.
async fn change(cache: &Cache, cow: &CacheCow, store: &Store) {
    store.bump(1);
    cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Disconnected));
    cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(cow.stats().pending_invalidations, 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_succeeds_while_the_object_is_on_its_way_does_not_make_it_current() {
    let (cache, store) = (Cache::memory(), Store::with_items(1));
    let cow = cache.open_default();
    for _ in 0..HITS {
        assert_eq!(by_name(&cow, &store).await, 1);
    }
    change(&cache, &cow, &store).await;
    let (pointer, object) = (Gate::new(), Gate::new());
    pointer.open();
    cache.script().next(looks, Fate::AnswerLate(pointer));
    cache.script().next(looks, Fate::AnswerLate(Arc::clone(&object)));
    let retried = async {
        while cow.stats().pending_invalidations > 0 {
            tokio::time::advance(Duration::from_millis(10)).await;
        }
        object.open();
    };
    // The read goes on first, for as long as it can.
    let (version, ()) = tokio::join!(biased; by_name(&cow, &store), retried);
    assert_eq!(version, 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_began_before_is_not_shared() {
    let (cache, store) = (Cache::memory(), Store::with_items(1));
    let cow = cache.open_default();
    by_name(&cow, &store).await;
    // The pointer is left, so that the load claims the primary key before it fetches.
    cow.invalidate(Item::by_id(1)).await.unwrap();
    let gate = store.gate();
    let second = async {
        gate.arrived().await;
        change(&cache, &cow, &store).await;
        let opened = async {
            for _ in 0..50 {
                tokio::task::yield_now().await;
            }
            gate.open();
        };
        tokio::join!(by_name(&cow, &store), opened).0
    };
    let (_, second) = tokio::join!(by_name(&cow, &store), second);
    assert_eq!(second, 2);
}
