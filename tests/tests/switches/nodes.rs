//! Nodes that say what they are told to of their cluster.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{CacheBackend as _, ErrorKind, RedisBackend, Source};
use cachecow_tests::front::{Behind, Front};
use cachecow_tests::resp::Command;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};

use crate::load::names;
use crate::{command, patient, until, version};

/// Two nodes that say what they are told to of a cluster, each in front of a server of its own.
pub(crate) struct Nodes {
    pub(crate) servers: Vec<RedisServer>,
    pub(crate) fronts: Vec<Front>,
    /// For each node the epoch, and which one it names as the owner of all slots.
    words: Arc<Mutex<[(u64, usize); 2]>>,
    /// Whether both say that the cluster does not work.
    fails: Arc<AtomicBool>,
    ports: Arc<Mutex<Vec<u16>>>,
}

impl Nodes {
    pub(crate) async fn start() -> Self {
        let (words, ports) = (Arc::new(Mutex::new([(1, 0); 2])), Arc::new(Mutex::new(Vec::new())));
        let fails = Arc::new(AtomicBool::new(false));
        let (mut servers, mut fronts) = (Vec::new(), Vec::new());
        for node in 0..2 {
            let server = RedisServer::start();
            let (words, named) = (Arc::clone(&words), Arc::clone(&ports));
            let fails = Arc::clone(&fails);
            let instead = move |command: &Command| {
                let (epoch, owner) = words.lock().unwrap()[node];
                let state = if fails.load(Ordering::SeqCst) { "fail" } else { "ok" };
                Self::answer(command, (state, epoch), &named.lock().unwrap(), owner)
            };
            let front = Front::instead(Behind::Socket(server.socket()), instead).await;
            ports.lock().unwrap().push(front.port());
            fronts.push(front);
            servers.push(server);
        }
        Self { servers, fronts, words, fails, ports }
    }

    fn answer(
        asked: &Command,
        (state, epoch): (&str, u64),
        ports: &[u16],
        owner: usize,
    ) -> Option<Vec<u8>> {
        let question = (asked.name() == "CLUSTER").then(|| &asked.words[1])?;
        Some(if question == b"INFO" {
            let info = format!("cluster_state:{state}\r\ncluster_current_epoch:{epoch}\r\n");
            command(&["ECHO", &info])
        } else {
            let (owner, other) = (ports[owner], ports[1 - owner]);
            let node = |port| format!("{{'127.0.0.1',{port},'{port}'}}");
            let slots = format!("return {{{{0,16383,{},{}}}}}", node(owner), node(other));
            command(&["EVAL", &slots, "0"])
        })
    }

    pub(crate) fn url(&self) -> String {
        let ports = self.ports.lock().unwrap();
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1])
    }

    /// Fails over from the first node, which is stopped and knows of nothing.
    pub(crate) async fn fail_over(&self) {
        self.fronts[0].hold_up(true);
        self.words.lock().unwrap()[1] = (2, 1);
        // Two questions to each node at a time; one of the first may have been on its way.
        self.fronts[1].comes("CLUSTER", 6).await;
    }

    pub(crate) async fn has(&self, node: usize, id: i64) -> bool {
        let mut look = self.servers[node].connection().await;
        redis::cmd("EXISTS").arg(&names(id)[0]).query_async(&mut look).await.unwrap()
    }
}

#[tokio::test]
async fn an_idle_reader_hears_of_a_cluster_s_failover_and_does_not_believe_the_former_master() {
    let cluster = Nodes::start().await;
    let (store, reader) = (Store::with_items(1), patient().open(&cluster.url()).await.unwrap());
    assert_eq!(version(&reader, &store, 1).await, 1);
    assert!(cluster.has(0, 1).await);
    cluster.fail_over().await;
    store.bump(1);
    cluster.fronts[0].hold_up(false);
    assert_eq!(version(&reader, &store, 1).await, 2);
    // Woken, it says of itself that it is the master.
    for _ in 0..4 {
        cluster.fronts[0].comes("CLUSTER", 1).await;
        cluster.fronts[1].comes("CLUSTER", 2).await;
        assert_eq!(version(&reader, &store, 1).await, 2);
    }
    assert!(cluster.has(0, 1).await && cluster.has(1, 1).await);
}

