//! A cluster of three masters and their replicas: batches, redirections, resharding and failover.

mod load;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, CacheBackend, CacheCow, ErrorKind, Fill, Key, RedisBackend, Request, Source,
    conformance,
};
use cachecow_tests::patient::patient;
use cachecow_tests::peer::{Grouped, Versions};
use cachecow_tests::servers::{RedisCluster, RedisServer};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use redis::aio::MultiplexedConnection;

use crate::load::{Load, names, slot};

async fn open(cluster: &RedisCluster) -> CacheCow {
    let cow = patient().open(&cluster.url()).await.unwrap();
    // Finds the nodes and connects, which is no part of what is counted.
    cow.ping().await.unwrap();
    cow
}

async fn given(cluster: &RedisCluster) -> redis::cluster_async::ClusterConnection {
    let builder = redis::cluster::ClusterClient::builder([cluster.node_url(0)]);
    let client = builder.retries(3).response_timeout(Duration::from_secs(20)).build().unwrap();
    client.get_async_connection().await.unwrap()
}

/// The items up to `to` whose slots this node owns at the beginning.
async fn items_of(cluster: &RedisCluster, node: usize, to: i64) -> BTreeSet<i64> {
    let mut items = BTreeSet::new();
    for id in 1..=to {
        if cluster.owner(slot(id), 0).await == node {
            items.insert(id);
        }
    }
    items
}

/// How often a node has answered with an error of this kind.
async fn errors(cluster: &RedisCluster, node: usize, code: &str) -> u64 {
    let info = cluster.info(node, "errorstats").await;
    let start = format!("errorstat_{code}:count=");
    let line = info.lines().find_map(|line| line.strip_prefix(&*start));
    line.map_or(0, |count| count.trim().parse().unwrap())
}

async fn all_errors(cluster: &RedisCluster, code: &str) -> u64 {
    let mut sum = 0;
    for node in 0..3 {
        sum += errors(cluster, node, code).await;
    }
    sum
}

#[tokio::test]
async fn the_backend_s_cases_hold_on_a_cluster() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let by_url = || RedisBackend::from_url(&cluster.url(), Duration::from_secs(20)).unwrap();
    let by_connection = RedisBackend::from_cluster_connection(given(&cluster).await);
    for backend in [by_url(), by_url().with_namespace("shop").expect("it is valid"), by_connection]
    {
        conformance::all(&backend).boxed().await;
    }
    conformance::changes_are_told(&by_url()).await;
}

/// How often a node has read commands, and how often it was asked for its slots: the cache does that once a second.
async fn reads_and_questions(node: &mut MultiplexedConnection) -> (u64, u64) {
    let info: String = redis::cmd("INFO").arg("all").query_async(node).await.unwrap();
    let reads = info.lines().find_map(|line| line.strip_prefix("total_reads_processed:")).unwrap();
    let calls = |line: &str| {
        let (_, calls) = line.strip_prefix("cmdstat_cluster")?.split_once("calls=")?;
        calls.split(',').next()?.parse::<u64>().ok()
    };
    (reads.trim().parse().unwrap(), info.lines().filter_map(calls).sum())
}

/// How often each node reads commands during an action, which is carried out again if a question for slots came in between:
/// it goes over the same connection, and may be read together with the action's own commands.
async fn reads_of(nodes: &mut [MultiplexedConnection], action: impl AsyncFn()) -> Vec<u64> {
    loop {
        let mut before = Vec::new();
        for node in &mut *nodes {
            before.push(reads_and_questions(node).await);
        }
        action().await;
        let (mut reads, mut disturbed) = (Vec::new(), false);
        for (node, before) in nodes.iter_mut().zip(before) {
            let after = reads_and_questions(node).await;
            // What counts is itself a read, and was not there before.
            reads.push(after.0 - before.0 - 1);
            disturbed |= after.1 != before.1;
        }
        if !disturbed {
            return reads;
        }
    }
}

