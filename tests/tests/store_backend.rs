//! Any store as the cache: what its failures, its slowness and its death may and may not do.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::store::{DecoratorCache, StoreBackend};
use cachecow::{
    BackendError, BackendErrorKind, CacheBackend as _, CacheCow, CacheDecorator, ErrorKind, Fill,
    Key, KeyValueStore, KeyValueStoreExt as _, MemoryStore, Request, Source,
};
use cachecow_tests::clock::Clock;
use cachecow_tests::held::Held;
use futures_util::FutureExt as _;

const K: Key = Key::from_hash(7);
const LONG: Duration = Duration::from_secs(60);

fn token(number: u8) -> Token {
    Token::from_bytes([number; 16])
}

fn claim(number: u8) -> Command {
    Command::Claim { token: token(number), lease: LONG, replacing: None }
}

fn fill(number: u8) -> Command {
    Command::Fill { token: token(number), value: Bytes::from("a document"), ttl: LONG }
}

fn backend() -> (Held<MemoryStore>, StoreBackend) {
    let store = Held::new(MemoryStore::new());
    (store.clone(), StoreBackend::new(store))
}

async fn ask(backend: &StoreBackend, command: Command) -> Result<Reply, BackendError> {
    backend.execute(vec![Request { key: K, command }]).await.remove(0)
}

#[tokio::test]
async fn a_command_whose_delete_failed_has_ended_the_claim_all_the_same() {
    for command in [Command::Invalidate, Command::Hold { token: token(9), ttl: LONG }] {
        let (store, backend) = backend();
        assert!(matches!(ask(&backend, claim(1)).await.unwrap(), Reply::Claimed(_)));
        store.break_down("delete");
        ask(&backend, command.clone()).await.unwrap_err();
        store.repair();
        assert_eq!(ask(&backend, fill(1)).await.unwrap(), Reply::Refused, "{command:?}");
    }
}

#[tokio::test]
async fn a_release_whose_delete_failed_leaves_the_hold() {
    let (store, backend) = backend();
    ask(&backend, Command::Hold { token: token(9), ttl: LONG }).await.unwrap();
    store.break_down("delete");
    ask(&backend, Command::Release { token: token(9) }).await.unwrap_err();
    store.repair();
    assert_eq!(ask(&backend, claim(1)).await.unwrap(), Reply::Held);
    ask(&backend, Command::Release { token: token(9) }).await.unwrap();
    assert!(matches!(ask(&backend, claim(1)).await.unwrap(), Reply::Claimed(_)));
}

#[tokio::test]
async fn a_fill_that_failed_has_ended_the_claim() {
    let (store, backend) = backend();
    assert!(matches!(ask(&backend, claim(1)).await.unwrap(), Reply::Claimed(_)));
    store.break_down("put");
    ask(&backend, fill(1)).await.unwrap_err();
    store.repair();
    assert!(matches!(ask(&backend, claim(2)).await.unwrap(), Reply::Claimed(_)));
}

#[tokio::test(start_paused = true)]
async fn the_store_is_told_how_long_a_value_lives() {
    let (store, backend) = backend();
    ask(&backend, claim(1)).await.unwrap();
    ask(&backend, fill(1)).await.unwrap();
    let name = store.keys("").await.unwrap().remove(0);
    assert_eq!(store.open(&name).await.unwrap().expires_in(), Some(LONG));
}

