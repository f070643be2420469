//! P3: the cache is never the reason for a failure, and an invalidation that did not happen is never
//! silent. What each operation gives under each fault by name is tested in `faults`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::protocol::{Command, Reply};
use cachecow::{BackendErrorKind, Builder, CacheCow, Error, ErrorKind, Fill, Key, Lookup as _};
use cachecow::{MemoryBackend, Source, WriteError};
use cachecow_tests::backends::Fate;
use cachecow_tests::caches::Cache;
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use futures_util::future::join_all;

/// Short, so that the tests are; no test measures it.
fn hasty() -> Builder {
    CacheCow::builder().operation_timeout(Duration::from_millis(400))
}

/// The same, where the server also has to be in time.
fn less_hasty() -> Builder {
    patient().operation_timeout(Duration::from_secs(3))
}

async fn until(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::task::yield_now().await;
    }
}

async fn version(cow: &CacheCow, store: &Store) -> u64 {
    cow.with(store).get(Item::by_id(1)).await.unwrap().expect("the item exists").version
}

#[tokio::test]
async fn without_a_server_one_process_makes_one_load_at_a_time() {
    let server = RedisServer::stopped(&[]);
    let (store, cow) = (Store::with_items(1), hasty().open(&server.url()).await.unwrap());
    let gate = store.gate();
    let reads = join_all((0..100).map(|_| cow.with(&store).get(Item::by_id(1))));
    let (reads, ()) = tokio::join!(reads, async {
        gate.arrived().await;
        until(|| cow.stats().of("Item").joins >= 99).await;
        gate.open();
    });
    assert!(reads.iter().all(|read| read.as_ref().unwrap().is_some()));
    assert!(store.fetches() <= 2, "{} fetches for 100 callers", store.fetches());
}

#[tokio::test]
async fn a_server_that_dies_around_the_fetch_costs_no_value() {
    for before in [true, false] {
        let mut server = RedisServer::start();
        let (store, cow) = (Store::with_items(1), less_hasty().open(&server.url()).await.unwrap());
        cow.ping().await.unwrap();
        if before {
            server.kill();
            assert_eq!(version(&cow, &store).await, 1);
        } else {
            let gate = store.gate();
            let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
                gate.arrived().await;
                server.kill();
                gate.open();
            });
            let read = read.unwrap();
            assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Unreachable));
        }
    }
}

#[tokio::test]
async fn an_invalidation_that_did_not_happen_is_an_error_and_is_made_up_for() {
    let mut server = RedisServer::start();
    let (store, cow) = (Store::with_items(2), hasty().open(&server.url()).await.unwrap());
    assert_eq!(version(&cow, &store).await, 1);
    server.pause();
    store.bump(1);
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert_eq!(cow.stats().pending_invalidations, 1);
    server.resume();
    until(|| cow.stats().pending_invalidations == 0).await;
    assert_eq!(version(&cow, &store).await, 2);
    // And where the server comes back empty.
    server.kill();
    assert!(cow.invalidate_many([1, 2].map(Item::by_id)).await.is_err());
    server.restart();
    until(|| cow.stats().pending_invalidations == 0).await;
}

#[tokio::test]
async fn while_an_invalidation_is_outstanding_this_process_reads_past_the_cache() {
    let cache = Cache::memory();
    let (store, cow) = (Store::with_items(2), cache.open_default());
    let other = cache.open_default();
    assert_eq!(version(&cow, &store).await, 1);
    // So often that reads begin with a lookup.
    for _ in 0..20 {
        cow.with(&store).get_many([1, 2].map(Item::by_id)).await.unwrap();
    }
    let invalidates: fn(&Command) -> bool = |command| matches!(command, Command::Invalidate);
    for _ in 0..3 {
        cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Disconnected));
    }
    store.bump(1);
    assert!(cow.invalidate(Item::by_id(1)).await.is_err());
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Unreachable));
    let many = cow.with(&store).get_many([2, 1].map(Item::by_id)).await.unwrap();
    assert_eq!(many[1].as_ref().unwrap().version, 2);
    let unconcerned = cow.with(&store).read(Item::by_id(2)).await.unwrap();
    assert_eq!(unconcerned.source, Source::Cache, "of other keys it does not");
    // The control: another process cannot know.
    assert_eq!(version(&other, &store).await, 1);
    until(|| cow.stats().pending_invalidations == 0).await;
    assert_eq!(version(&other, &store).await, 2);
}