#[tokio::test]
async fn a_batch_is_one_pipeline_for_each_node() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(300), open(&cluster).await);
    let ids = || (1..=100).map(Item::by_id);
    let view = cow.with(&store);
    // The scripts get to know the servers, and the reads that there are hits.
    for _ in 0..2 {
        assert!(view.get_many(ids()).await.unwrap().iter().all(Option::is_some));
    }
    cow.invalidate_many((101..=200).map(Item::by_id)).await.unwrap();
    cow.write((201..=300).map(Item::by_id).collect::<Vec<_>>(), async {
        Ok::<_, cachecow::Error>(())
    })
    .await
    .unwrap();
    let mut nodes = Vec::new();
    for node in 0..3 {
        nodes.push(cluster.connection(node).await);
    }
    let hits = async || {
        let items = view.get_many(ids()).await.unwrap();
        assert!(items.iter().all(Option::is_some));
    };
    assert_eq!(reads_of(&mut nodes, hits).await, [1, 1, 1], "a hundred hits");
    let many = async || cow.invalidate_many((101..=200).map(Item::by_id)).await.unwrap();
    assert_eq!(reads_of(&mut nodes, many).await, [1, 1, 1], "a hundred invalidations");
    let keys: Vec<_> = (201..=300).map(Item::by_id).collect();
    let write = async || {
        cow.write(keys.clone(), async { Ok::<_, cachecow::Error>(()) }).await.unwrap();
    };
    assert_eq!(reads_of(&mut nodes, write).await, [2, 2, 2], "a hundred holds and releases");
    // Of three nodes one is concerned.
    let one = async || drop(view.get(Item::by_id(1)).await.unwrap());
    assert_eq!(reads_of(&mut nodes, one).await.iter().sum::<u64>(), 1, "a hit");
}

#[tokio::test]
async fn a_group_spread_over_the_nodes_is_invalidated_at_once() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let cow = open(&cluster).await;
    let version = Arc::new(AtomicU64::new(1));
    let read = Arc::clone(&version);
    let versions = Versions::new(move || read.load(Ordering::SeqCst));
    let all = || (1..=100).map(Grouped::by_id);
    for expected in 1..=3 {
        for _ in 0..2 {
            let found = cow.with(&versions).get_many(all()).await.unwrap();
            assert!(found.iter().all(|found| found.as_ref().unwrap().version == expected));
        }
        assert_eq!(cow.stats().of("Grouped").hits, 100 * expected, "every second read");
        version.fetch_add(1, Ordering::SeqCst);
        cow.invalidate_tag(Grouped::tag_group(7)).await.unwrap();
    }
}

#[tokio::test]
async fn a_half_moved_slot_is_read_and_invalidated() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let home = slot(1);
    let mates: Vec<i64> = (2..).filter(|&id| slot_is(id, home)).take(3).collect();
    let [moved, stays, uncached] = mates[..] else { panic!("three items of one slot") };
    let (from, store) = (cluster.owner(home, 0).await, Store::with_items(uncached));
    let to = (from + 1) % 3;
    let cow = open(&cluster).await;
    let connection = patient().redis_cluster_connection(given(&cluster).await).unwrap();
    let view = cow.with(&store);
    for id in [moved, stays] {
        assert_eq!(view.read(Item::by_id(id)).await.unwrap().fill, Fill::Stored);
    }
    cluster.begin_move(home, from, to).await;
    let mut source = cluster.connection(from).await;
    let mut migrate = redis::cmd("MIGRATE");
    migrate.arg("127.0.0.1").arg(cluster.port(to)).arg(&names(moved)[0]).arg(0).arg(5000);
    let _: String = migrate.query_async(&mut source).await.unwrap();

    for cow in [&cow, &connection] {
        let values = cow.with(&store).get_many([moved, stays, uncached].map(Item::by_id)).await;
        assert!(values.unwrap().iter().all(Option::is_some));
    }
    // What is read natively is one key, which is in one place.
    let by_url = RedisBackend::from_url(&cluster.url(), Duration::from_secs(20)).unwrap();
    let by_connection = RedisBackend::from_cluster_connection(given(&cluster).await);
    // Only a connection made elsewhere asks the destination, without saying so.
    for (backend, follows) in [(by_url, false), (by_connection, true)] {
        for (id, is_found) in [(moved, follows), (stays, true), (uncached, false)] {
            let found = backend.lookup(key_of(id)).await.unwrap();
            assert_eq!(matches!(found, Reply::Value(_)), is_found, "{id}: {found:?}");
        }
    }
    assert!(errors(&cluster, from, "ASK").await > 0, "the slot was half moved");

    // Nothing new is stored, and nothing wrong served; what is there can be invalidated.
    let read = view.read(Item::by_id(uncached)).await.unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
    for (cow, id) in [(&cow, moved), (&cow, stays), (&connection, uncached)] {
        store.bump(id);
        cow.invalidate(Item::by_id(id)).await.unwrap();
        assert_eq!(view.get(Item::by_id(id)).await.unwrap().unwrap().version, 2);
    }
    assert!(all_errors(&cluster, "TRYAGAIN").await > 0, "both keys of an object were asked for");
    let work = async {
        store.bump(moved);
        Ok::<_, cachecow::Error>(())
    };
    cow.write(Item::by_id(moved), work).await.unwrap();
    assert_eq!(view.get(Item::by_id(moved)).await.unwrap().unwrap().version, 3);

    cluster.move_keys(home, from, to).await;
    cluster.end_move(home, to).await;
    let before = errors(&cluster, from, "MOVED").await;
    for cow in [&cow, &connection] {
        let read = cow.with(&store).read(Item::by_id(stays)).await.unwrap();
        assert!(read.fill == Fill::Stored || read.source == Source::Cache, "{read:?}");
    }
    assert!(errors(&cluster, from, "MOVED").await > before);
    assert_eq!(cow.stats().pending_invalidations, 0);
}

