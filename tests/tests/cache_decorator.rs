//! What a `CacheDecorator` does, case by case.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::store::{
    DecoratorCache, KeySpace, OnCacheError, Prefix, ReadOnly, Reader, StoreBackend, UrlEncode,
    WithIds, conformance,
};
use cachecow::{
    BackendErrorKind, CacheCow, CacheDecorator, Error, ErrorKind, Fill, KeyValueStore,
    KeyValueStoreExt as _, MemoryStore, RedisStore, Source,
};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::clock::Clock;
use cachecow_tests::held::{Broken, Held};
use cachecow_tests::on_every_cache;
use cachecow_tests::servers::RedisServer;
use futures_util::TryStreamExt as _;
use tokio::io::AsyncReadExt as _;

type Decorated = CacheDecorator<Held<MemoryStore>>;
/// Puts a wrapper around a part of a store.
type Wrap = fn(Prefix<Arc<dyn KeyValueStore>>) -> Box<dyn KeyValueStore>;

#[track_caller]
fn assert_wrong_length<T: std::fmt::Debug>(result: Result<T, Error>, expected: io::ErrorKind) {
    let error = result.unwrap_err();
    let source = std::error::Error::source(&error).and_then(<dyn std::error::Error>::downcast_ref);
    let kind = source.map(io::Error::kind);
    assert_eq!((error.kind(), kind), (ErrorKind::Store, Some(expected)), "{error:?}");
}

/// A backing store, and a decorator of it as one process has it.
fn decorated(cache: &Cache) -> (Held<MemoryStore>, Decorated) {
    let store = Held::new(MemoryStore::new());
    let decorator = CacheDecorator::new(cache.open_default(), store.clone());
    (store, decorator)
}

/// The backing store's own error, in an error.
fn broken(error: &Error) -> Option<&'static str> {
    let source = std::error::Error::source(error)?;
    source.downcast_ref::<Broken>().map(|broken| broken.0)
}

