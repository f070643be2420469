//! The end of a cache's use: nothing is left untold, or it is said what is.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{BackendErrorKind, CacheCow, ErrorKind, Fill, MemoryBackend, Source};
use cachecow_tests::backends::{Fate, Scripted};
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store, StoreDown};
use futures_util::FutureExt as _;

fn invalidates(command: &Command) -> bool {
    *command == Command::Invalidate
}

on_both_backends! {
    async fn what_is_outstanding_is_told(cache) {
        let (store, cow, other) = (Store::with_items(1), cache.open_default(), cache.open_default());
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        store.bump(1);
        cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Rejected));
        cow.invalidate(Item::by_id(1)).await.unwrap_err();
        assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 1);
        cow.close().await.unwrap();
        assert_eq!(cow.stats().pending_invalidations, 0);
        assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 2);
    }

    async fn writes_under_way_may_end(cache) {
        let (store, cow, gate) = (Store::with_items(1), cache.open_default(), Gate::new());
        let work = async {
            gate.pass().await;
            Ok::<_, StoreDown>(store.bump(1).version)
        };
        let write = cow.write(Item::by_id(1), work).outcome();
        let closing = async {
            gate.arrived().await;
            let closing = cow.close();
            tokio::pin!(closing);
            assert!(futures_util::poll!(&mut closing).is_pending(), "the write is not over");
            gate.open();
            closing.await
        };
        let (written, closed) = tokio::join!(write, closing);
        closed.unwrap();
        written.invalidated.unwrap();
        assert_eq!(written.result.unwrap(), 2);
    }

    async fn a_write_that_hangs_does_not_keep_the_others_from_being_told(cache) {
        // So long that the second invalidation is made up for meanwhile.
        let cow = cache.open(CacheCow::builder().close_timeout(Duration::from_secs(5)));
        let stuck = std::future::pending::<Result<(), StoreDown>>();
        let mut write = std::pin::pin!(cow.write(Item::by_id(1), stuck).outcome());
        assert!(tokio::time::timeout(Duration::from_millis(100), &mut write).await.is_err());
        let mut closing = std::pin::pin!(cow.close());
        assert!(futures_util::poll!(&mut closing).is_pending(), "the write is not over");
        cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Rejected));
        cow.invalidate(Item::by_id(2)).await.unwrap_err();
        let error = closing.await.unwrap_err().to_string();
        assert!(
            error.starts_with("close: 1 writes were still under way, and 0 invalidations"),
            "{error}"
        );
    }

    async fn reads_afterwards_fetch_and_store_nothing_and_changes_are_told(cache) {
        let (store, cow, other) = (Store::with_items(1), cache.open_default(), cache.open_default());
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        cow.close().await.unwrap();
        cow.clone().close().await.unwrap();
        for _ in 0..2 {
            let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
        }
        let work = async { Ok::<_, StoreDown>(store.bump(1).version) };
        assert_eq!(cow.write(Item::by_id(1), work).await, Ok(2));
        assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 2);
        store.bump(1);
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 3);
    }
}

/// Nothing is waited for where there is nothing to wait for.
#[tokio::test]
async fn a_cache_with_nothing_outstanding_is_closed_at_once() {
    let (store, cow) = (Store::with_items(1), CacheCow::memory());
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    cow.close().now_or_never().expect("it does not wait").unwrap();
}

/// Nobody would hear of it, and a backend must not be kept for it.
#[tokio::test(start_paused = true)]
async fn nothing_is_sent_once_it_is_closed() {
    let backend = Arc::new(Scripted::new(MemoryBackend::default()));
    let cow = CacheCow::builder().close_timeout(Duration::from_secs(1));
    let cow = cow.backend(Arc::clone(&backend)).unwrap();
    for _ in 0..100 {
        backend.next(invalidates, Fate::Fail(BackendErrorKind::Rejected));
    }
    cow.invalidate(Item::by_id(1)).await.unwrap_err();
    cow.close().await.unwrap_err();
    let sent = backend.log().len();
    drop(cow);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(backend.log().len(), sent);
    assert_eq!(Arc::strong_count(&backend), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_said() {
    let cow = CacheCow::builder().close_timeout(Duration::from_secs(1));
    let cow = cow.open("redis://127.0.0.1:1").await.unwrap();
    cow.invalidate_many([1, 2].map(Item::by_id)).await.unwrap_err();
    let stuck = std::future::pending::<Result<(), StoreDown>>();
    let mut write = cow.write(Item::by_id(3), stuck);
    assert!(tokio::time::timeout(Duration::from_secs(5), &mut write).await.is_err());
    let error = cow.close().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert!(
        error.to_string().starts_with(
            "close: 1 writes were still under way, and 2 invalidations were not confirmed"
        ),
        "{error}"
    );
}
