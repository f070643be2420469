//! Five readers and a writer run free on 400 keys: write, then drop from the cache. Afterwards every
//! key is read once more. Without the fence some stay stale for ever, and deleted ones come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cachecow::{CacheDecorator, ErrorKind, KeyValueStore, KeyValueStoreExt as _, MemoryStore};
use cachecow_tests::caches::Cache;
use cachecow_tests::held::Held;
use cachecow_tests::unfenced::Unfenced;

const KEYS: usize = 400;
const READERS: usize = 5;
/// How often the control may have to try: whether it meets the race is chance.
const CONTROL_ROUNDS: usize = 50;

fn key(number: usize) -> String {
    format!("key-{number}")
}

/// One round; how many keys are stale at its end. `open` gives one process's view of the store.
async fn round(open: impl Fn(Held<MemoryStore>) -> Arc<dyn KeyValueStore>) -> usize {
    let store = Held::new(MemoryStore::new());
    for number in 0..KEYS {
        store.inner().put(&key(number), "0").await.unwrap();
    }
    store.set_slowness(20);
    let written = Arc::new(AtomicUsize::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let readers = (0..READERS).map(|reader| {
        let view = open(store.clone());
        let (over, written) = (Arc::clone(&over), Arc::clone(&written));
        tokio::spawn(async move {
            let mut step = reader;
            while !over.load(Ordering::SeqCst) {
                // Where the writer is, or will be soon.
                step += 1;
                let number = (written.load(Ordering::SeqCst) + step % 3) % KEYS;
                match view.get(&key(number)).await {
                    Ok(_) => {}
                    Err(error) => assert_eq!(error.kind(), ErrorKind::NotFound, "{error}"),
                }
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    let writer = open(store.clone());
    for version in ["1", "2"] {
        for number in 0..KEYS {
            written.store(number, Ordering::SeqCst);
            if number % 4 == 0 && version == "2" {
                writer.delete(&key(number)).await.unwrap();
            } else {
                writer.put(&key(number), version).await.unwrap();
            }
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }
    over.store(true, Ordering::SeqCst);
    for reader in readers {
        reader.await.unwrap();
    }
    let view = open(store.clone());
    let mut stale = 0;
    for number in 0..KEYS {
        let seen = view.get(&key(number)).await.ok();
        let stored = store.inner().get(&key(number)).await.ok();
        stale += usize::from(seen != stored);
    }
    stale
}

async fn fenced(cache: Cache) -> usize {
    round(|store| Arc::new(CacheDecorator::new(cache.open_default(), store))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_memory_nothing_stays_stale() {
    for _ in 0..5 {
        assert_eq!(fenced(Cache::memory()).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_redis_nothing_stays_stale() {
    assert_eq!(fenced(Cache::redis()).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_any_store_nothing_stays_stale() {
    for _ in 0..5 {
        assert_eq!(fenced(Cache::store()).await, 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_fence_something_does() {
    for _ in 0..CONTROL_ROUNDS {
        let cache = MemoryStore::new();
        let stale = round(|store| Arc::new(Unfenced::new(cache.clone(), store))).await;
        if stale > 0 {
            eprintln!("without the fence {stale} of {KEYS} keys are stale");
            return;
        }
    }
    panic!("the control must find stale keys");
}