on_every_cache! {
    async fn it_is_a_key_value_store(cache) {
        for key_space in [KeySpace::Standard, KeySpace::Extended, KeySpace::Text] {
            let store = MemoryStore::new().with_key_space(key_space);
            conformance::all(&CacheDecorator::new(cache.open_default(), store)).await;
        }
    }

    async fn a_value_is_read_once_and_then_served_from_the_cache(cache) {
        let (store, decorator) = decorated(&cache);
        store.put("k", "v").await.unwrap();
        let first = decorator.read("k").await.unwrap();
        assert_eq!((first.source, first.fill), (Source::Fetched, Fill::Stored));
        let second = decorator.read("k").await.unwrap();
        assert_eq!((second.source, second.fill), (Source::Cache, Fill::Skipped));
        assert_eq!((first.value, second.value), (Bytes::from("v"), Bytes::from("v")));
        assert_eq!(decorator.get("k").await.unwrap(), "v");
        let mut opened = String::new();
        decorator.open("k").await.unwrap().read_to_string(&mut opened).await.unwrap();
        assert_eq!(opened, "v");
        assert_eq!(store.calls("open"), 1, "the store in memory has times to live: it is opened");
        assert_eq!(store.calls("get"), 0);
    }

    async fn what_is_absent_in_both_is_not_found_and_not_cached(cache) {
        let (store, decorator) = decorated(&cache);
        assert_eq!(decorator.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(decorator.open("k").await.unwrap_err().kind(), ErrorKind::NotFound);
        // Behind the decorator's back: had the absence been cached, it would be served.
        store.put("k", "v").await.unwrap();
        assert_eq!(decorator.get("k").await.unwrap(), "v");
    }

    async fn a_cache_that_loses_keys_is_harmless(cache) {
        let (store, decorator) = decorated(&cache);
        decorator.put("k", "v").await.unwrap();
        decorator.get("k").await.unwrap();
        decorator.invalidate("k").await.unwrap();
        assert_eq!(decorator.read("k").await.unwrap().source, Source::Fetched);
        assert_eq!(store.calls("open"), 2);
    }

    async fn every_change_is_seen_by_every_process(cache) {
        let (store, writer) = decorated(&cache);
        let reader = CacheDecorator::new(cache.open_default(), store.clone());
        let warm = async |key: &str, value: &str| {
            assert_eq!(reader.get(key).await.unwrap(), value);
            assert_eq!(reader.read(key).await.unwrap().source, Source::Cache);
        };
        writer.put("a", "1").await.unwrap();
        warm("a", "1").await;
        writer.put("a", "2").await.unwrap();
        warm("a", "2").await;
        writer.put_from("a", &b"3"[..]).await.unwrap();
        warm("a", "3").await;
        writer.put("b", "old").await.unwrap();
        warm("b", "old").await;
        writer.copy("a", "b").await.unwrap();
        warm("b", "3").await;
        writer.put("c", "moved").await.unwrap();
        warm("c", "moved").await;
        writer.rename("c", "b").await.unwrap();
        warm("b", "moved").await;
        assert_eq!(reader.get("c").await.unwrap_err().kind(), ErrorKind::NotFound);
        writer.rename("b", "b").await.unwrap();
        writer.copy("b", "b").await.unwrap();
        warm("b", "moved").await;
        writer.delete("b").await.unwrap();
        assert_eq!(reader.get("b").await.unwrap_err().kind(), ErrorKind::NotFound);
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("source"), "from a file").unwrap();
        warm("a", "3").await;
        writer.put_file("a", folder.path().join("source")).await.unwrap();
        warm("a", "from a file").await;
    }

    async fn listings_and_contains_are_the_backing_store_s_alone(cache) {
        let (store, decorator) = decorated(&cache);
        decorator.put("a-1", "v").await.unwrap();
        decorator.get("a-1").await.unwrap();
        // Behind the decorator's back, which the cache does not see.
        store.inner().delete("a-1").await.unwrap();
        store.inner().put("a-2", "v").await.unwrap();
        assert_eq!(decorator.get("a-1").await.unwrap(), "v", "served from the cache");
        assert!(!decorator.contains("a-1").await.unwrap());
        assert_eq!(decorator.keys("").await.unwrap(), ["a-2"]);
        let prefixes: Vec<String> = decorator.iter_prefixes("-", "").try_collect().await.unwrap();
        assert_eq!(prefixes, ["a-"]);
        assert_eq!(decorator.url_for("a-1").await.unwrap_err().kind(), ErrorKind::Unsupported);
    }

    async fn a_failed_change_drops_the_key_all_the_same(cache) {
        let (store, decorator) = decorated(&cache);
        decorator.put("k", "old").await.unwrap();
        decorator.get("k").await.unwrap();
        // It fails and has had its effect, as a connection that breaks at the end.
        store.inner().put("k", "new").await.unwrap();
        store.break_down("put");
        store.break_down("delete");
        let error = decorator.put("k", "new").await.unwrap_err();
        assert_eq!((error.kind(), broken(&error)), (ErrorKind::Store, Some("put")));
        assert_eq!(decorator.get("k").await.unwrap(), "new", "the key was dropped");
        store.inner().put("k", "newer").await.unwrap();
        decorator.delete("k").await.unwrap_err();
        assert_eq!(decorator.get("k").await.unwrap(), "newer", "the key was dropped");
    }

    async fn the_backing_store_s_read_error_is_the_caller_s_and_not_cached(cache) {
        let (store, decorator) = decorated(&cache);
        decorator.put("k", "v").await.unwrap();
        store.break_down("open");
        for _ in 0..2 {
            let error = decorator.get("k").await.unwrap_err();
            assert_eq!((error.kind(), broken(&error)), (ErrorKind::Store, Some("open")));
        }
        store.repair();
        let read = decorator.read("k").await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored), "no lease is left");
    }

    async fn invalid_keys_come_to_neither_store(cache) {
        let (store, decorator) = decorated(&cache);
        let sent = cache.script().log().len();
        for key in ["", "a/b", "nul\0"] {
            for kind in [
                decorator.get(key).await.unwrap_err().kind(),
                decorator.open(key).await.unwrap_err().kind(),
                decorator.put(key, "v").await.unwrap_err().kind(),
                decorator.delete(key).await.unwrap_err().kind(),
                decorator.copy(key, "k").await.unwrap_err().kind(),
                decorator.copy("k", key).await.unwrap_err().kind(),
                decorator.rename(key, "k").await.unwrap_err().kind(),
                decorator.rename("k", key).await.unwrap_err().kind(),
                decorator.invalidate(key).await.unwrap_err().kind(),
            ] {
                assert_eq!(kind, ErrorKind::InvalidKey);
            }
        }
        assert_eq!(cache.script().log().len(), sent, "the cache was not asked");
        let operations = ["get", "open", "put", "delete", "copy", "rename"];
        assert!(operations.iter().all(|operation| store.calls(operation) == 0));
    }

    async fn names_keep_backing_stores_apart(cache) {
        let cow = cache.open_default();
        let named = |name: &str| CacheDecorator::new(&cow, MemoryStore::new()).with_name(name);
        let (one, other) = (named("one"), named("other"));
        one.put("k", "one's").await.unwrap();
        other.put("k", "other's").await.unwrap();
        for _ in 0..2 {
            assert_eq!(one.get("k").await.unwrap(), "one's");
            assert_eq!(other.get("k").await.unwrap(), "other's");
        }
    }

    async fn values_above_the_bound_are_streamed_and_not_cached(cache) {
        let (store, decorator) = decorated(&cache);
        let decorator = decorator.with_max_value_size(1000);
        for (len, source, fill) in
            [(1000, Source::Cache, Fill::Skipped), (1001, Source::Fetched, Fill::Skipped)]
        {
            let value = vec![7; len];
            decorator.put("k", value.clone()).await.unwrap();
            let opened = decorator.open("k").await.unwrap();
            assert_eq!(opened.len(), Some(len as u64));
            assert_eq!(opened.into_bytes().await.unwrap(), value);
            let read = decorator.read("k").await.unwrap();
            assert_eq!((read.value, read.source, read.fill), (value.into(), source, fill));
        }
        // A store that does not know the length beforehand.
        store.hide_lengths();
        let decorator = CacheDecorator::new(cache.open_default(), store)
            .with_name("unmeasured")
            .with_max_value_size(1000);
        for len in [0, 1, 999, 1000, 1001, 5000] {
            decorator.put("k", vec![7; len]).await.unwrap();
            for _ in 0..2 {
                let opened = decorator.open("k").await.unwrap();
                assert_eq!(opened.into_bytes().await.unwrap(), vec![7; len]);
            }
            let cached = decorator.read("k").await.unwrap().source == Source::Cache;
            assert_eq!(cached, len <= 1000, "{len} bytes");
        }
    }

    async fn a_cached_value_does_not_outlive_the_backing_store_s(cache) {
        let (_, decorator) = decorated(&cache);
        decorator.put_with_ttl("k", "v", Duration::from_secs(2)).await.unwrap();
        assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Stored);
        tokio::time::sleep(Duration::from_millis(2050)).await;
        assert_eq!(decorator.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(decorator.open("k").await.unwrap_err().kind(), ErrorKind::NotFound);
    }

    async fn the_outcome_tells_a_cache_that_cannot_be_reached(cache) {
        let (_, decorator) = decorated(&cache);
        decorator.put("k", "v").await.unwrap();
        cache.script().next(|_| true, Fate::Fail(BackendErrorKind::Rejected));
        let read = decorator.read("k").await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
        let fills = |command: &Command| matches!(command, Command::Fill { .. });
        cache.script().next(fills, Fate::Fail(BackendErrorKind::Rejected));
        assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Unreachable);
        assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Stored);
    }

    async fn a_change_that_the_cache_was_not_told_of_is_reported_or_tolerated(cache) {
        let (store, decorator) = decorated(&cache);
        let fail = |times: usize| {
            (0..times).for_each(|_| {
                cache.script().next(|_| true, Fate::Fail(BackendErrorKind::Rejected));
            });
        };
        fail(2);
        let decorator = decorator.on_cache_error(OnCacheError::Report);
        let error = decorator.put("k", "1").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotInvalidated);
        assert!(error.to_string().contains("the backing store has the change"), "{error}");
        assert_eq!(store.get("k").await.unwrap(), "1");
        let (_, tolerant) = decorated(&cache);
        fail(2);
        // What was carried out comes back as it is, unless something else is asked for.
        tolerant.put("k", "2").await.unwrap();
        assert_eq!(tolerant.stats().pending_invalidations, 1);
        let strict = CacheDecorator::new(cache.open_default(), store.clone())
            .on_cache_error(OnCacheError::Fail);
        fail(1);
        let error = strict.put("k", "3").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::HoldRefused);
        assert_eq!(store.get("k").await.unwrap(), "1", "the change was not begun");
        fail(1);
        let opened = store.calls("open");
        assert_eq!(strict.get("k").await.unwrap_err().kind(), ErrorKind::Unavailable);
        assert_eq!(store.calls("open"), opened, "the backing store is spared");
        strict.put("k", "4").await.unwrap();
        assert_eq!(strict.get("k").await.unwrap(), "4");
    }

    async fn of_two_errors_the_backing_store_s_is_returned_with_the_other(cache) {
        let (store, decorator) = decorated(&cache);
        store.break_down("delete");
        for _ in 0..2 {
            cache.script().next(|_| true, Fate::Fail(BackendErrorKind::Rejected));
        }
        let error = decorator.delete("k").await.unwrap_err();
        assert_eq!((error.kind(), broken(&error)), (ErrorKind::Store, Some("delete")));
        assert_eq!(error.attached().map(Error::kind), Some(ErrorKind::NotInvalidated));
    }

    async fn a_poisoned_cache_entry_is_never_served(cache) {
        let (_, decorator) = decorated(&cache);
        decorator.put("k", "good").await.unwrap();
        decorator.put("other", "other's").await.unwrap();
        decorator.get("other").await.unwrap();
        let mut parts = cachecow::KeyEncoder::new("store:{}:{}");
        parts.str("");
        let mut other = parts.clone();
        parts.str("k");
        other.str("other");
        let Reply::Value(foreign) = cache.ask_key(other.key(), Command::Lookup).await else {
            panic!("the other value is cached")
        };
        for poison in [Bytes::new(), Bytes::from("garbage"), Bytes::from(vec![0xff; 5000]), foreign] {
            decorator.invalidate("k").await.unwrap();
            let token = Token::from_bytes(*b"a poisoner's own");
            let (lease, ttl) = (Duration::from_secs(9), Duration::from_secs(9));
            let claim = Command::Claim { token, lease, replacing: None };
            assert!(matches!(cache.ask_key(parts.key(), claim).await, Reply::Claimed(_)));
            let fill = Command::Fill { token, value: poison, ttl };
            assert_eq!(cache.ask_key(parts.key(), fill).await, Reply::Settled);
            assert_eq!(decorator.get("k").await.unwrap(), "good");
            assert_eq!(decorator.read("k").await.unwrap().source, Source::Cache, "it is repaired");
        }
    }

    async fn no_limit_is_a_limit_too(cache) {
        let (_, decorator) = decorated(&cache);
        let decorator = decorator.with_max_value_size(usize::MAX);
        decorator.put("k", "value").await.unwrap();
        assert_eq!(decorator.open("k").await.unwrap().into_bytes().await.unwrap(), "value");
        assert_eq!(decorator.get("k").await.unwrap(), "value");
    }

    async fn another_s_larger_value_is_left_alone(cache) {
        let store = Held::new(MemoryStore::new());
        let generous = CacheDecorator::new(cache.open_default(), store.clone());
        let strict = CacheDecorator::new(cache.open_default(), store.clone());
        let strict = strict.with_max_value_size(10);
        generous.put("k", vec![7; 100]).await.unwrap();
        generous.get("k").await.unwrap();
        let read = strict.read("k").await.unwrap();
        assert_eq!((read.value.len(), read.source, read.fill), (100, Source::Fetched, Fill::Skipped));
        assert_eq!(generous.read("k").await.unwrap().source, Source::Cache);
    }

    async fn a_streamed_value_keeps_its_length_and_expiry(cache) {
        let (store, decorator) = decorated(&cache);
        let decorator = decorator.with_max_value_size(10);
        decorator.put_with_ttl("k", vec![7; 100], Duration::from_secs(60)).await.unwrap();
        for known in [Some(100), None] {
            let reader = decorator.open("k").await.unwrap();
            assert_eq!(reader.len(), known);
            let left = reader.expires_in().expect("it has a time to live");
            assert!(left > Duration::from_secs(50) && left <= Duration::from_secs(60), "{left:?}");
            store.hide_lengths();
        }
    }

    async fn a_key_too_long_for_a_prefix_comes_to_neither_store(cache) {
        let store = Prefix::new(MemoryStore::new(), "tenant-a-").unwrap();
        let decorator = CacheDecorator::new(cache.open_default(), store);
        let key = "k".repeat(245);
        for kind in [
            decorator.get(&key).await.unwrap_err().kind(),
            decorator.put(&key, "v").await.unwrap_err().kind(),
            decorator.invalidate(&key).await.unwrap_err().kind(),
        ] {
            assert_eq!(kind, ErrorKind::InvalidKey);
        }
        assert!(cache.script().log().is_empty(), "the cache was not asked");
    }

    async fn a_change_that_may_yet_happen_leaves_its_hold(cache) {
        let (store, decorator) = decorated(&cache);
        decorator.put("k", "old").await.unwrap();
        store.break_down("put");
        decorator.put("k", "new").await.unwrap_err();
        assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Skipped, "nobody fills");
        // What was taken for failed takes effect.
        store.inner().put("k", "new").await.unwrap();
        assert_eq!(decorator.get("k").await.unwrap(), "new");
        // A refusal is certain, and leaves none.
        store.repair();
        decorator.copy("absent", "other").await.unwrap_err();
        store.inner().put("other", "v").await.unwrap();
        assert_eq!(decorator.read("other").await.unwrap().fill, Fill::Stored);
    }

    async fn those_who_must_not_fetch_do_not_fail_those_who_may(cache) {
        let (store, lax) = decorated(&cache);
        store.inner().put("k", "v").await.unwrap();
        let cow = cache.open_default();
        let lax_too = CacheDecorator::new(cow.clone(), store.clone());
        let strict = CacheDecorator::new(cow, store.clone()).on_cache_error(OnCacheError::Fail);
        let gate = cachecow_tests::gate::Gate::new();
        let all: fn(&Command) -> bool = |_| true;
        cache.script().next(all, Fate::AnswerLate(gate.clone()));
        let strict = Arc::new(strict);
        let leader = tokio::spawn({
            let strict = Arc::clone(&strict);
            async move { strict.get("k").await }
        });
        gate.arrived().await;
        assert_eq!(lax_too.get("k").await.unwrap(), "v");
        assert_eq!(lax.get("k").await.unwrap(), "v");
        gate.open();
        leader.await.unwrap().unwrap();
    }

    async fn a_time_to_live_that_the_store_refuses_does_not_disturb_the_cache(cache) {
        let store = ReadOnly::new(MemoryStore::new());
        let folder = tempfile::tempdir().unwrap();
        let files = cachecow::FilesystemStore::open(folder.path()).await.unwrap();
        let decorator = CacheDecorator::new(cache.open_default(), files);
        let hour = Duration::from_secs(3600);
        let error = decorator.put_with_ttl("k", "v", hour).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        let error = decorator.put_with_ttl("k", "v", Duration::ZERO).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidTtl);
        assert!(cache.script().log().is_empty(), "the cache was not asked");
        let decorator = CacheDecorator::new(cache.open_default(), store);
        assert_eq!(decorator.put("k", "v").await.unwrap_err().kind(), ErrorKind::Unsupported);
    }

    async fn a_value_of_another_length_than_announced_is_an_error_and_not_cached(cache) {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("target");
        std::fs::write(&target, "as it was").unwrap();
        for (len, announced, expected) in
            [(400, 1000, io::ErrorKind::UnexpectedEof), (1000, 400, io::ErrorKind::InvalidData)]
        {
            // Held as a whole, and streamed.
            for limit in [10_000, 700, 100] {
                let (store, decorator) = decorated(&cache);
                let decorator = decorator.with_max_value_size(limit);
                decorator.put("k", vec![7; len]).await.unwrap();
                store.announce(Some(announced));
                assert_wrong_length(decorator.get("k").await, expected);
                let opened = match decorator.open("k").await {
                    Ok(reader) => reader.into_bytes().await.map_err(|e| Reader::error("open", e)),
                    Err(error) => Err(error),
                };
                assert_wrong_length(opened, expected);
                assert_wrong_length(decorator.get_file("k", &target).await, expected);
                assert_wrong_length(decorator.get_into("k", &mut Vec::new()).await, expected);
                assert_eq!(std::fs::read(&target).unwrap(), b"as it was");
                store.announce(None);
                let read = decorator.read("k").await.unwrap();
                assert_eq!((read.value.len(), read.source), (len, Source::Fetched));
            }
        }
    }

    async fn two_prefixes_of_one_store_do_not_share_their_values(cache) {
        let cow = cache.open_default();
        let store: Arc<dyn KeyValueStore> = Arc::new(MemoryStore::new());
        let part = |prefix: &str| Prefix::new(Arc::clone(&store), prefix).unwrap();
        let wrapped: [Wrap; 6] = [
            |part| Box::new(part),
            |part| Box::new(ReadOnly::new(part)),
            |part| Box::new(UrlEncode::new(part)),
            |part| Box::new(WithIds::uuid(part)),
            |part| Box::new(Prefix::new(part, "c-").unwrap()),
            |part| Box::new(CacheDecorator::new(CacheCow::memory(), part)),
        ];
        for wrap in wrapped {
            for key in ["a-k", "b-k", "a-c-k", "b-c-k"] {
                store.put(key, &key[..1]).await.unwrap();
            }
            let [one, other] =
                ["a-", "b-"].map(|prefix| CacheDecorator::new(&cow, wrap(part(prefix))));
            for _ in 0..2 {
                assert_eq!(one.get("k").await.unwrap(), "a", "{one}");
                assert_eq!(other.get("k").await.unwrap(), "b", "{other}");
            }
            assert_eq!(one.read("k").await.unwrap().source, Source::Cache, "{one}");
        }
    }

    async fn a_part_of_a_store_and_the_whole_see_each_other_s_changes(cache) {
        let store = MemoryStore::new();
        let part = Prefix::new(UrlEncode::new(store.clone()), "a/").unwrap();
        let (whole, part) = (
            CacheDecorator::new(cache.open_default(), store),
            CacheDecorator::new(cache.open_default(), part),
        );
        part.put("k", "1").await.unwrap();
        assert_eq!(whole.get("a%2Fk").await.unwrap(), "1");
        assert_eq!(part.read("k").await.unwrap().source, Source::Cache, "it is one value");
        part.put("k", "2").await.unwrap();
        assert_eq!(whole.get("a%2Fk").await.unwrap(), "2");
        whole.rename("a%2Fk", "a%2Fl").await.unwrap();
        assert_eq!(part.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(part.get("l").await.unwrap(), "2");
    }

    async fn a_hit_is_one_round_trip_and_a_change_two(cache) {
        let (_, decorator) = decorated(&cache);
        let sent = || cache.script().log().len();
        decorator.put("k", "v").await.unwrap();
        assert_eq!(sent(), 2, "hold, release");
        decorator.get("k").await.unwrap();
        assert_eq!(sent(), 4, "claim, fill");
        decorator.get("k").await.unwrap();
        assert_eq!(sent(), 5);
    }
}

