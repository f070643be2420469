//! The races that leave an old value in a cache, each forced, with every kind of cache; each beside a
//! control without the fence, or without the token, that must find the stale read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cachecow::store::Ttl;
use cachecow::{
    CacheDecorator, Error, ErrorKind, KeyValueStore, KeyValueStoreExt as _, MemoryStore,
};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::held::Held;
use cachecow_tests::unfenced::Unfenced;
use futures_util::future::BoxFuture;
use tokio::task::JoinHandle;

/// What is raced for: the backing store, and two processes' views of it through one cache.
struct Race {
    store: Held<MemoryStore>,
    one: Arc<dyn KeyValueStore>,
    other: Arc<dyn KeyValueStore>,
}

impl Race {
    fn fenced(cache: &Cache) -> Self {
        let store = Held::new(MemoryStore::new());
        let open = || Arc::new(CacheDecorator::new(cache.open_default(), store.clone()));
        Self { one: open(), other: open(), store }
    }

    fn unfenced() -> Self {
        let store = Held::new(MemoryStore::new());
        let shared = Arc::new(Unfenced::new(MemoryStore::new(), store.clone()));
        Self { one: Arc::clone(&shared) as _, other: shared, store }
    }

    /// A read by the first process that has read the backing store, and has not gone on.
    async fn begin_read(&self, key: &'static str) -> (JoinHandle<Option<String>>, Arc<Gate>) {
        let gate = self.store.gate("open");
        let reader = Arc::clone(&self.one);
        let read = tokio::spawn(async move { get(&*reader, key).await });
        gate.arrived().await;
        (read, gate)
    }

    /// What both processes see under a key; it must be the same.
    async fn seen(&self, key: &str) -> Option<String> {
        let (one, other) = (get(&*self.one, key).await, get(&*self.other, key).await);
        assert_eq!(one, other, "two processes see one value");
        one
    }
}

async fn get(store: &dyn KeyValueStore, key: &str) -> Option<String> {
    match store.get(key).await {
        Ok(value) => Some(String::from_utf8(value.to_vec()).unwrap()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => panic!("{error}"),
    }
}

/// Each case gives what is seen in the end, and what should be.
type Seen = (Option<String>, Option<&'static str>);

/// A read misses, someone puts, the read stores what it read before.
async fn a_late_fill_after_a_put(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.put("k", "new").await.unwrap();
    gate.open();
    assert_eq!(read.await.unwrap().as_deref(), Some("old"), "it began before the put");
    (race.seen("k").await, Some("new"))
}

/// The same by an upload.
async fn a_late_fill_after_an_upload(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.put_from("k", &b"new"[..]).await.unwrap();
    gate.open();
    read.await.unwrap();
    (race.seen("k").await, Some("new"))
}

/// A deleted key comes back to life.
async fn a_late_fill_after_a_delete(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.delete("k").await.unwrap();
    gate.open();
    read.await.unwrap();
    (race.seen("k").await, None)
}

async fn a_late_fill_after_a_copy(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    race.store.inner().put("source", "new").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.copy("source", "k").await.unwrap();
    gate.open();
    read.await.unwrap();
    (race.seen("k").await, Some("new"))
}

async fn a_late_fill_after_a_move_onto_the_key(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    race.store.inner().put("source", "new").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.rename("source", "k").await.unwrap();
    gate.open();
    read.await.unwrap();
    (race.seen("k").await, Some("new"))
}

async fn a_late_fill_after_a_move_of_the_key(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (read, gate) = race.begin_read("k").await;
    race.other.rename("k", "elsewhere").await.unwrap();
    gate.open();
    read.await.unwrap();
    (race.seen("k").await, None)
}

/// A read that began, and read, while the put had not yet come to the backing store, ends after it.
async fn a_put_that_is_dropped_once_the_store_has_it(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (read, late) = race.begin_read("k").await;
    let stored = race.store.gate("put");
    let writer = Arc::clone(&race.other);
    let put = tokio::spawn(async move { writer.put("k", "new").await });
    stored.arrived().await;
    // The writer dies between the backing store and the cache.
    put.abort();
    assert!(put.await.unwrap_err().is_cancelled());
    late.open();
    read.await.unwrap();
    (race.seen("k").await, Some("new"))
}

/// The bare flag's own hole: the flag that the late reader finds is another's.
async fn a_late_fill_under_another_s_flag(race: Race) -> Seen {
    race.store.inner().put("k", "old").await.unwrap();
    let (late, late_gate) = race.begin_read("k").await;
    race.other.put("k", "new").await.unwrap();
    let gate = race.store.gate("open");
    let reader = Arc::clone(&race.other);
    let current = tokio::spawn(async move { get(&*reader, "k").await });
    gate.arrived().await;
    late_gate.open();
    assert_eq!(late.await.unwrap().as_deref(), Some("old"));
    gate.open();
    assert_eq!(current.await.unwrap().as_deref(), Some("new"));
    (race.seen("k").await, Some("new"))
}

fn is_stale((seen, expected): &Seen) -> bool {
    seen.as_deref() != *expected
}

macro_rules! races {
    ($($name:ident),+ $(,)?) => {$(
        mod $name {
            use super::*;

            #[tokio::test]
            async fn on_memory() {
                let seen = super::$name(Race::fenced(&Cache::memory())).await;
                assert!(!is_stale(&seen), "{seen:?}");
            }

            #[tokio::test]
            async fn on_redis() {
                let seen = super::$name(Race::fenced(&Cache::redis())).await;
                assert!(!is_stale(&seen), "{seen:?}");
            }

            #[tokio::test]
            async fn on_any_store() {
                let seen = super::$name(Race::fenced(&Cache::store())).await;
                assert!(!is_stale(&seen), "{seen:?}");
            }

            #[tokio::test]
            async fn without_the_fence_it_is_stale() {
                let seen = super::$name(Race::unfenced()).await;
                assert!(is_stale(&seen), "the control must find the stale read: {seen:?}");
            }
        }
    )+};
}

races!(
    a_late_fill_after_a_put,
    a_late_fill_after_an_upload,
    a_late_fill_after_a_delete,
    a_late_fill_after_a_copy,
    a_late_fill_after_a_move_onto_the_key,
    a_late_fill_after_a_move_of_the_key,
    a_put_that_is_dropped_once_the_store_has_it,
);

#[tokio::test]
async fn with_the_token_a_late_fill_under_another_s_flag_is_refused() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let seen = a_late_fill_under_another_s_flag(Race::fenced(&cache)).await;
        assert!(!is_stale(&seen), "{seen:?}");
    }
}