fn slot_is(id: i64, slot: u16) -> bool {
    redis::cluster_routing::Slot::new(slot)
        == Some(redis::cluster_routing::Slot::for_key(&names(id)[0]))
}

fn key_of(id: i64) -> Key {
    use cachecow::Lookup as _;
    Item::by_id(id).key().key()
}

#[tokio::test]
async fn a_hold_outlives_the_move_of_its_slot() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(1), open(&cluster).await);
    let (home, from) = (slot(1), cluster.owner(slot(1), 0).await);
    let to = (from + 1) % 3;
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    cluster.begin_move(home, from, to).await;
    let reader = open(&cluster).await;
    let work = async {
        // Placed in two parts, on two nodes.
        cluster.move_keys(home, from, to).await;
        cluster.end_move(home, to).await;
        let read = reader.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped), "held");
        store.bump(1);
        Ok::<_, cachecow::Error>(())
    };
    cow.write(Item::by_id(1), work).await.unwrap();
    let read = reader.with(&store).read(Item::by_id(1)).await.unwrap();
    assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Stored));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn resharding_under_load_gives_no_wrong_value() {
    const ITEMS: i64 = 30;
    let cluster = RedisCluster::start_masters(&[]).await;
    let mut cows = Vec::new();
    for _ in 0..4 {
        cows.push(open(&cluster).await);
    }
    let load = Load::start(cows, ITEMS);
    load.watch.has_hits(50).await;
    let slots: BTreeSet<u16> = (1..=ITEMS).map(slot).collect();
    for round in 1..=2 {
        for &slot in &slots {
            let from = cluster.owner(slot, 0).await;
            let to = (from + round) % 3;
            cluster.begin_move(slot, from, to).await;
            cluster.move_keys(slot, from, to).await;
            cluster.end_move(slot, to).await;
        }
        load.watch.has_hits(50).await;
    }
    // Until the load has met it, which a busy machine may take its time for.
    let slot = slot(1);
    let from = cluster.owner(slot, 0).await;
    cluster.begin_move(slot, from, (from + 1) % 3).await;
    let all = 1..=ITEMS;
    load.watch.invalidated_after(Instant::now(), &all.collect()).await;
    cluster.move_keys(slot, from, (from + 1) % 3).await;
    cluster.end_move(slot, (from + 1) % 3).await;
    let report = load.end(None).await;
    let (asks, moves) = (all_errors(&cluster, "ASK").await, all_errors(&cluster, "MOVED").await);
    println!(
        "resharding: {} slots moved, {asks} ASK, {moves} MOVED, {report:?}",
        slots.len() * 2 + 1
    );
    assert_eq!((report.wrong, report.lost), (0, 0));
    assert!(asks > 0 && moves > 0 && report.hits > 0, "{asks} ASK, {moves} MOVED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced_under_load() {
    const ITEMS: i64 = 60;
    let mut cluster = RedisCluster::start().await;
    let owned = items_of(&cluster, 1, ITEMS).await;
    let slot = slot(*owned.first().unwrap());
    let mut cows = Vec::new();
    for _ in 0..4 {
        let cow = patient().open(&cluster.url()).await.unwrap();
        cow.ping().await.unwrap();
        cows.push(cow);
    }
    let last = cows[3].clone();
    let load = Load::start(cows, ITEMS);
    load.watch.has_hits(200).await;
    cluster.kill(1);
    let gone = Instant::now();
    while cluster.owner(slot, 0).await == 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let replaced = gone.elapsed();
    assert_eq!(cluster.owner(slot, 0).await, 4, "its replica");
    load.watch.invalidated_after(gone, &owned).await;
    load.watch.invalidated_after(Instant::now(), &owned).await;
    let report = load.end(Some((gone, gone, &owned))).await;
    println!("failover of a master: replaced after {replaced:?}, {report:?}");
    assert_eq!(report.wrong, 0);
    assert!(report.failing.is_some_and(|failing| failing > Duration::ZERO), "it was noticed");
    last.ping().await.unwrap();
}

/// Confirms the invalidations of some keys and forgets them.
#[derive(Debug)]
struct Forgetful(RedisBackend);

impl CacheBackend for Forgetful {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        if matches!(requests[..], [Request { command: Command::Invalidate, .. }]) {
            return async { vec![Ok(Reply::Done)] }.boxed();
        }
        self.0.execute(requests)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {
        self.0.reset();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_checker_finds_forgotten_invalidations() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let mut cows = vec![open(&cluster).await, open(&cluster).await];
    let backend = RedisBackend::from_url(&cluster.url(), Duration::from_secs(20)).unwrap();
    cows.push(patient().backend(Forgetful(backend)).unwrap());
    let load = Load::start(cows, 10);
    load.watch.has_hits(100).await;
    // As after a failover that happened before all this, and of a master that owned half of it.
    let owned = (1..=5).collect();
    let report = load.end(Some((Instant::now(), Instant::now(), &owned))).await;
    assert!(report.wrong > 0 && report.lost > 0, "{report:?}");
}

#[tokio::test]
async fn a_node_that_forgot_its_scripts_is_sent_them() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(60), open(&cluster).await);
    let ids = || (1..=60).map(Item::by_id);
    for _ in 0..2 {
        let mut node = cluster.connection(1).await;
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut node).await.unwrap();
        cow.invalidate_many(ids()).await.unwrap();
        let _: () = redis::cmd("SCRIPT").arg("FLUSH").query_async(&mut node).await.unwrap();
        assert!(cow.with(&store).get_many(ids()).await.unwrap().iter().all(Option::is_some));
        cow.write(ids().collect::<Vec<_>>(), async { Ok::<_, cachecow::Error>(()) }).await.unwrap();
    }
    assert_eq!(cow.stats().of("Item").backend_errors, 0);
}

