//! `Builder::clock` tells how long an object may be served, wherever it is kept.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cachecow::{CacheBackend as _, CacheCow, MemoryBackend, Peek, Source};
use cachecow_tests::clock::Clock;
use cachecow_tests::seen::seen;
use cachecow_tests::store::{Item, Store};

const TTL: Duration = Duration::from_secs(600);

#[tokio::test]
async fn memory_expires_by_the_given_clock() {
    let (clock, store) = (Clock::new(), Store::with_items(1));
    let cow = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0).memory().unwrap();
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
    clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
    clock.advance(Duration::from_millis(1));
    assert!(matches!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached));
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
}

/// The control: memory on another clock than the program's keeps an object past its end.
#[tokio::test]
async fn memory_on_another_clock_serves_what_is_past_its_end() {
    let (clock, another, store) = (Clock::new(), Clock::new(), Store::with_items(1));
    let memory = MemoryBackend::default();
    let reader: Arc<dyn Fn() -> SystemTime + Send + Sync> = Arc::new(another.reader());
    memory.use_clock(&reader);
    let cow = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0).backend(memory).unwrap();
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
    clock.advance(2 * TTL);
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
    another.advance(TTL);
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
}

/// No time of the machine's own passes for it: a clock that stands still expires nothing.
#[tokio::test(start_paused = true)]
async fn memory_keeps_while_the_given_clock_stands_still() {
    let (clock, store) = (Clock::new(), Store::with_items(1));
    let cow = CacheCow::builder().clock(clock.reader()).memory().unwrap();
    seen(&cow, &store, 1).await;
    tokio::time::advance(2 * TTL).await;
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
}

#[tokio::test]
async fn the_near_tier_expires_by_the_given_clock() {
    let (clock, store) = (Clock::new(), Store::with_items(1));
    let builder = CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0).near(1 << 20);
    let cow = builder.near_ttl(Duration::from_secs(30)).memory().unwrap();
    seen(&cow, &store, 1).await;
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Near));
    clock.advance(Duration::from_secs(31));
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Near));
    clock.advance(TTL);
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
}

/// What protects a write is measured by the machine's own time, whatever the program's clock does.
#[tokio::test]
async fn a_hold_lasts_though_the_given_clock_jumps() {
    let (clock, store) = (Clock::new(), Store::with_items(1));
    let cow = CacheCow::builder().clock(clock.reader()).memory().unwrap();
    let write = cow.write(Item::by_id(1), async {
        clock.advance(100 * TTL);
        assert_eq!(seen(&cow, &store, 1).await.1, Source::Fetched);
        assert_eq!(seen(&cow, &store, 1).await.1, Source::Fetched, "it is held: nothing is stored");
        store.bump(1);
        Ok::<_, std::io::Error>(())
    });
    write.await.unwrap();
    assert_eq!(seen(&cow, &store, 1).await, (2, Source::Fetched));
}

/// Without one, the time is tokio's, which a test may pause.
#[tokio::test(start_paused = true)]
async fn memory_expires_by_tokios_time_without_a_clock() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    seen(&cow, &store, 1).await;
    tokio::time::advance(TTL).await;
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Fetched));
}
