//! One clock for all: tokio's, which a test pauses and moves.

use std::sync::Arc;
use std::time::Duration;

use cachecow::testing::TestCache;
use cachecow::{CacheCow, Fill, Source};
use tokio::time::{advance, sleep};

use crate::members::{Db, Member, Note};

const TTL: Duration = Duration::from_secs(600);
const SECOND: Duration = Duration::from_secs(1);

async fn source(cache: &CacheCow, db: &Db) -> Source {
    cache.with(db).read(Note::by_id(1)).await.unwrap().source
}

#[tokio::test(start_paused = true)]
async fn a_value_ends_with_its_time_to_live() {
    let (cache, db) = (TestCache::new(), Db::new());
    assert_eq!(source(&cache, &db).await, Source::Fetched);
    advance(TTL.saturating_sub(SECOND)).await;
    assert_eq!(source(&cache, &db).await, Source::Cache);
    advance(SECOND).await;
    assert_eq!(source(&cache, &db).await, Source::Fetched);
}

#[tokio::test(start_paused = true)]
async fn the_near_tier_ends_with_it() {
    let builder = CacheCow::builder().ttl_jitter(0.0).near(1 << 20).near_ttl(30 * SECOND);
    let (cache, db) = (TestCache::with(builder).unwrap(), Db::new());
    source(&cache, &db).await;
    source(&cache, &db).await;
    advance(29 * SECOND).await;
    assert_eq!(source(&cache, &db).await, Source::Near);
    advance(2 * SECOND).await;
    assert_eq!(source(&cache, &db).await, Source::Cache);
    assert_eq!(source(&cache, &db).await, Source::Near);
    advance(TTL).await;
    assert_eq!(source(&cache, &db).await, Source::Fetched);
}

/// That is told by the header of the value, and not by the cache.
#[tokio::test(start_paused = true)]
async fn an_object_past_its_end_is_served_while_its_fetch_fails() {
    let (cache, db) = (TestCache::new(), Db::new());
    source(&cache, &db).await;
    db.is_down.store(true, std::sync::atomic::Ordering::SeqCst);
    advance(TTL.saturating_sub(SECOND)).await;
    assert_eq!(source(&cache, &db).await, Source::Cache);
    advance(2 * SECOND).await;
    assert_eq!(source(&cache, &db).await, Source::Stale);
    advance(Duration::from_secs(3600)).await;
    cache.with(&db).get(Note::by_id(1)).await.unwrap_err();
}

#[tokio::test(start_paused = true)]
async fn absences_tags_and_types_end_with_it() {
    let builder = CacheCow::builder().ttl_jitter(0.0).negative_ttl(5 * SECOND);
    let (cache, db) = (TestCache::with(builder).unwrap(), Db::new());
    let absent = async || cache.with(&db).read(Member::by_id(99)).await.unwrap().source;
    let tagged = async || cache.with(&db).read(Member::by_id(1)).await.unwrap().source;
    assert_eq!((absent().await, tagged().await), (Source::Fetched, Source::Fetched));
    assert_eq!((absent().await, tagged().await), (Source::Cache, Source::Cache));
    advance(5 * SECOND).await;
    assert_eq!((absent().await, tagged().await), (Source::Fetched, Source::Cache));
    advance(TTL).await;
    assert_eq!(tagged().await, Source::Fetched);
}

#[tokio::test(start_paused = true)]
async fn what_settles_is_not_stored_until_then() {
    let builder = CacheCow::builder().settle(SECOND);
    let (cache, db) = (TestCache::with(builder).unwrap(), Db::new());
    cache.invalidate(Note::by_id(1)).await.unwrap();
    let fill = async || cache.with(&db).read(Note::by_id(1)).await.unwrap().fill;
    assert_ne!(fill().await, Fill::Stored);
    advance(SECOND).await;
    assert_eq!(fill().await, Fill::Stored);
}

/// The hold of a write that died in its work.
#[tokio::test(start_paused = true)]
async fn a_hold_ends_with_its_own_time() {
    let (cache, db) = (TestCache::new(), Db::new());
    let work = std::future::pending::<Result<(), std::io::Error>>();
    let write = tokio::time::timeout(SECOND, cache.write(Note::by_id(1), work));
    write.await.unwrap_err();
    advance(58 * SECOND).await;
    let fill = async || cache.with(&db).read(Note::by_id(1)).await.unwrap().fill;
    assert_ne!(fill().await, Fill::Stored, "it is held for 60 s");
    advance(2 * SECOND).await;
    assert_eq!(fill().await, Fill::Stored);
}

/// The lease of a process that died while it fetched.
#[tokio::test(start_paused = true)]
async fn a_lease_ends_with_its_own_time() {
    let backend = Arc::new(cachecow::MemoryBackend::default());
    let open = || {
        let builder = CacheCow::builder().lease(10 * SECOND);
        TestCache::over(builder, Arc::clone(&backend)).unwrap()
    };
    let (dead, cache) = (open(), open());
    let fetch = async || std::future::pending::<Result<u64, std::io::Error>>().await;
    let key = cachecow::Key::of("rate:{}", ("EUR",));
    let mut read = Box::pin(dead.get_or_fetch(key.clone(), TTL, fetch).into_future());
    assert!(futures_util::poll!(&mut read).is_pending());
    std::mem::forget(read);
    let rate = async || Ok::<_, std::io::Error>(3_u64);
    // It waits for the other process, then fetches and does not store.
    assert_eq!(*cache.get_or_fetch(key.clone(), TTL, rate).await.unwrap(), 3);
    cache.assert_not_stored(key.clone());
    advance(10 * SECOND).await;
    assert_eq!(*cache.get_or_fetch(key.clone(), TTL, rate).await.unwrap(), 3);
    cache.assert_stored(key);
}

/// The circuit, and the retries of an invalidation.
#[tokio::test(start_paused = true)]
async fn an_outage_is_over_within_its_pauses() {
    let (cache, db) = (TestCache::new(), Db::new());
    source(&cache, &db).await;
    cache.go_down();
    cache.invalidate(Note::by_id(1)).await.unwrap_err();
    // That one is read past the cache until it was told.
    for id in 1..=4 {
        let read = cache.with(&db).read(Note::by_id(id)).await.unwrap();
        assert_eq!(read.source, Source::Fetched);
    }
    assert!(cache.stats().circuit_open);
    assert_eq!(cache.stats().pending_invalidations, 1);
    cache.recover();
    sleep(10 * SECOND).await;
    assert_eq!(cache.stats().pending_invalidations, 0);
    assert_eq!(source(&cache, &db).await, Source::Fetched);
    assert_eq!(source(&cache, &db).await, Source::Cache);
    assert!(!cache.stats().circuit_open);
}

/// What the builder is given takes tokio's place.
#[tokio::test(start_paused = true)]
async fn a_given_clock_is_kept() {
    let clock = cachecow_tests::clock::Clock::new();
    let builder = CacheCow::builder().ttl_jitter(0.0).clock(clock.reader());
    let (cache, db) = (TestCache::with(builder).unwrap(), Db::new());
    source(&cache, &db).await;
    advance(2 * TTL).await;
    assert_eq!(source(&cache, &db).await, Source::Cache);
    clock.advance(TTL);
    assert_eq!(source(&cache, &db).await, Source::Fetched);
}