/// Node 1 goes; the keys of the others are served as before, each key's error is its own.
async fn a_node_leaves(
    cluster: &mut RedisCluster,
    cow: &CacheCow,
    leave: impl FnOnce(&mut RedisCluster),
) {
    let store = Store::with_items(60);
    let ids = || (1..=60).map(Item::by_id);
    let view = cow.with(&store);
    for _ in 0..2 {
        view.get_many(ids()).await.unwrap();
    }
    let gone = items_of(cluster, 1, 60).await;
    let others: Vec<i64> = (1..=60).filter(|id| !gone.contains(id)).collect();
    leave(cluster);
    // More than enough failures to open the circuit, were they the whole cache's.
    for &id in &gone {
        let read = view.read(Item::by_id(id)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable), "{id}");
    }
    assert!(!cow.stats().circuit_open, "other nodes work");
    for &id in &others {
        assert_eq!(view.read(Item::by_id(id)).await.unwrap().source, Source::Cache, "{id}");
    }
    assert!(view.get_many(ids()).await.unwrap().iter().all(Option::is_some));
    let error = cow.invalidate_many(ids()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert!(error.to_string().contains(&format!("{} keys", gone.len())), "{error}");
    for &id in &others {
        assert_eq!(view.read(Item::by_id(id)).await.unwrap().fill, Fill::Stored, "{id}");
    }
    let error = cow.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("one of the cluster's nodes"), "{why}");
}

