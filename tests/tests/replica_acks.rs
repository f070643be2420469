//! Invalidations that replicas must acknowledge.

use std::time::Duration;

use cachecow::protocol::{Command, Reply, Token};
use cachecow::{CacheBackend as _, Lookup as _, Request};
use cachecow::{CacheCow, Error, ErrorKind, Fill, RedisBackend, Source, WriteError, conformance};
use cachecow_tests::patient::{connect, patient};
use cachecow_tests::servers::{RedisCluster, RedisSentinels, RedisServer, free_port};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;

/// A master and a replica that follows it.
struct Pair {
    master: RedisServer,
    replica: RedisServer,
    port: u16,
}

impl Pair {
    async fn start() -> Self {
        let port = free_port();
        let master = RedisServer::start_with(&[
            "--port",
            &port.to_string(),
            "--bind",
            "127.0.0.1",
            "--repl-diskless-sync-delay",
            "0",
        ]);
        let replica = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port.to_string()]);
        let mut look = replica.connection().await;
        let mut linked = async || {
            let info = redis::cmd("INFO").arg("replication").query_async(&mut look).await;
            let info: String = info.unwrap();
            info.contains("master_link_status:up")
        };
        while !linked().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Self { master, replica, port }
    }

    fn builder() -> cachecow::Builder {
        patient()
    }

    async fn open(&self) -> CacheCow {
        // What is not acknowledged is soon given up; what is, on a busy machine, is waited for.
        self.open_for(Duration::from_secs(10)).await
    }

    /// How many keys the master and the replica have.
    async fn keys(&self) -> [u64; 2] {
        let mut keys = [0; 2];
        for (keys, server) in keys.iter_mut().zip([&self.master, &self.replica]) {
            let mut look = server.connection().await;
            *keys = redis::cmd("DBSIZE").query_async(&mut look).await.unwrap();
        }
        keys
    }

    async fn open_for(&self, timeout: Duration) -> CacheCow {
        Self::builder().replica_acks(1, timeout).open(&self.master.url()).await.unwrap()
    }
}

const SOON: Duration = Duration::from_millis(500);

