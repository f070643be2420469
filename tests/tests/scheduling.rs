//! Reads do not depend on who else is polled, how many there are, or how far away the server is.

use std::sync::Arc;
use std::time::Duration;

use cachecow::{CacheCow, Source};
use cachecow_tests::distance::Distance;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::join_all;

const ITEMS: i64 = 40;

/// A cache in which every item is stored, and of which reads begin with a lookup.
async fn filled(url: &str) -> (Store, CacheCow) {
    // Long enough for a busy machine, too short for reads that are sent one by one.
    let builder = CacheCow::builder()
        .operation_timeout(Duration::from_secs(5))
        .connect_timeout(Duration::from_secs(5));
    let (store, cow) = (Store::with_items(ITEMS), builder.open(url).await.unwrap());
    for _ in 0..3 {
        cow.with(&store).get_many((1..=ITEMS).map(Item::by_id)).await.unwrap();
    }
    (store, cow)
}

/// Whether all items are read from the cache, at once and one after the other.
async fn assert_served(store: &Store, cow: &CacheCow) {
    let reads = join_all((1..=ITEMS).map(|id| cow.with(store).read(Item::by_id(id)))).await;
    for read in reads {
        assert_eq!(read.unwrap().source, Source::Cache);
    }
    for id in 1..=ITEMS {
        assert_eq!(cow.with(store).read(Item::by_id(id)).await.unwrap().source, Source::Cache);
    }
    assert!(!cow.stats().circuit_open);
    let fetched = store.fetches();
    assert_eq!(fetched, 1, "only to fill");
}

/// As in a `select!` beside a branch that takes long.
#[tokio::test]
async fn reads_that_are_not_polled_hold_nobody_up() {
    let server = RedisServer::start();
    let (store, cow) = filled(&server.url()).await;
    let mut kept: Vec<_> =
        (1..=ITEMS).map(|id| Box::pin(cow.with(&store).read(Item::by_id(id)))).collect();
    for read in &mut kept {
        assert!(read.now_or_never().is_none(), "the server has not answered yet");
    }
    assert_served(&store, &cow).await;
    for read in kept {
        assert_eq!(read.await.unwrap().source, Source::Cache);
    }
}

#[tokio::test]
async fn reads_that_are_forgotten_hold_nobody_up() {
    let server = RedisServer::start();
    let (store, cow) = filled(&server.url()).await;
    for id in 1..=ITEMS {
        // What they borrow must outlive them.
        let (store, cow): (&'static Store, &'static CacheCow) =
            (Box::leak(Box::new(Store::default())), Box::leak(Box::new(cow.clone())));
        let mut read = Box::pin(cow.with(store).read(Item::by_id(id)));
        assert!((&mut read).now_or_never().is_none(), "the server has not answered yet");
        std::mem::forget(read);
    }
    assert_served(&store, &cow).await;
}

/// Far more readers than the server could answer one by one within the operation timeout: each asks for
/// the object of this id.
async fn assert_a_crowd_is_served(id: impl Fn(i64) -> i64) {
    let server = RedisServer::start();
    let distance = Distance::before(&server, Duration::from_millis(100));
    let (store, cow) = filled(&distance.url()).await;
    let store = Arc::new(store);
    let crowd = (0..10_000).map(|at| {
        let (store, cow, lookup) = (Arc::clone(&store), cow.clone(), Item::by_id(id(at)));
        tokio::spawn(async move { cow.with(&*store).read(lookup).await.unwrap().source })
    });
    for source in join_all(crowd).await {
        assert_eq!(source.unwrap(), Source::Cache);
    }
    assert_served(&store, &cow).await;
}

#[tokio::test]
async fn a_crowd_on_one_object_far_away_is_no_outage() {
    assert_a_crowd_is_served(|_| 1).await;
}

#[tokio::test]
async fn a_crowd_on_all_objects_far_away_is_no_outage() {
    assert_a_crowd_is_served(|at| 1 + at % ITEMS).await;
}