#[tokio::test]
async fn any_store_is_a_cache() {
    let cache = MemoryStore::new();
    let store = Held::new(MemoryStore::new());
    conformance::all(&CacheDecorator::new(cache.clone(), store.clone())).await;
    let decorator = CacheDecorator::new(cache.clone(), store.clone());
    decorator.put("k", "v").await.unwrap();
    assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Stored);
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Cache);
    assert_eq!(cache.keys("").await.unwrap().len(), 1, "the value is in the cache's store");
    decorator.delete("k").await.unwrap();
    assert!(cache.keys("").await.unwrap().is_empty());
    assert_eq!(decorator.to_string(), "cache(memory, held(memory))");
    let cow = CacheDecorator::new(CacheCow::memory(), MemoryStore::new());
    assert_eq!(cow.to_string(), "cache(memory, memory)");
}

/// One decorator is between the store and the cache while another changes the value.
async fn a_late_fill_is_refused(
    store: &Held<MemoryStore>,
    one: &Arc<Decorated>,
    other: &Decorated,
) {
    store.inner().put("k", "old").await.unwrap();
    let gate = store.gate("open");
    let reader = Arc::clone(one);
    let read = tokio::spawn(async move { reader.read("k").await.unwrap().fill });
    gate.arrived().await;
    other.put("k", "new").await.unwrap();
    gate.open();
    assert_eq!(read.await.unwrap(), Fill::Refused);
    assert_eq!(one.get("k").await.unwrap(), "new");
}