#[tokio::test]
async fn without_the_token_a_late_fill_under_another_s_flag_is_stale() {
    let seen = a_late_fill_under_another_s_flag(Race::fenced(&Cache::tokenless())).await;
    assert!(is_stale(&seen), "the control must find the stale read: {seen:?}");
}

/// A caller that asks after a put must not be given the load that began before it, even though both
/// are in one process.
#[tokio::test]
async fn a_caller_after_a_put_does_not_join_a_load_from_before() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let race = Race::fenced(&cache);
        race.store.inner().put("k", "old").await.unwrap();
        let (read, gate) = race.begin_read("k").await;
        race.other.put("k", "new").await.unwrap();
        let reader = Arc::clone(&race.one);
        let later = tokio::spawn(async move { get(&*reader, "k").await });
        // It has joined, or has begun a load of its own.
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(read.await.unwrap().as_deref(), Some("old"));
        assert_eq!(later.await.unwrap().as_deref(), Some("new"));
    }
}

/// What a load that hangs has read, nobody may have who asks after a change: so nobody waits for it. A read
/// that did would be patient for a minute, which passes at once, and be counted.
#[tokio::test(start_paused = true)]
async fn nobody_who_asks_after_a_change_waits_for_a_load_from_before() {
    type Change = fn(&Decorated) -> BoxFuture<'_, Result<(), Error>>;
    type Decorated = CacheDecorator<Held<MemoryStore>>;
    let changes: [(Change, Option<&str>); 3] = [
        (|one| one.put_bytes("k", "new".into(), Ttl::StoreDefault), Some("new")),
        (|one| one.rename("other", "k"), Some("moved")),
        (|one| one.delete("k"), None),
    ];
    for cache in [Cache::memory, Cache::store] {
        for (change, expected) in changes {
            let (cache, store) = (cache(), Held::new(MemoryStore::new()));
            let one = Arc::new(CacheDecorator::new(cache.open_default(), store.clone()));
            store.inner().put("k", "old").await.unwrap();
            store.inner().put("other", "moved").await.unwrap();
            let hang = async || {
                let gate = store.gate("open");
                let reader = Arc::clone(&one);
                let read = tokio::spawn(async move { get(&*reader, "k").await });
                gate.arrived().await;
                (read, gate)
            };
            let (hung, gate) = hang().await;
            change(&one).await.unwrap();
            // Of those that hang, there is one for each change.
            let (hung_too, gate_too) = hang().await;
            one.put("k", "newest").await.unwrap();
            for _ in 0..2 {
                assert_eq!(get(&*one, "k").await.as_deref(), Some("newest"));
            }
            assert_eq!(one.stats().of("KeyValueStore").joins, 0, "nobody waited");
            gate.open();
            gate_too.open();
            assert_eq!(hung.await.unwrap().as_deref(), Some("old"), "it began before the change");
            assert_eq!(hung_too.await.unwrap().as_deref(), expected, "it began after it");
            let seen = get(&*one, "k").await;
            assert_eq!(seen.as_deref(), Some("newest"), "neither stored what it had");
        }
    }
}