#[tokio::test]
async fn a_node_that_is_down_takes_its_own_keys_alone() {
    let partial = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_masters(&partial).await;
    let cow = open(&cluster).await;
    a_node_leaves(&mut cluster, &cow, |cluster| cluster.kill(1)).await;
    // It comes back, empty, and what it was not told is made up for.
    cluster.restart(1);
    cluster.ready().await;
    while cow.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cow.ping().await.unwrap();
}

#[tokio::test]
async fn a_node_that_does_not_know_all_slots_is_not_believed() {
    let partial = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_masters(&partial).await;
    cluster.kill(1);
    // As if node 1 had failed before node 2 heard of its slots. To node 2 the cluster works.
    cluster.forget_slots(2, 1).await;
    let why = async || {
        let cow = patient().open(&cluster.url()).await.unwrap();
        let error = cow.ping().await.expect_err("a node is down");
        std::error::Error::source(&error).unwrap().to_string()
    };
    // Whichever node answers first.
    for _ in 0..20 {
        let why = why().await;
        assert!(why.contains("one of the cluster's nodes"), "{why}");
    }
    cluster.forget_slots(0, 1).await;
    let why = why().await;
    assert!(why.contains("no node of the cluster serves 5461 of its 16384 slots"), "{why}");
}

#[tokio::test]
async fn a_node_that_hangs_takes_its_own_keys_alone() {
    let partial = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_masters(&partial).await;
    // A busy machine must not pass for a node that hangs.
    let patience = Duration::from_secs(6);
    let builder = CacheCow::builder().operation_timeout(patience).connect_timeout(patience);
    let cow = builder.open(&cluster.url()).await.unwrap();
    cow.ping().await.unwrap();
    a_node_leaves(&mut cluster, &cow, |cluster| cluster.pause(1)).await;
    // And costs them little time: after it did not answer, it is not asked for a while.
    let gone = *items_of(&cluster, 1, 60).await.first().unwrap();
    left_alone(&cluster, gone).await;
    cluster.resume(1);
    cluster.ready().await;
    while cow.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    cow.ping().await.unwrap();
}

