//! Slots that move from one node of a cluster to another: moves that fail half-way, are broken off,
//! begun again or ended, and what replicas acknowledge meanwhile.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Reply, Token};
use cachecow::{
    BackendError, CacheBackend as _, CacheCow, ErrorKind, Fill, Key, Lookup as _, RedisBackend,
    Request, Source, WriteError,
};
use cachecow_tests::peer::{Grouped, Versions};
use cachecow_tests::servers::RedisCluster;
use cachecow_tests::store::{Item, Store};
use redis::cluster_routing::Slot;

/// A busy machine must not pass for an outage.
const PATIENCE: Duration = Duration::from_secs(20);
const LEASE: Duration = Duration::from_secs(60);

fn patient() -> cachecow::Builder {
    CacheCow::builder().operation_timeout(PATIENCE).connect_timeout(PATIENCE)
}

async fn given(cluster: &RedisCluster) -> redis::cluster_async::ClusterConnection {
    let builder = redis::cluster::ClusterClient::builder([cluster.node_url(0)]);
    let builder = builder.retries(3).min_retry_wait(1).max_retry_wait(1);
    builder.response_timeout(PATIENCE).build().unwrap().get_async_connection().await.unwrap()
}

fn slot_of(name: &str) -> u16 {
    let slot = Slot::for_key(name);
    (0..16384).find(|&number| Slot::new(number) == Some(slot)).expect("one of the slots")
}

fn value_name(key: Key) -> String {
    format!("cache:{{{key}}}")
}

fn flag_name(key: Key) -> String {
    format!("flag:{{{key}}}")
}

fn epoch_name(key: Key) -> String {
    format!("tag:{{{key}}}")
}

fn key_of(id: i64) -> Key {
    Item::by_id(id).key().key()
}

/// A slot on its way.
struct Move<'a> {
    cluster: &'a RedisCluster,
    slot: u16,
    from: usize,
    to: usize,
}

impl<'a> Move<'a> {
    /// That of an object's slot, to the next master; not yet begun.
    async fn of(cluster: &'a RedisCluster, key: Key) -> Self {
        let slot = slot_of(&value_name(key));
        let from = cluster.owner(slot, 0).await;
        Self { cluster, slot, from, to: (from + 1) % 3 }
    }

    async fn begin(&self) {
        self.cluster.begin_move(self.slot, self.from, self.to).await;
    }

    async fn copy(&self, name: &str) {
        self.cluster.half_move_key(name, self.from, self.to).await;
    }

    async fn break_off(&self) {
        self.cluster.break_off_move(self.slot, self.from, self.to).await;
    }

    async fn end(&self) {
        self.cluster.move_keys(self.slot, self.from, self.to).await;
        self.cluster.end_move(self.slot, self.to).await;
    }
}

async fn ask(backend: &RedisBackend, key: Key, command: Command) -> Result<Reply, BackendError> {
    backend.execute(vec![Request { key, command }]).await.remove(0)
}

fn backend(cluster: &RedisCluster) -> RedisBackend {
    RedisBackend::from_url(&cluster.url(), PATIENCE).unwrap()
}

fn token(number: u8) -> Token {
    Token::from_bytes([number; 16])
}

fn claim(number: u8) -> Command {
    Command::Claim { token: token(number), lease: LEASE, replacing: None }
}

fn fill(number: u8) -> Command {
    Command::Fill { token: token(number), value: Bytes::from("old"), ttl: LEASE }
}

/// How an item is changed.
#[derive(Clone, Copy, Debug)]
enum Change {
    Invalidate,
    Write,
}

impl Change {
    async fn carry_out(self, cow: &CacheCow, store: &Store, id: i64) {
        match self {
            Self::Invalidate => {
                store.bump(id);
                cow.invalidate(Item::by_id(id)).await.unwrap();
            }
            Self::Write => {
                let work = async {
                    store.bump(id);
                    Ok::<_, cachecow::Error>(())
                };
                cow.write(Item::by_id(id), work).await.unwrap();
            }
        }
        assert_eq!(cow.stats().pending_invalidations, 0, "{self:?}");
    }
}