/// While a put is under way reads are served, and what they read is not cached.
#[tokio::test]
async fn reads_during_a_put_are_served_and_not_cached() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let race = Race::fenced(&cache);
        race.store.inner().put("k", "old").await.unwrap();
        race.seen("k").await;
        let gate = race.store.gate("put");
        let writer = Arc::clone(&race.one);
        let put = tokio::spawn(async move { writer.put("k", "new").await });
        gate.arrived().await;
        let opened = race.store.calls("open");
        assert_eq!(race.seen("k").await.as_deref(), Some("new"));
        assert_eq!(race.store.calls("open"), opened + 2, "each read goes to the backing store");
        gate.open();
        put.await.unwrap().unwrap();
        race.seen("k").await;
        assert_eq!(race.store.calls("open"), opened + 3, "after the put it is cached again");
    }
}

/// One writer's end must not let fills through while another is at it.
#[tokio::test]
async fn two_writers_of_one_key_overlap() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let race = Race::fenced(&cache);
        let gate = race.store.gate("put");
        let slow = Arc::clone(&race.one);
        let slow = tokio::spawn(async move { slow.put("k", "1").await });
        gate.arrived().await;
        race.other.put("k", "2").await.unwrap();
        race.seen("k").await;
        // Behind the decorators' backs, as the slow writer's store may yet do.
        race.store.inner().put("k", "3").await.unwrap();
        assert_eq!(race.seen("k").await.as_deref(), Some("3"), "nothing was cached meanwhile");
        gate.open();
        slow.await.unwrap().unwrap();
        assert_eq!(race.seen("k").await.as_deref(), Some("3"));
    }
}

/// Many readers of one absent key make one load.
#[tokio::test]
async fn a_stampede_reads_the_backing_store_once() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let race = Race::fenced(&cache);
        race.store.inner().put("k", "v").await.unwrap();
        let (read, gate) = race.begin_read("k").await;
        let others: Vec<_> = (0..100)
            .map(|_| {
                let reader = Arc::clone(&race.one);
                tokio::spawn(async move { get(&*reader, "k").await })
            })
            .collect();
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(read.await.unwrap().as_deref(), Some("v"));
        for other in others {
            assert_eq!(other.await.unwrap().as_deref(), Some("v"));
        }
        assert_eq!(race.store.calls("open"), 1);
    }
}

/// While the cache loses its keys and writers replace the value, nobody is told that it is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_always_existed_is_always_found() {
    for cache in [Cache::memory(), Cache::redis(), Cache::store()] {
        let store = Held::new(MemoryStore::new());
        let decorator = Arc::new(CacheDecorator::new(cache.open_default(), store.clone()));
        decorator.put("k", "0").await.unwrap();
        let over = Arc::new(AtomicBool::new(false));
        let disturb = tokio::spawn({
            let (decorator, over) = (Arc::clone(&decorator), Arc::clone(&over));
            async move {
                for version in 1.. {
                    decorator.invalidate("k").await.unwrap();
                    if version % 3 == 0 {
                        decorator.put("k", version.to_string()).await.unwrap();
                    }
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            }
        });
        let folder = tempfile::tempdir().unwrap();
        let mut seen = 0;
        for _ in 0..200 {
            let opened = decorator.open("k").await.unwrap().into_bytes().await.unwrap();
            decorator.get_file("k", folder.path().join("target")).await.unwrap();
            let delivered = std::fs::read(folder.path().join("target")).unwrap();
            for value in [&opened[..], &delivered] {
                let version: u32 = std::str::from_utf8(value).unwrap().parse().unwrap();
                assert!(version >= seen, "{version} after {seen}");
                seen = version;
            }
        }
        over.store(true, Ordering::SeqCst);
        disturb.await.unwrap();
    }
}

/// Of a value that is too large to be cached, those who joined the load each read their own.
#[tokio::test]
async fn a_large_value_is_streamed_to_everyone() {
    let store = Held::new(MemoryStore::new());
    let decorator = CacheDecorator::new(Cache::memory().open_default(), store.clone());
    let decorator = Arc::new(decorator.with_max_value_size(100));
    store.inner().put("k", vec![7; 1000]).await.unwrap();
    let gate = store.gate("open");
    let readers: Vec<_> = (0..10)
        .map(|reader| {
            let decorator = Arc::clone(&decorator);
            tokio::spawn(async move {
                if reader % 2 == 0 {
                    decorator.open("k").await.unwrap().into_bytes().await.unwrap()
                } else {
                    decorator.get("k").await.unwrap()
                }
            })
        })
        .collect();
    gate.arrived().await;
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
    gate.open();
    for reader in readers {
        assert_eq!(reader.await.unwrap(), vec![7; 1000]);
    }
}