#[tokio::test]
async fn a_write_whose_hold_stands_succeeds_though_the_server_hangs_afterwards() {
    let server = RedisServer::start();
    let (store, cow) = (Store::with_items(1), less_hasty().open(&server.url()).await.unwrap());
    assert_eq!(version(&cow, &store).await, 1);
    let work = async {
        store.bump(1);
        server.pause();
        Ok::<_, Error>(())
    };
    cow.write(Item::by_id(1), work).await.unwrap();
    assert_eq!(version(&cow, &store).await, 2, "past the cache");
    server.resume();
    until(|| cow.stats().pending_invalidations == 0).await;
    let other = patient().open(&server.url()).await.unwrap();
    assert_eq!(other.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
}

#[tokio::test]
async fn the_work_s_own_error_comes_before_the_cache_s() {
    let server = RedisServer::stopped(&[]);
    let cow = hasty().open(&server.url()).await.unwrap();
    let own = Error::fetch("the work", std::io::Error::other("its own"));
    let error = cow.write(Item::by_id(1), async { Err::<(), _>(own) }).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
}

/// A server that answers every request with the same bytes.
async fn rubbish_server(answer: Vec<u8>) -> (tempfile::TempDir, String) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").unwrap();
    let path = folder.path().join("r.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let answer: Arc<[u8]> = answer.into();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move {
                let mut buffer = [0; 4096];
                while stream.read(&mut buffer).await.is_ok_and(|read| read > 0) {
                    if stream.write_all(&answer).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    (folder, format!("redis+unix://{}", path.display()))
}

#[tokio::test]
async fn rubbish_from_the_server_is_no_reason_to_fail() {
    let answers: [&[u8]; 18] = [
        b"",
        b"rubbish\r\n",
        b"+OK\r\n",
        b":1\r\n",
        b":99\r\n",
        b"$-1\r\n",
        b"$5\r\nhello\r\n",
        b"$5\r\nhel",
        b"$99999999999999\r\nx",
        b"*0\r\n",
        b"*1\r\n:1\r\n",
        b"*1\r\n:7\r\n",
        b"*2\r\n:1\r\n:1\r\n",
        b"*1000000000\r\n:1\r\n",
        b"-ERR no\r\n",
        b"-NOSCRIPT no\r\n",
        b"%1\r\n+a\r\n+b\r\n",
        b"_\r\n",
    ];
    let deep = b"*1\r\n".repeat(100_000);
    for answer in answers.into_iter().chain([&deep[..]]) {
        let shown = answer[..answer.len().min(40)].escape_ascii().to_string();
        let (_folder, url) = rubbish_server(answer.to_vec()).await;
        let (store, cow) = (Store::with_items(3), hasty().open(&url).await.unwrap());
        for _ in 0..3 {
            let read = cow.with(&store).get(Item::by_id(1)).await.unwrap();
            assert_eq!(read.as_deref(), Some(&Item::new(1)), "{shown}");
        }
        let batch = cow.with(&store).get_many([1, 2, 3].map(Item::by_id)).await.unwrap();
        assert!(batch.iter().all(Option::is_some));
        let invalidated = cow.invalidate(Item::by_id(1)).await;
        assert!(invalidated.is_err(), "{shown}");
    }
}

/// A runtime that ends takes its tasks with it; the debt stays, and the next failure goes on.
#[test]
fn outstanding_invalidations_outlive_their_runtime() {
    let cache = Cache::memory();
    let cow = cache.open_default();
    let invalidates: fn(&Command) -> bool = |command| matches!(command, Command::Invalidate);
    let fail = || cache.script().next(invalidates, Fate::Fail(BackendErrorKind::Disconnected));
    let runtime =
        || tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    fail();
    runtime().block_on(async { assert!(cow.invalidate(Item::by_id(1)).await.is_err()) });
    assert_eq!(cow.stats().pending_invalidations, 1);
    fail();
    runtime().block_on(async {
        assert!(cow.invalidate(Item::by_id(2)).await.is_err());
        until(|| cow.stats().pending_invalidations == 0).await;
    });
}

/// A server behind a door that the test opens.
async fn behind_a_door(
    server: &RedisServer,
) -> (tempfile::TempDir, String, Arc<tokio::sync::Semaphore>) {
    let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").unwrap();
    let path = folder.path().join("door.sock");
    let listener = tokio::net::UnixListener::bind(&path).unwrap();
    let (door, socket) = (Arc::new(tokio::sync::Semaphore::new(0)), server.socket());
    let opened = Arc::clone(&door);
    tokio::spawn(async move {
        while let Ok((mut outside, _)) = listener.accept().await {
            let (door, socket) = (Arc::clone(&opened), socket.clone());
            tokio::spawn(async move {
                drop(door.acquire().await);
                let mut inside = tokio::net::UnixStream::connect(socket).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut outside, &mut inside).await;
            });
        }
    });
    let url = format!("redis+unix://{}", path.display());
    (folder, url, door)
}

#[tokio::test]
async fn connecting_may_take_longer_than_an_operation() {
    let server = RedisServer::start();
    let (_folder, url, door) = behind_a_door(&server).await;
    let builder = less_hasty().connect_timeout(Duration::from_secs(60));
    let (store, cow) = (Store::with_items(1), builder.open(&url).await.unwrap());
    // The operation gives up; the attempt does not.
    assert!(cow.ping().await.is_err());
    assert_eq!(version(&cow, &store).await, 1);
    door.add_permits(1);
    while cow.ping().await.is_err() {}
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
}

#[tokio::test]
async fn a_cancelled_write_without_its_hold_is_made_up_for() {
    let cache = Cache::memory();
    let (store, cow) = (Store::with_items(1), cache.open_default());
    assert_eq!(version(&cow, &store).await, 1);
    let holds: fn(&Command) -> bool = |command| matches!(command, Command::Hold { .. });
    cache.script().next(holds, Fate::Fail(BackendErrorKind::Disconnected));
    let begun = tokio::sync::Notify::new();
    let work = async {
        store.bump(1);
        begun.notify_one();
        std::future::pending::<Result<(), Error>>().await
    };
    tokio::select! {
        _ = cow.write(Item::by_id(1), work) => unreachable!("the work never ends"),
        () = begun.notified() => {}
    }
    assert_eq!(cow.stats().pending_invalidations, 1);
    assert_eq!(version(&cow, &store).await, 2, "past the cache");
    until(|| cow.stats().pending_invalidations == 0).await;
    assert!(!cache.has(&Item::by_id(1)).await);
}

#[tokio::test]
async fn the_longest_durations_are_as_good_as_any() {
    let cache = Cache::memory();
    let builder = CacheCow::builder()
        .lease(Duration::MAX)
        .hold(Duration::MAX)
        .fill_wait(Duration::MAX)
        .default_ttl(Duration::MAX)
        .replace_after(Duration::MAX);
    let (store, cow) = (Store::with_items(1), cache.open(builder));
    assert_eq!(version(&cow, &store).await, 1);
    cow.write(Item::by_id(1), async { Ok::<_, Error>(()) }).await.unwrap();
    let token = cache.take_flag(&Item::by_id(1)).await;
    tokio::select! {
        _ = version(&cow, &store) => panic!("it waits for the other's fill"),
        () = async {
            until(|| cow.stats().of("Item").contended == 1).await;
            cache.ask(&Item::by_id(1), Command::Abandon { token }).await;
        } => {}
    }
}

/// A backend that answers everything with the answer to something else.
#[derive(Debug)]
struct Confused;

impl cachecow::CacheBackend for Confused {
    fn execute(
        &self,
        requests: Vec<cachecow::Request>,
    ) -> futures_util::future::BoxFuture<'_, Vec<Result<Reply, cachecow::BackendError>>> {
        Box::pin(async move { requests.iter().map(|_| Ok(Reply::Absent)).collect() })
    }

    fn ping(&self) -> futures_util::future::BoxFuture<'_, Result<(), cachecow::BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn reset(&self) {}
}

