//! A cache that outlives the runtime it was used on.

use std::future::pending;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, Source};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::seen::seen;
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::runtime::{Builder, Runtime};

const LOST: Fate = Fate::Fail(BackendErrorKind::Disconnected);

/// On which backend, and whether time is the test's.
const BACKENDS: [(fn() -> Cache, bool); 2] = [(Cache::memory, true), (Cache::redis, false)];

fn runtime(paused: bool) -> Runtime {
    Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap()
}

type Use = for<'a> fn(&'a CacheCow, &'a Store) -> BoxFuture<'a, ()>;

/// Everything that is done with a cache.
const USES: [(&str, Use); 6] = [
    ("a read of the key", |cow, store| {
        async { assert_eq!(seen(cow, store, 1).await, (2, Source::Fetched)) }.boxed()
    }),
    ("a read of another key", |cow, store| seen(cow, store, 2).map(drop).boxed()),
    ("a batch", |cow, store| {
        async { drop(cow.with(store).get_many([2, 3].map(Item::by_id)).await.unwrap()) }.boxed()
    }),
    ("another invalidation", |cow, _| {
        // Its first attempt may find the connection gone with its runtime.
        async { drop(cow.invalidate(Item::by_id(2)).await) }.boxed()
    }),
    ("a write", |cow, _| {
        let work = async { Ok::<_, cachecow::Error>(()) };
        async { drop(cow.write(Item::by_id(2), work).await) }.boxed()
    }),
    ("a ping", |cow, _| async { drop(cow.ping().await) }.boxed()),
];

/// Waits until all is done that was outstanding.
async fn settled(cow: &CacheCow, why: &str) {
    let all = async {
        while cow.stats().pending_invalidations > 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.expect(why);
}

#[test]
fn what_is_outstanding_when_a_runtime_ends_is_retried_by_the_next_use() {
    for (name, uses) in USES {
        for (cache, paused) in BACKENDS {
            let (cache, store) = (cache(), Store::with_items(3));
            let first = runtime(paused);
            let cow = first.block_on(async {
                let cow = cache.open_default();
                assert_eq!(seen(&cow, &store, 1).await.0, 1);
                store.bump(1);
                cache.script().next(|command| *command == Command::Invalidate, LOST);
                cow.invalidate(Item::by_id(1)).await.unwrap_err();
                cow
            });
            drop(first);
            assert_eq!(cow.stats().pending_invalidations, 1);
            runtime(paused).block_on(async {
                uses(&cow, &store).await;
                settled(&cow, name).await;
                let other = cache.open_default();
                assert_eq!(seen(&other, &store, 1).await.0, 2, "{name}: the old value is gone");
            });
        }
    }
}

/// Until then its key is read past the cache, on whichever runtime.
#[test]
fn until_it_is_retried_the_key_is_read_past_the_cache() {
    for (cache, paused) in BACKENDS {
        let (cache, store) = (cache(), Store::with_items(1));
        let first = runtime(paused);
        let cow = first.block_on(async {
            let cow = cache.open_default();
            seen(&cow, &store, 1).await;
            cache.script().next(|command| *command == Command::Invalidate, LOST);
            cow.invalidate(Item::by_id(1)).await.unwrap_err();
            cow
        });
        drop(first);
        for version in 2..5 {
            store.bump(1);
            // It ends before the next attempt.
            runtime(paused).block_on(async {
                assert_eq!(seen(&cow, &store, 1).await, (version, Source::Fetched));
            });
            assert_eq!(cow.stats().pending_invalidations, 1);
        }
        runtime(paused).block_on(async {
            assert_eq!(seen(&cow, &store, 1).await, (4, Source::Fetched));
            settled(&cow, "the last runtime").await;
        });
    }
}

/// A write without its hold that is dropped on a thread of its own, after the runtime's end.
#[test]
fn a_write_that_outlives_its_runtime_is_made_up_for() {
    for (cache, paused) in BACKENDS {
        let (cache, store) = (cache(), Store::with_items(2));
        let first = runtime(paused);
        let (cow, write) = first.block_on(async {
            let cow = cache.open_default();
            seen(&cow, &store, 1).await;
            let writer = cow.clone();
            cache.script().next(|command| matches!(command, Command::Hold { .. }), LOST);
            let mut write = async move {
                let work = pending::<Result<(), cachecow::Error>>();
                writer.write(Item::by_id(1), work).await
            }
            .boxed();
            assert!((&mut write).now_or_never().is_none(), "its work is under way");
            (cow, write)
        });
        drop(first);
        store.bump(1);
        std::thread::spawn(move || drop(write)).join().expect("it panics in no destructor");
        assert_eq!(cow.stats().pending_invalidations, 1);
        runtime(paused).block_on(async {
            seen(&cow, &store, 2).await;
            settled(&cow, "the next runtime").await;
            assert_eq!(seen(&cow, &store, 1).await.0, 2);
        });
    }
}
