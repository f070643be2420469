//! Readers by id and by name and writers that swap names run free; meanwhile nothing of another name
//! is ever read, and afterwards nothing is stale. Without the guard of the objects, or of
//! the aliases, something is.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;

use cachecow::CacheCow;
use cachecow_tests::backends::is_pointer;
use cachecow_tests::caches::Cache;
use cachecow_tests::store::{Item, Store};

const PAIRS: i64 = 100;
const READERS: i64 = 5;
/// How often a control may have to try: whether it meets the race is chance.
const CONTROL_ROUNDS: usize = 50;

/// Which keys of what changed the cache is told about.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    All,
    /// The names alone: by id what is old may be served.
    Names,
}

#[derive(Debug, Default, PartialEq)]
struct Found {
    /// Objects read under a name that was not theirs.
    wrong: usize,
    /// Objects that stayed stale.
    stale: usize,
}

fn open(cache: &Cache) -> CacheCow {
    cache.open(CacheCow::builder().fill_wait(Duration::from_millis(1)))
}

/// The two names of a pair.
fn names(pair: i64) -> [String; 2] {
    [2 * pair - 1, 2 * pair].map(|id| format!("item {id}"))
}

async fn reader(
    cow: CacheCow,
    store: Arc<Store>,
    first: i64,
    (over, written): (Arc<AtomicBool>, Arc<AtomicI64>),
) -> usize {
    let (mut step, mut wrong) = (first, 0);
    while !over.load(Ordering::SeqCst) {
        // Where the writer is, or will be soon.
        step += 1;
        let pair = (written.load(Ordering::SeqCst) + step % 3) % PAIRS + 1;
        let view = cow.with(&*store);
        match step % 4 {
            0 => drop(view.get(Item::by_id(2 * pair)).await.unwrap()),
            1 => {
                let found = view.get_many(names(pair).map(Item::by_name)).await.unwrap();
                let found = found.into_iter().zip(names(pair));
                wrong += found.filter(|(item, name)| !is_of(item.as_deref(), name)).count();
            }
            at => {
                let name = &names(pair)[usize::from(at == 2)];
                let item = view.get(Item::by_name(name.clone())).await.unwrap();
                wrong += usize::from(!is_of(item.as_deref(), name));
            }
        }
    }
    wrong
}

fn is_of(item: Option<&Item>, name: &str) -> bool {
    item.is_some_and(|item| item.name == name)
}

/// Swaps the names of each pair, and tells the cache in one of several ways.
async fn writer(cow: CacheCow, store: Arc<Store>, told: Told, written: Arc<AtomicI64>) {
    for pass in 0..2 {
        for pair in 1..=PAIRS {
            let mut swapped = Vec::new();
            for id in [2 * pair - 1, 2 * pair] {
                let old = store.find(id).await.unwrap().unwrap();
                let other = names(pair).into_iter().find(|name| *name != old.name).unwrap();
                let new = Item { id, name: other, version: old.version + 1 };
                swapped.push((old, new));
            }
            let swap = || store.put_all(swapped.iter().map(|(_, new)| new.clone()));
            match (pair + pass) % 3 {
                _ if told == Told::Names => {
                    swap();
                    cow.invalidate_many(names(pair).map(Item::by_name)).await.unwrap();
                }
                0 => {
                    swap();
                    let keys = swapped.iter().flat_map(|(old, new)| [old, new]);
                    cow.invalidate_many(keys).await.unwrap();
                }
                1 => {
                    swap();
                    cow.invalidate_many([2 * pair - 1, 2 * pair].map(Item::by_id)).await.unwrap();
                    cow.invalidate_many(names(pair).map(Item::by_name)).await.unwrap();
                }
                _ => {
                    let work = async {
                        swap();
                        Ok::<_, cachecow::Error>(())
                    };
                    cow.write(&swapped, work).await.unwrap();
                }
            }
            written.store(pair, Ordering::SeqCst);
            for _ in 0..10 {
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn round(cache: &Cache, told: Told) -> Found {
    let store = Arc::new(Store::with_items(2 * PAIRS));
    store.set_slowness(20);
    let written = Arc::new(AtomicI64::new(0));
    let over = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS)
        .map(|first| {
            // Each as another process would.
            let shared = (Arc::clone(&over), Arc::clone(&written));
            tokio::spawn(reader(open(cache), Arc::clone(&store), first, shared))
        })
        .collect();
    writer(open(cache), Arc::clone(&store), told, written).await;
    over.store(true, Ordering::SeqCst);
    let mut found = Found::default();
    for reader in readers {
        found.wrong += reader.await.unwrap();
    }
    let cow = open(cache);
    // A read by a name repairs what is of another name: half of the pairs are read by id first.
    for pair in 1..=PAIRS {
        for by_id in [pair % 2 == 0, pair % 2 != 0] {
            if by_id && told == Told::Names {
                continue;
            }
            for (id, name) in [2 * pair - 1, 2 * pair].into_iter().zip(names(pair)) {
                let view = cow.with(&*store);
                let (cached, stored) = if by_id {
                    (view.get(Item::by_id(id)).await, store.find(id).await)
                } else {
                    (view.get(Item::by_name(&*name)).await, store.find_by_name(&name).await)
                };
                found.stale += usize::from(cached.unwrap().as_deref() != stored.unwrap().as_ref());
            }
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_memory_nothing_is_wrong_and_nothing_stays_stale() {
    for told in [Told::All, Told::Names] {
        for _ in 0..5 {
            assert_eq!(round(&Cache::memory(), told).await, Found::default(), "{told:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_redis_nothing_is_wrong_and_nothing_stays_stale() {
    for told in [Told::All, Told::Names] {
        assert_eq!(round(&Cache::redis(), told).await, Found::default(), "{told:?}");
    }
}

async fn the_control_finds(cache: impl Fn() -> Cache, told: Told) {
    for _ in 0..CONTROL_ROUNDS {
        let found = round(&cache(), told).await;
        assert_eq!(found.wrong, 0, "what is read is verified even so");
        if found.stale > 0 {
            return;
        }
    }
    panic!("the control must find stale objects");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_guard_of_the_objects_something_stays_stale() {
    the_control_finds(|| Cache::unguarded(|document| !is_pointer(document)), Told::All).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn without_the_guard_of_the_aliases_something_stays_stale() {
    the_control_finds(|| Cache::unguarded(is_pointer), Told::Names).await;
}