/// A backend that does not send anything to the owner of this item for now, since that did not answer.
async fn left_alone(cluster: &RedisCluster, id: i64) -> RedisBackend {
    let backend = RedisBackend::from_url(&cluster.url(), Duration::from_millis(500)).unwrap();
    let left_alone = async {
        loop {
            let error = backend.lookup(key_of(id)).await.unwrap_err();
            if error.to_string().contains("did not answer a moment ago") {
                break;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), left_alone).await.expect("it is left alone");
    backend
}

#[tokio::test]
async fn a_node_that_hangs_takes_its_own_keys_alone_also_on_a_backend_made_before() {
    let partial = ["--cluster-require-full-coverage", "no"];
    let mut cluster = RedisCluster::start_masters(&partial).await;
    // An attempt to connect may take longer than an operation.
    let backend = RedisBackend::from_url(&cluster.url(), Duration::from_secs(20)).unwrap();
    let builder = CacheCow::builder().operation_timeout(Duration::from_secs(6));
    let cow = builder.backend(backend).unwrap();
    cow.ping().await.unwrap();
    a_node_leaves(&mut cluster, &cow, |cluster| cluster.pause(1)).await;
    cluster.resume(1);
}

#[tokio::test]
async fn a_node_that_is_left_alone_is_not_waited_for_while_the_cluster_does_not_work() {
    let cluster = RedisCluster::start_masters(&["--cluster-node-timeout", "1500"]).await;
    let gone = *items_of(&cluster, 1, 60).await.first().unwrap();
    cluster.pause(1);
    for node in [0, 2] {
        let mut look = cluster.connection(node).await;
        let mut info = async || {
            let info = redis::cmd("CLUSTER").arg("INFO").query_async::<String>(&mut look).await;
            info.unwrap()
        };
        while !info().await.contains("cluster_state:fail") {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let backend = left_alone(&cluster, gone).await;
    // The slots may be asked for again.
    tokio::time::sleep(Duration::from_millis(200)).await;
    let answers = (0..10).filter_map(|_| backend.lookup(key_of(gone)).now_or_never());
    // One may have been sent, to see whether the node answers again.
    assert!(answers.count() >= 9, "they wait for nothing");
    cluster.resume(1);
}

#[tokio::test]
async fn a_cluster_that_is_down_is_an_outage() {
    let mut cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(60), open(&cluster).await);
    (0..3).for_each(|node| cluster.kill(node));
    for id in 1..=60 {
        assert!(cow.with(&store).get(Item::by_id(id)).await.unwrap().is_some());
    }
    assert!(cow.stats().circuit_open);
    assert_eq!(cow.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);

    let nobody = CacheCow::open(&cluster.url()).await.unwrap();
    assert!(nobody.with(&store).get(Item::by_id(1)).await.unwrap().is_some());
    assert_eq!(nobody.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
}

#[tokio::test]
async fn a_server_without_a_cluster_says_so() {
    let port = cachecow_tests::servers::free_port().to_string();
    let _server = RedisServer::start_with(&["--port", &port]);
    let cow = patient().open(&format!("redis+cluster://127.0.0.1:{port}")).await.unwrap();
    let error = cow.ping().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("is it a cluster?"), "{why}");
}

#[tokio::test]
async fn addresses_with_faults_are_refused_and_show_no_password() {
    for (url, hint) in [
        ("redis+cluster://", "names no node"),
        ("redis+cluster://u:s3cret@", "names no node"),
        ("redis+cluster://u:s3cret@a,,b", "cannot be parsed"),
        ("redis+cluster://u:s3cret@a:x", "cannot be parsed"),
        ("redis+cluster://u:s3cret@a:7000,b:7001/3", "has only database 0"),
        ("redis+sentinel://u:s3cret@/name", "names no sentinel"),
        ("redis+sentinel://u:s3cret@a,b", "lacks the sentinels' name"),
        ("redis+sentinel://u:s3cret@a,b/", "lacks the sentinels' name"),
        ("redis+sentinel://u:s3cret@a,b/name/x", "database is not a number"),
        ("redis+sentinel://u:a/s3cret@a,b/name", "letters, digits"),
        ("redis+sentinel://s3cret:1#x@a,b/name", "%23"),
        (
            "redis+sentinel://a,b/name?sentinel_user=s3cret&sentinel_password=1/x",
            "cannot be parsed",
        ),
        ("redis+sentinel://a,b/name&sentinel_password=s3cret", "letters, digits"),
        ("redis+sentinel://u:s3cret@a:99999/name", "cannot be parsed"),
        ("redis://u:s3cret@a:1,b:2", "several hosts"),
        ("rediss://u:s3cret@a,b", "several hosts"),
    ] {
        let error = CacheCow::open(url).await.expect_err(url);
        assert_eq!(error.kind(), ErrorKind::InvalidUrl, "{url}");
        assert!(error.to_string().contains(hint), "{url}: {error}");
        assert!(!format!("{error} {error:?}").contains("s3cret"), "{error:?}");
    }
    for url in [
        "redis+cluster://u:s3cret@127.0.0.1:1,[::1]:1",
        "rediss+cluster://u:s3cret@127.0.0.1:1/0",
        "redis+sentinel://u:s3cret@127.0.0.1:1/name/2?sentinel_password=s3cret",
        "rediss+sentinel://:s3cret@127.0.0.1:1/name",
    ] {
        let cow = CacheCow::open(url).await.expect(url);
        let error = cow.ping().await.unwrap_err();
        assert!(!format!("{cow:?} {error} {error:?}").contains("s3cret"), "{url}");
    }
}
