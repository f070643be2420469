//! Readers and a writer run free, on 400 objects; afterwards every object is read once more. Without
//! the token some stay stale for ever.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use cachecow_tests::caches::Cache;
use cachecow_tests::store::{Item, Store};

const ITEMS: i64 = 400;
const READERS: i64 = 5;
/// How often each object is written.
const WRITES: i64 = 3;
/// How often the control may have to try: whether it meets the race is chance.
const CONTROL_ROUNDS: usize = 50;

/// One round; how many objects are stale at its end.
async fn round(cache: &Cache) -> usize {
    let store = Arc::new(Store::with_items(ITEMS));
    store.set_slowness(40);
    let under_way = Arc::new(AtomicI64::new(1));
    let over = Arc::new(AtomicBool::new(false));
    let mut readers = Vec::new();
    for reader in 0..READERS {
        // Each as another process would.
        let cow = cache.open_default();
        let (store, over) = (Arc::clone(&store), Arc::clone(&over));
        let under_way = Arc::clone(&under_way);
        readers.push(tokio::spawn(async move {
            let mut step = reader;
            while !over.load(Ordering::SeqCst) {
                // Where the writer is, or will be soon.
                step += 1;
                let id = (under_way.load(Ordering::SeqCst) - 1 + step % 3) % ITEMS + 1;
                cow.with(&*store).get(Item::by_id(id)).await.unwrap();
            }
        }));
    }
    let writer = cache.open_default();
    for id in 1..=ITEMS {
        under_way.store(id, Ordering::SeqCst);
        // The first write makes readers fetch, and the next ones meet their fetches.
        for write in 0..WRITES {
            store.bump(id);
            if (id + write) % 2 == 0 {
                writer.invalidate(Item::by_id(id)).await.unwrap();
            } else {
                let done = writer.write(Item::by_id(id), async { Ok::<_, cachecow::Error>(()) });
                done.await.unwrap();
            }
            for _ in 0..5 {
                tokio::task::yield_now().await;
            }
        }
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    let cow = cache.open_default();
    let mut stale = 0;
    for id in 1..=ITEMS {
        let cached = cow.with(&*store).get(Item::by_id(id)).await.unwrap().unwrap();
        let stored = store.find(id).await.unwrap().unwrap();
        stale += usize::from(*cached != stored);
    }
    stale
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_memory_nothing_stays_stale() {
    for _ in 0..5 {
        assert_eq!(round(&Cache::memory()).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_redis_nothing_stays_stale() {
    assert_eq!(round(&Cache::redis()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_token_something_does() {
    for _ in 0..CONTROL_ROUNDS {
        if round(&Cache::tokenless()).await > 0 {
            return;
        }
    }
    panic!("the control must find stale objects");
}