#[tokio::test]
async fn a_redis_store_as_the_cache_is_fenced_across_processes() {
    let server = RedisServer::start();
    let store = Held::new(MemoryStore::new());
    // Two processes, with nothing in common but the server.
    let open = || CacheDecorator::new(RedisStore::open(&server.url()).unwrap(), store.clone());
    let (one, other) = (Arc::new(open()), open());
    conformance::all(&other).await;
    a_late_fill_is_refused(&store, &one, &other).await;
    assert_eq!(other.read("k").await.unwrap().source, Source::Cache);
    // What is cached is none of the store's own keys.
    let cache = RedisStore::open(&server.url()).unwrap();
    assert_eq!(cache.keys("").await.unwrap(), [""; 0]);
    assert_eq!(one.to_string(), format!("cache({cache}, held(memory))"));
}

#[tokio::test]
async fn decorators_with_clones_of_one_cache_share_its_fence() {
    let cache = DecoratorCache::from(MemoryStore::new());
    let store = Held::new(MemoryStore::new());
    let one = Arc::new(CacheDecorator::new(cache.clone(), store.clone()));
    let other = CacheDecorator::new(cache, store.clone());
    a_late_fill_is_refused(&store, &one, &other).await;
}

#[tokio::test(start_paused = true)]
async fn what_has_expired_by_the_given_clock_is_not_served() {
    let (clock, cache, store) = (Clock::new(), MemoryStore::new(), MemoryStore::new());
    // The store's own clock stands still: the value is there, and what it was stored with counts.
    let cow = CacheCow::builder().clock(clock.reader());
    let cow = cow.backend(StoreBackend::new(cache.clone())).unwrap();
    let decorator = CacheDecorator::new(cow, store.clone()).with_ttl(Duration::from_secs(10));
    store.put("k", "v").await.unwrap();
    decorator.get("k").await.unwrap();
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Cache);
    clock.advance(Duration::from_secs(11));
    assert_eq!(cache.keys("").await.unwrap().len(), 1);
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Fetched);
}