#[tokio::test]
async fn a_value_on_both_ends_of_a_move_is_invalidated_on_both() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let store = Store::with_items(4);
    let by_url = patient().open(&cluster.url()).await.unwrap();
    let by_connection = patient().redis_cluster_connection(given(&cluster).await).unwrap();
    let cases = [
        (&by_url, Change::Invalidate),
        (&by_url, Change::Write),
        (&by_connection, Change::Invalidate),
        (&by_connection, Change::Write),
    ];
    for (id, (cow, change)) in (1..).zip(cases) {
        let slot = Move::of(&cluster, key_of(id)).await;
        assert_eq!(cow.with(&store).read(Item::by_id(id)).await.unwrap().fill, Fill::Stored);
        slot.begin().await;
        slot.copy(&value_name(key_of(id))).await;
        // Either end alone can be read, and is right.
        assert_eq!(cow.with(&store).get(Item::by_id(id)).await.unwrap().unwrap().version, 1);
        change.carry_out(cow, &store, id).await;
        let read = cow.with(&store).read(Item::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.source), (2, Source::Fetched), "{change:?}");
        slot.end().await;
        let read = cow.with(&store).read(Item::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.source), (2, Source::Fetched), "{change:?}");
        assert_eq!(read.fill, Fill::Stored, "{change:?}");
    }
}

#[tokio::test]
async fn a_value_at_the_source_is_invalidated_whatever_the_destination_has() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (key, backend) = (key_of(1), backend(&cluster));
    let slot = Move::of(&cluster, key).await;
    ask(&backend, key, claim(1)).await.unwrap();
    let Ok(Reply::Claimed(_)) = ask(&backend, key_of(2), claim(1)).await else { panic!("free") };
    let mut source = cluster.connection(slot.from).await;
    let set = redis::cmd("SET").arg(value_name(key)).arg("old").query_async(&mut source).await;
    let () = set.unwrap();
    slot.begin().await;
    // The destination could carry out a command for both keys. The source has the value alone.
    for name in [value_name(key), flag_name(key)] {
        slot.copy(&name).await;
    }
    let deleted = redis::cmd("DEL").arg(flag_name(key)).query_async(&mut source).await;
    assert_eq!(deleted, Ok(1));
    assert_eq!(ask(&backend, key, Command::Invalidate).await, Ok(Reply::Done));
    assert_eq!(backend.lookup(key).await, Ok(Reply::Absent));
    slot.end().await;
    assert_eq!(backend.lookup(key).await, Ok(Reply::Absent));
}

#[tokio::test]
async fn a_claim_on_both_ends_of_a_move_is_ended_on_both() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (key, backend) = (key_of(1), backend(&cluster));
    let slot = Move::of(&cluster, key).await;
    assert!(matches!(ask(&backend, key, claim(1)).await, Ok(Reply::Claimed(_))));
    slot.begin().await;
    slot.copy(&flag_name(key)).await;
    assert_eq!(ask(&backend, key, Command::Invalidate).await, Ok(Reply::Done));
    slot.end().await;
    assert_eq!(ask(&backend, key, fill(1)).await, Ok(Reply::Refused));
    assert_eq!(backend.lookup(key).await, Ok(Reply::Absent));
}

#[tokio::test]
async fn an_epoch_on_both_ends_of_a_move_is_ended_on_both() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let cow = patient().open(&cluster.url()).await.unwrap();
    let version = Arc::new(AtomicU64::new(1));
    let read = Arc::clone(&version);
    let versions = Versions::new(move || read.load(Ordering::SeqCst));
    let tag = Grouped::tag_group(7).key();
    let slot = Move::of(&cluster, tag).await;
    let read = async || cow.with(&versions).read(Grouped::by_id(1)).await.unwrap();
    assert_eq!(read().await.fill, Fill::Stored);
    assert_eq!(read().await.source, Source::Cache);
    slot.begin().await;
    slot.copy(&epoch_name(tag)).await;
    version.fetch_add(1, Ordering::SeqCst);
    cow.invalidate_tag(Grouped::tag_group(7)).await.unwrap();
    assert_eq!(read().await.value.unwrap().version, 2);
    slot.end().await;
    assert_eq!(read().await.value.unwrap().version, 2);
    assert_eq!(read().await.source, Source::Cache);
}