fn reason(error: &Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

async fn idle(cow: &CacheCow) {
    while cow.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_backend_s_cases_hold_with_acknowledgements() {
    let pair = Pair::start().await;
    let backend = RedisBackend::from_url(&pair.master.url(), Duration::from_secs(20)).unwrap();
    let backend = backend.with_replica_acks(1, Duration::from_secs(10)).unwrap();
    conformance::all(&backend).boxed().await;
}

#[tokio::test]
async fn an_acknowledged_invalidation_is_on_the_replica() {
    let pair = Pair::start().await;
    let (store, cow) = (Store::with_items(40), pair.open().await);
    let mut replica = pair.replica.connection().await;
    for _ in 0..20 {
        cow.with(&store).get_many((1..=40).map(Item::by_id)).await.unwrap();
        cow.invalidate_many((1..=40).map(Item::by_id)).await.unwrap();
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut replica).await.unwrap();
        assert_eq!(keys, 0);
    }
}

#[tokio::test]
async fn without_a_replica_s_word_it_is_no_invalidation() {
    let pair = Pair::start().await;
    let (store, cow) = (Store::with_items(2), pair.open_for(SOON).await);
    let view = cow.with(&store);
    view.get(Item::by_id(1)).await.unwrap();
    pair.replica.pause();
    store.bump(1);
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert!(reason(&error).contains("acknowledged by 0 of 1 replicas"), "{}", reason(&error));
    assert_eq!(cow.stats().pending_invalidations, 1);
    assert!(!cow.stats().circuit_open);

    // The server itself was told.
    let other = pair.open_for(SOON).await;
    let read = other.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.value.unwrap().version, read.source), (2, Source::Fetched));

    pair.replica.resume();
    idle(&cow).await;
    assert!(view.get(Item::by_id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn an_invalidation_of_nothing_waits_for_those_before_it() {
    // `WAIT` is about what its own connection changed; here that would be nothing.
    let pair = Pair::start().await;
    let store = Store::with_items(1);
    let (first, second) = (pair.open_for(SOON).await, pair.open_for(SOON).await);
    first.with(&store).get(Item::by_id(1)).await.unwrap();
    pair.replica.pause();
    first.invalidate(Item::by_id(1)).await.unwrap_err();
    let error = second.invalidate(Item::by_id(1)).await.unwrap_err();
    assert!(reason(&error).contains("acknowledged by 0 of 1"), "{}", reason(&error));
    pair.replica.resume();
    idle(&first).await;
    idle(&second).await;
}

/// The number of changes to the server's data.
async fn changes(server: &RedisServer) -> u64 {
    let mut look = server.connection().await;
    let info: String = redis::cmd("INFO").arg("persistence").query_async(&mut look).await.unwrap();
    let changes = info.lines().find_map(|line| line.strip_prefix("rdb_changes_since_last_save:"));
    changes.expect("every server counts them").trim().parse().unwrap()
}

#[tokio::test]
async fn an_invalidation_of_a_held_tag_waits_for_those_before_it() {
    let pair = Pair::start().await;
    let backend = |timeout| {
        let backend = RedisBackend::from_url(&pair.master.url(), Duration::from_secs(20)).unwrap();
        backend.with_replica_acks(1, timeout).unwrap()
    };
    let tag = Item::by_id(1).key().key();
    let tell = async |backend: &RedisBackend, command| {
        let answer = backend.execute(vec![Request { key: tag, command }]).await.remove(0);
        answer.map_err(|error| error.to_string())
    };
    let token = Token::from_bytes([1; 16]);
    let hold = Command::HoldEpoch { token, ttl: Duration::from_secs(60) };
    let first = backend(SOON);
    pair.replica.pause();
    for command in [hold, Command::EndEpoch] {
        tell(&first, command).await.unwrap_err();
    }
    // Nothing is left to do. Some servers then vouch for a connection that has changed nothing.
    let before = changes(&pair.master).await;
    let why = tell(&backend(SOON), Command::EndEpoch).await.unwrap_err();
    assert!(why.contains("acknowledged by 0 of 1"), "{why}");
    assert!(changes(&pair.master).await > before, "so it changes something");
    pair.replica.resume();
    // And the hold stands.
    let last = backend(Duration::from_secs(10));
    let take = Command::TakeEpoch { fresh: token, ttl: Duration::from_secs(60) };
    assert_eq!(tell(&last, take).await, Ok(Reply::Held));
    assert_eq!(tell(&last, Command::ReleaseEpoch { token }).await, Ok(Reply::Done));
    assert_eq!(pair.keys().await, [0, 0]);
}

#[tokio::test]
async fn a_write_that_needs_its_hold_needs_the_replica() {
    let pair = Pair::start().await;
    let builder = || Pair::builder().replica_acks(1, SOON);
    let url = pair.master.url();
    let (lenient, patient) = (builder().open(&url).await.unwrap(), pair.open().await);
    let work = async || Ok::<_, Error>(());
    patient.write(Item::by_id(1), work()).await.unwrap();
    pair.replica.pause();
    let strict = lenient.write(Item::by_id(1), work()).require_hold().await;
    assert!(matches!(strict, Err(WriteError::HoldRefused(_))), "{strict:?}");
    let written = lenient.write(Item::by_id(1), work()).outcome().await;
    written.result.unwrap();
    assert_eq!(written.invalidated.unwrap_err().kind(), ErrorKind::NotInvalidated);
    pair.replica.resume();
    idle(&lenient).await;
    patient.write(Item::by_id(1), work()).await.unwrap();
}

#[tokio::test]
async fn reads_do_not_wait_for_replicas() {
    let pair = Pair::start().await;
    let (store, cow) = (Store::with_items(60), pair.open().await);
    let view = cow.with(&store);
    for _ in 0..2 {
        view.get(Item::by_id(1)).await.unwrap();
    }
    cow.invalidate(Item::by_id(60)).await.unwrap();
    pair.replica.pause();
    // More than have a connection each.
    let waiting = (2..=50).map(|id| cow.invalidate(Item::by_id(id)));
    let mut waiting = futures_util::future::join_all(waiting);
    let reads = async {
        for _ in 0..100 {
            assert_eq!(view.read(Item::by_id(1)).await.unwrap().source, Source::Cache);
        }
        assert_eq!(view.read(Item::by_id(51)).await.unwrap().fill, Fill::Stored);
    };
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("nobody acknowledges"),
        () = reads => {}
    }
    pair.replica.resume();
    assert!(waiting.await.iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_master_out_of_memory_is_told_and_does_not_vouch() {
    let pair = Pair::start().await;
    let (store, cow) = (Store::with_items(2), pair.open().await);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    let mut look = pair.master.connection().await;
    let mut limit = async |bytes: u32| {
        let mut set = redis::cmd("CONFIG");
        set.arg("SET").arg("maxmemory").arg(bytes);
        let _: () = set.query_async(&mut look).await.unwrap();
    };
    limit(1).await;
    store.bump(1);
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert!(reason(&error).contains("OOM"), "{}", reason(&error));
    let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.value.unwrap().version, read.source), (2, Source::Fetched));
    limit(0).await;
    idle(&cow).await;
}

#[tokio::test]
async fn the_master_of_a_cluster_waits_for_its_own_replica() {
    let cluster = RedisCluster::start_lasting().await;
    let store = Store::with_items(60);
    let open = async |timeout| {
        Pair::builder().replica_acks(1, timeout).open(&cluster.url()).await.unwrap()
    };
    // The other masters' replicas must be in time for both.
    let (patient, hasty) =
        (open(Duration::from_secs(10)).await, open(Duration::from_secs(5)).await);
    let ids = || (1..=60).map(Item::by_id);
    assert!(patient.with(&store).get_many(ids()).await.unwrap().iter().all(Option::is_some));
    patient.invalidate_many(ids()).await.unwrap();
    for node in 3..6 {
        let mut replica = cluster.connection(node).await;
        let keys: u64 = redis::cmd("DBSIZE").query_async(&mut replica).await.unwrap();
        assert_eq!(keys, 0);
    }
    hasty.with(&store).get_many(ids()).await.unwrap();
    cluster.pause(4);
    let error = hasty.invalidate_many(ids()).await.unwrap_err();
    cluster.resume(4);
    assert!(reason(&error).contains("acknowledged by 0 of 1"), "{}", reason(&error));
    assert!(!error.to_string().contains("60 keys"), "the other masters' replicas did: {error}");
    idle(&hasty).await;
}

#[tokio::test]
async fn the_master_that_sentinels_name_waits_for_its_replica() {
    let mut group = RedisSentinels::start(1).await;
    let store = Store::with_items(1);
    let cow = Pair::builder().replica_acks(1, SOON).open(&group.url()).await.unwrap();
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    while cow.invalidate(Item::by_id(1)).await.is_err() {
        // On a busy machine it is not that soon.
        idle(&cow).await;
    }
    group.kill(1);
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert!(reason(&error).contains("acknowledged by 0 of 1"), "{}", reason(&error));
}

#[tokio::test]
async fn what_cannot_be_waited_for_is_refused() {
    let pair = Pair::start().await;
    let connection = connect(&format!("redis://127.0.0.1:{}", pair.port)).await.unwrap();
    let builder = || CacheCow::builder().replica_acks(1, Duration::from_millis(100));
    let error = builder().redis_connection(connection).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("by URL"), "{error}");
    // Without an error it would be thought to wait.
    let error = builder().backend(cachecow::MemoryBackend::default()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("RedisBackend::with_replica_acks"), "{error}");

    for timeout in [Duration::ZERO, Duration::from_millis(251)] {
        let builder = CacheCow::builder().replica_acks(1, timeout);
        let error = builder.open(&pair.master.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("half of the operation_timeout"), "{error}");
    }
}