#[tokio::test]
async fn a_cache_that_does_not_take_a_key_s_name_is_no_cache_for_it() {
    let cache = MemoryStore::new();
    // It leaves no room for the names that cached values have.
    let narrow = || Prefix::new(cache.clone(), "p".repeat(245)).unwrap();
    let store = Held::new(MemoryStore::new());
    for on_cache_error in [OnCacheError::Report, OnCacheError::Fail] {
        let decorator = CacheDecorator::new(narrow(), store.clone()).on_cache_error(on_cache_error);
        decorator.put("k", "v").await.unwrap();
        let read = decorator.read("k").await.unwrap();
        assert_eq!((&*read.value, read.source), (&b"v"[..], Source::Fetched));
        assert_eq!(read.fill, Fill::Unreachable, "it is said that nothing is cached");
        decorator.copy("k", "l").await.unwrap();
        decorator.rename("l", "m").await.unwrap();
        decorator.invalidate("k").await.unwrap();
        decorator.delete("m").await.unwrap();
        assert_eq!(decorator.stats().pending_invalidations, 0);
    }
    // One that fails otherwise is none the wiser: the old value may be there.
    let failing = Held::new(narrow());
    failing.break_down("delete");
    let reporting = CacheDecorator::new(failing, store).on_cache_error(OnCacheError::Report);
    let error = reporting.put("k", "v").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
}