#[tokio::test]
async fn commands_take_effect_in_the_order_they_were_given() {
    let (store, backend) = backend();
    ask(&backend, claim(1)).await.unwrap();
    // A fill whose caller gives up while the store is at it, and an invalidation after it.
    let gate = store.gate("put");
    let mut filling = Box::pin(ask(&backend, fill(1)));
    tokio::select! {
        biased;
        () = gate.arrived() => {}
        _ = &mut filling => panic!("the gate is closed"),
    }
    drop(filling);
    let mut invalidate = Box::pin(ask(&backend, Command::Invalidate));
    assert!((&mut invalidate).now_or_never().is_none(), "it waits for the fill");
    gate.open();
    assert_eq!(invalidate.await.unwrap(), Reply::Done);
    assert_eq!(ask(&backend, Command::Lookup).await.unwrap(), Reply::Absent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn they_do_so_whichever_thread_comes_first() {
    for _ in 0..500 {
        let (_, backend) = backend();
        // Not awaited in between: their order is that of the calls.
        let claim = ask(&backend, claim(1)).now_or_never();
        let abandon = ask(&backend, Command::Abandon { token: token(1) });
        assert!(claim.is_none_or(|reply| matches!(reply.unwrap(), Reply::Claimed(_))));
        assert_eq!(abandon.await.unwrap(), Reply::Settled);
    }
}

#[tokio::test]
async fn a_store_that_hangs_gathers_a_bounded_number_of_commands() {
    let (store, backend) = backend();
    let gate = store.gate("delete");
    let backend = Arc::new(backend);
    let first = tokio::spawn({
        let backend = Arc::clone(&backend);
        async move { ask(&backend, Command::Invalidate).await }
    });
    gate.arrived().await;
    let before = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    for _ in 0..2_000 {
        let _ = ask(&backend, Command::Invalidate).now_or_never();
    }
    let after = tokio::runtime::Handle::current().metrics().num_alive_tasks();
    assert!(after - before < 300, "{} tasks", after - before);
    let refused = ask(&backend, Command::Invalidate).now_or_never().expect("at once");
    assert_eq!(refused.unwrap_err().kind(), BackendErrorKind::TimedOut);
    gate.open();
    first.await.unwrap().unwrap();
    // Once it answers again, so does the backend.
    while ask(&backend, Command::Invalidate).await.is_err() {
        tokio::task::yield_now().await;
    }
}

/// A runtime that ends while the store is at a fill takes the task with it, and not what the store has
/// begun: what comes of that must not be served after a change.
#[test]
fn a_fill_that_outlives_its_runtime_is_not_served() {
    let cache = Held::new(MemoryStore::new());
    let store = MemoryStore::new();
    let decorator =
        Arc::new(CacheDecorator::new(DecoratorCache::from(cache.clone()), store.clone()));
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let (dying, other) = (runtime(), runtime());
    other.block_on(store.put("k", "old")).unwrap();
    let gate = cache.gate("put");
    dying.spawn({
        let decorator = Arc::clone(&decorator);
        async move { decorator.get("k").await }
    });
    dying.block_on(gate.arrived());
    // As a thread of the store's would do it: the value is there, and stays there.
    let stored = other.block_on(cache.inner().keys("")).unwrap().remove(0);
    let late = other.block_on(cache.inner().get(&stored)).unwrap();
    dying.shutdown_background();
    other.block_on(decorator.put("k", "new")).unwrap();
    other.block_on(cache.inner().put(&stored, late)).unwrap();
    for _ in 0..3 {
        let read = other.block_on(decorator.read("k")).unwrap();
        assert_eq!((&*read.value, read.source), (&b"new"[..], Source::Fetched));
    }
    assert!(other.block_on(decorator.get("other")).is_err_and(|e| e.kind() == ErrorKind::NotFound));
}

#[tokio::test]
async fn a_store_that_panics_is_a_cache_that_fails() {
    let store = Held::new(MemoryStore::new());
    let cache = Held::new(MemoryStore::new());
    let decorator = CacheDecorator::new(cache.clone(), store);
    decorator.put("k", "v").await.unwrap();
    for _ in 0..20 {
        decorator.get("k").await.unwrap();
    }
    cache.panic_at("get");
    for _ in 0..3 {
        let read = decorator.read("k").await.unwrap();
        assert_eq!((&*read.value, read.fill), (&b"v"[..], Fill::Unreachable));
    }
}

#[tokio::test]
async fn what_has_expired_is_removed_when_it_is_asked_for() {
    let cache = MemoryStore::new();
    let folder = tempfile::tempdir().unwrap();
    let files = cachecow::FilesystemStore::open(folder.path()).await.unwrap();
    cache.put("k", "v").await.unwrap();
    let clock = Clock::new();
    let cow = CacheCow::builder().clock(clock.reader());
    let cow = cow.backend(StoreBackend::new(files.clone())).unwrap();
    let decorator = CacheDecorator::new(cow, cache).with_ttl(Duration::from_secs(10));
    decorator.get("k").await.unwrap();
    assert_eq!(files.keys("").await.unwrap().len(), 1);
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Cache);
    clock.advance(Duration::from_secs(11));
    decorator.store().delete("k").await.unwrap();
    assert_eq!(decorator.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
    assert!(files.keys("").await.unwrap().is_empty());
}