#[tokio::test]
async fn a_cluster_made_anew_is_believed() {
    let cluster = Nodes::start().await;
    cluster.words.lock().unwrap().fill((7, 0));
    let (store, reader) = (Store::with_items(2), patient().open(&cluster.url()).await.unwrap());
    assert_eq!(version(&reader, &store, 1).await, 1);
    assert!(cluster.has(0, 1).await);
    // It counts from the beginning.
    cluster.words.lock().unwrap().fill((1, 1));
    cluster.fronts[1].comes("CLUSTER", 6).await;
    assert_eq!(version(&reader, &store, 2).await, 1);
    assert!(cluster.has(1, 2).await && !cluster.has(0, 2).await);
}

#[tokio::test]
async fn a_cluster_whose_nodes_say_that_it_does_not_work_answers_no_ping() {
    let cluster = Nodes::start().await;
    cluster.fails.store(true, Ordering::SeqCst);
    let cow = patient().open(&cluster.url()).await.unwrap();
    let error = cow.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("cluster_state:fail"), "{why}");
    cluster.fails.store(false, Ordering::SeqCst);
    until("a refresh that was under way has ended", async || cow.ping().await.is_ok()).await;
    cow.ping().await.unwrap();
}

#[tokio::test]
async fn a_node_that_hangs_is_waited_for_once() {
    let cluster = Nodes::start().await;
    // So that no node's word is enough.
    cluster.fails.store(true, Ordering::SeqCst);
    cluster.fronts[1].hold_up(true);
    let backend = RedisBackend::from_url(&cluster.url(), Duration::from_secs(5)).unwrap();
    backend.ping().await.unwrap_err();
    let pings = async {
        for _ in 0..12 {
            backend.ping().await.unwrap_err();
        }
    };
    // Twelve times would be a minute.
    let pinged = tokio::time::timeout(Duration::from_secs(40), pings).await;
    pinged.expect("it is not waited for each time");
    let why = backend.ping().await.unwrap_err().to_string();
    assert!(why.contains("cluster_state:fail"), "{why}");
}

#[tokio::test]
async fn nodes_that_have_another_name_in_the_url_are_connected_to_once() {
    let cluster = Nodes::start().await;
    let url = cluster.url().replace("127.0.0.1", "localhost");
    let (store, reader) = (Store::with_items(1), patient().open(&url).await.unwrap());
    assert_eq!(version(&reader, &store, 1).await, 1);
    let mut looks = Vec::new();
    for server in &cluster.servers {
        looks.push(server.connection().await);
    }
    let mut connections = async || {
        let mut connections = Vec::new();
        for look in &mut looks {
            let info: String = redis::cmd("INFO").arg("stats").query_async(look).await.unwrap();
            let count = info.lines().find(|line| line.starts_with("total_connections_received"));
            connections.push(count.unwrap().to_owned());
        }
        connections
    };
    cluster.fronts[0].comes("CLUSTER", 8).await;
    let before = connections().await;
    cluster.fronts[0].comes("CLUSTER", 8).await;
    assert_eq!(connections().await, before);
}

#[test]
fn what_asks_in_the_background_ends_with_its_runtime_and_with_the_cache() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let servers = runtime();
    let cluster = servers.block_on(Nodes::start());
    let store = Store::with_items(3);
    let first = runtime();
    let cow = first.block_on(patient().open(&cluster.url())).unwrap();
    assert_eq!(first.block_on(version(&cow, &store, 1)), 1);
    servers.block_on(cluster.fronts[1].comes("CLUSTER", 4));
    drop(first);
    // On another one it goes on.
    let second = runtime();
    second.block_on(until("it connects anew", async || {
        cow.with(&store).read(Item::by_id(1)).await.unwrap().source == Source::Cache
    }));
    servers.block_on(cluster.fronts[1].comes("CLUSTER", 4));
    drop(cow);
    let alive = || second.metrics().num_alive_tasks();
    second.block_on(until("no task is left", async || alive() == 0));
}