#[tokio::test]
async fn a_cache_that_cannot_store_fails_neither_reads_nor_changes() {
    let cache = Held::new(MemoryStore::new());
    let store = Held::new(MemoryStore::new());
    let decorator = CacheDecorator::new(cache.clone(), store.clone());
    cache.break_down("put");
    decorator.put("k", "v").await.unwrap();
    for _ in 0..3 {
        let read = decorator.read("k").await.unwrap();
        assert_eq!((&*read.value, read.fill), (&b"v"[..], Fill::Unreachable));
        assert_eq!(decorator.open("k").await.unwrap().into_bytes().await.unwrap(), "v");
    }
    cache.break_down("get");
    assert_eq!(decorator.get("k").await.unwrap(), "v");
    let folder = tempfile::tempdir().unwrap();
    decorator.get_file("k", folder.path().join("target")).await.unwrap();
    assert_eq!(std::fs::read(folder.path().join("target")).unwrap(), b"v");
    cache.repair();
    assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Stored);
}

#[tokio::test]
async fn a_store_that_caches_and_cannot_delete_is_made_up_for() {
    let cache = Held::new(MemoryStore::new());
    let store = Held::new(MemoryStore::new());
    let decorator = CacheDecorator::new(cache.clone(), store.clone());
    decorator.put("k", "old").await.unwrap();
    decorator.get("k").await.unwrap();
    cache.break_down("delete");
    decorator.put("k", "new").await.unwrap();
    assert_eq!(decorator.stats().pending_invalidations, 1);
    assert_eq!(decorator.get("k").await.unwrap(), "new", "read past the cache");
    cache.repair();
    while decorator.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(decorator.read("k").await.unwrap().fill, Fill::Stored);
}