#[tokio::test]
async fn the_answer_to_another_command_confirms_nothing() {
    let store = Store::with_items(1);
    let lax = CacheCow::builder().backend(Confused).unwrap();
    let begun = async { panic!("the work must not begin") };
    let write = lax.write::<_, (), Error>(Item::by_id(1), begun).require_hold();
    assert!(matches!(write.await.unwrap_err(), WriteError::HoldRefused(_)));
    assert_eq!(lax.invalidate(Item::by_id(1)).await.unwrap_err().kind(), ErrorKind::NotInvalidated);
    let work = async { Ok::<_, std::io::Error>(store.bump(1)) };
    let written = lax.write(Item::by_id(1), work).outcome().await;
    written.result.unwrap();
    assert_eq!(written.invalidated.unwrap_err().kind(), ErrorKind::NotInvalidated);
    assert_eq!(version(&lax, &store).await, 2);
}

/// A cache that refuses the invalidations of one type, as an ACL may, and fails a few others once.
#[derive(Debug, Default)]
struct Choosy {
    memory: MemoryBackend,
    refused: Mutex<HashSet<Key>>,
    fails: AtomicBool,
}

impl cachecow::CacheBackend for Choosy {
    fn execute(
        &self,
        requests: Vec<cachecow::Request>,
    ) -> futures_util::future::BoxFuture<'_, Vec<Result<Reply, cachecow::BackendError>>> {
        let answer = async |request: cachecow::Request| {
            let refuses = self.refused.lock().unwrap().contains(&request.key);
            if refuses || self.fails.load(Ordering::SeqCst) {
                let kind = BackendErrorKind::Rejected;
                return Err(cachecow::BackendError::new(kind, "NOPERM"));
            }
            self.memory.execute(vec![request]).await.remove(0)
        };
        Box::pin(join_all(requests.into_iter().map(answer)))
    }

    fn ping(&self) -> futures_util::future::BoxFuture<'_, Result<(), cachecow::BackendError>> {
        Box::pin(async { Ok(()) })
    }

    fn reset(&self) {}
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_refused_for_ever_do_not_keep_others_from_being_retried() {
    let backend = Arc::new(Choosy::default());
    let cow = CacheCow::builder().backend(Arc::clone(&backend)).unwrap();
    let refused: Vec<_> = (100..20_000).map(Item::by_id).collect();
    let keys = refused.iter().map(|lookup| lookup.key().key());
    backend.refused.lock().unwrap().extend(keys);
    cow.invalidate_many(refused).await.unwrap_err();
    backend.fails.store(true, Ordering::SeqCst);
    cow.invalidate_many((0..5).map(Item::by_id)).await.unwrap_err();
    backend.fails.store(false, Ordering::SeqCst);
    assert_eq!(cow.stats().pending_invalidations, 19_905);
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(cow.stats().pending_invalidations, 19_900);
}