#[tokio::test]
async fn a_hold_takes_the_place_of_a_claim_while_its_slot_moves() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (key, backend) = (key_of(1), backend(&cluster));
    let slot = Move::of(&cluster, key).await;
    ask(&backend, key, claim(1)).await.unwrap();
    slot.begin().await;
    let hold = Command::Hold { token: token(2), ttl: LEASE };
    assert_eq!(ask(&backend, key, hold).await, Ok(Reply::Done));
    slot.end().await;
    assert_eq!(ask(&backend, key, fill(1)).await, Ok(Reply::Refused));
    assert_eq!(ask(&backend, key, claim(3)).await, Ok(Reply::Held));
    let release = Command::Release { token: token(2) };
    assert_eq!(ask(&backend, key, release).await, Ok(Reply::Done));
    assert!(matches!(ask(&backend, key, claim(3)).await, Ok(Reply::Claimed(_))));
}

#[tokio::test]
async fn a_hold_of_before_a_move_is_released_during_it() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (key, backend) = (key_of(1), backend(&cluster));
    let slot = Move::of(&cluster, key).await;
    let hold = Command::Hold { token: token(1), ttl: LEASE };
    assert_eq!(ask(&backend, key, hold).await, Ok(Reply::Done));
    slot.begin().await;
    slot.copy(&flag_name(key)).await;
    let release = Command::Release { token: token(1) };
    assert_eq!(ask(&backend, key, release).await, Ok(Reply::Done));
    slot.end().await;
    assert!(matches!(ask(&backend, key, claim(2)).await, Ok(Reply::Claimed(_))));
}

#[tokio::test]
async fn a_tag_settles_although_its_slot_moves() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (key, backend) = (key_of(1), backend(&cluster));
    let slot = Move::of(&cluster, key).await;
    let take = || Command::TakeEpoch { fresh: token(1), ttl: LEASE };
    assert!(matches!(ask(&backend, key, take()).await, Ok(Reply::Epoch(_))));
    slot.begin().await;
    let end = Command::HoldEpoch { token: token(9), ttl: LEASE };
    assert_eq!(ask(&backend, key, end).await, Ok(Reply::Done));
    assert!(ask(&backend, key, take()).await.is_err(), "none begins while the slot moves");
    slot.end().await;
    assert_eq!(ask(&backend, key, take()).await, Ok(Reply::Held));
}

/// What a move that was broken off has left at its destination is not read when the slot moves
/// again; when it has moved it comes back, unless it was deleted before.
#[tokio::test]
async fn what_a_move_left_when_it_was_broken_off_is_not_read_by_the_next() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let store = Store::with_items(2);
    let cow = patient().open(&cluster.url()).await.unwrap();
    for (id, is_deleted) in [(1, true), (2, false)] {
        let (slot, view) = (Move::of(&cluster, key_of(id)).await, cow.with(&store));
        view.get(Item::by_id(id)).await.unwrap();
        slot.begin().await;
        slot.copy(&value_name(key_of(id))).await;
        slot.break_off().await;
        Change::Invalidate.carry_out(&cow, &store, id).await;
        if is_deleted {
            cluster.delete_leftovers(slot.slot, slot.from, slot.to).await;
        }
        slot.begin().await;
        assert_eq!(backend(&cluster).lookup(key_of(id)).await, Ok(Reply::Absent), "item {id}");
        let read = view.read(Item::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Unreachable));
        slot.end().await;
        let version = view.get(Item::by_id(id)).await.unwrap().unwrap().version;
        assert_eq!(version, if is_deleted { 2 } else { 1 }, "item {id}");
    }
}

const SOON: Duration = Duration::from_millis(500);

fn acknowledged(timeout: Duration) -> cachecow::Builder {
    patient().replica_acks(1, timeout)
}

fn reason(error: &cachecow::Error) -> String {
    std::error::Error::source(error).unwrap().to_string()
}