#[tokio::test(start_paused = true)]
async fn a_slow_fetch_counts_against_the_time_to_live() {
    let (store, decorator) = decorated(&Cache::memory());
    let decorator = Arc::new(decorator);
    decorator.put_with_ttl("k", "v", Duration::from_secs(50)).await.unwrap();
    let gate = store.gate("open");
    let reader = Arc::clone(&decorator);
    let read = tokio::spawn(async move { reader.read("k").await.unwrap().fill });
    gate.arrived().await;
    tokio::time::advance(Duration::from_secs(30)).await;
    gate.open();
    assert_eq!(read.await.unwrap(), Fill::Stored);
    let left = decorator.open("k").await.unwrap().expires_in().expect("it has a time to live");
    assert!(left <= Duration::from_secs(20), "{left:?}");
    tokio::time::advance(Duration::from_secs(21)).await;
    assert_eq!(decorator.get("k").await.unwrap_err().kind(), ErrorKind::NotFound);
}

#[tokio::test(start_paused = true)]
async fn a_value_that_took_its_time_to_be_stored_is_not_served_beyond_its_own() {
    let clock = Arc::new(AtomicU64::new(1_000_000));
    let told = Arc::clone(&clock);
    let now = move || UNIX_EPOCH + Duration::from_secs(told.load(Ordering::SeqCst));
    let cow = CacheCow::builder().clock(now).memory().unwrap();
    let decorator = CacheDecorator::new(cow, MemoryStore::new());
    decorator.put_with_ttl("k", "v", Duration::from_secs(10)).await.unwrap();
    decorator.get("k").await.unwrap();
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Cache);
    // A clock that is set back makes nothing live longer.
    clock.fetch_sub(3600, Ordering::SeqCst);
    let left = decorator.open("k").await.unwrap().expires_in().expect("it has a time to live");
    assert!(left <= Duration::from_secs(10), "{left:?}");
    clock.fetch_add(3611, Ordering::SeqCst);
    assert_eq!(decorator.read("k").await.unwrap().source, Source::Fetched);
}