async fn idle(cow: &CacheCow) {
    while cow.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Whether a node has a key, be it a replica or not the owner.
async fn has(cluster: &RedisCluster, node: usize, name: &str) -> bool {
    let mut look = cluster.connection(node).await;
    let mut command = redis::cmd("CLUSTER");
    command.arg("GETKEYSINSLOT").arg(slot_of(name)).arg(100);
    let names: Vec<String> = command.query_async(&mut look).await.unwrap();
    names.iter().any(|known| known == name)
}

#[tokio::test]
async fn no_replica_vouches_for_the_source_of_a_move() {
    let mut cluster = RedisCluster::start().await;
    let store = Store::with_items(1);
    let url = cluster.url();
    let open = async || acknowledged(SOON).open(&url).await.unwrap();
    let (first, second) = (open().await, open().await);
    first.with(&store).get(Item::by_id(1)).await.unwrap();
    let slot = Move::of(&cluster, key_of(1)).await;
    let replica = slot.from + 3;
    while !has(&cluster, replica, &value_name(key_of(1))).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.cut_replica(slot.from, replica).await;
    store.bump(1);
    let error = first.invalidate(Item::by_id(1)).await.unwrap_err();
    assert!(reason(&error).contains("acknowledged by 0 of 1"), "{}", reason(&error));
    slot.begin().await;
    // The source lacks the key by now, and the destination's replica could acknowledge anything.
    let error = second.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert!(reason(&error).contains("its slot is moving"), "{}", reason(&error));
    assert_eq!((first.stats().pending_invalidations, second.stats().pending_invalidations), (1, 1));

    // The replica takes over, with the old value: neither could be promised that it is gone.
    let (slot, from) = (slot.slot, slot.from);
    cluster.kill(from);
    cluster.resume(replica);
    // Once it has, a retry of either may delete it.
    let is_old = has(&cluster, replica, &value_name(key_of(1))).await;
    assert!(is_old, "the replica heard nothing of the invalidation");
    // Not as the destination sees it, which waits for the end of the move.
    while cluster.owner(slot, (from + 2) % 3).await != replica {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for cow in [&first, &second] {
        let version = cow.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version;
        assert_eq!(version, 2, "it is read past the cache");
    }
}

#[tokio::test]
async fn what_a_move_keeps_from_being_acknowledged_is_confirmed_after_it() {
    let cluster = RedisCluster::start_lasting().await;
    let store = Store::with_items(2);
    let timeout = Duration::from_secs(10);
    let open = async || acknowledged(timeout).open(&cluster.url()).await.unwrap();
    let (cow, other) = (open().await, open().await);
    let slot = Move::of(&cluster, key_of(1)).await;
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    slot.begin().await;
    slot.copy(&value_name(key_of(1))).await;
    store.bump(1);
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert!(reason(&error).contains("its slot is moving"), "{}", reason(&error));
    // It is carried out all the same.
    assert_eq!(other.with(&store).get(Item::by_id(1)).await.unwrap().unwrap().version, 2);
    let work = async { Ok::<_, cachecow::Error>(()) };
    let written = cow.write(Item::by_id(1), work).require_hold().await;
    assert!(matches!(written, Err(WriteError::HoldRefused(_))), "{written:?}");
    slot.end().await;
    idle(&cow).await;
    let read = other.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!(read.value.unwrap().version, 2);
    cow.invalidate(Item::by_id(1)).await.unwrap();
}

/// A deletion of a claim that no replica has acknowledged, and another that finds nothing to delete.
#[tokio::test]
async fn no_replica_of_the_source_vouches_for_the_destination_s_claim() {
    let cluster = RedisCluster::start_lasting().await;
    let key = key_of(1);
    let open = || backend(&cluster).with_replica_acks(1, SOON).unwrap();
    let (first, second) = (open(), open());
    let slot = Move::of(&cluster, key).await;
    ask(&first, key, claim(1)).await.unwrap();
    let mut source = cluster.connection(slot.from).await;
    let set = redis::cmd("SET").arg(value_name(key)).arg("old").query_async(&mut source).await;
    let () = set.unwrap();
    slot.begin().await;
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(cluster.port(slot.to)).arg(flag_name(key)).arg(0).arg(5000);
    let _: String = migrate.query_async(&mut source).await.unwrap();
    let replica = slot.to + 3;
    while !has(&cluster, replica, &flag_name(key)).await {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cluster.pause(replica);
    ask(&first, key, Command::Invalidate).await.unwrap_err();
    ask(&second, key, Command::Invalidate).await.unwrap_err();
    cluster.resume(replica);
}
