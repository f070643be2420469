//! Readers that no news of another master has reached: their links to the sentinels are down, or they
//! have been idle.

mod load;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{CacheCow, Fill, Source};
use cachecow_tests::front::{Behind, Front};
use cachecow_tests::resp::Command;
use cachecow_tests::servers::{RedisCluster, RedisSentinels, RedisServer, free_port};
use cachecow_tests::store::{Item, Store};
use futures_util::future::join_all;
use redis::Value;

use crate::load::{names, slot};

/// A busy machine must not pass for an outage.
fn patient() -> cachecow::Builder {
    CacheCow::builder().operation_timeout(Duration::from_secs(20))
}

/// Polls until this holds.
async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let polled = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    // The second election of a failover begins after 20 s.
    let waited = tokio::time::timeout(Duration::from_secs(120), polled).await;
    assert!(waited.is_ok(), "{what}");
}

async fn version(cow: &CacheCow, store: &Store, id: i64) -> u64 {
    cow.with(store).get(Item::by_id(id)).await.unwrap().unwrap().version
}

/// Invalidates, as often as it takes while servers come and go.
async fn invalidate(cow: &CacheCow, id: i64) {
    until("it is invalidated", async || cow.invalidate(Item::by_id(id)).await.is_ok()).await;
}

fn command(words: &[&str]) -> Vec<u8> {
    let mut command = redis::cmd(words[0]);
    command.arg(&words[1..]);
    command.get_packed_command()
}

/// A master whom nobody can demote, and a reader with links to the sentinels of its own.
struct Linked {
    group: RedisSentinels,
    links: Vec<Front>,
    store: Store,
    reader: CacheCow,
}

impl Linked {
    async fn start() -> Self {
        // Woken, it would know of its successor only by chance before it is asked.
        let stubborn = ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];
        let group = RedisSentinels::start_with(1, &stubborn).await;
        let mut links = Vec::new();
        for port in group.sentinel_ports() {
            links.push(Front::of(Behind::Port(port)).await);
        }
        let url = RedisSentinels::url_by(links.iter().map(Front::port));
        let (store, reader) = (Store::with_items(1), patient().open(&url).await.unwrap());
        assert_eq!(version(&reader, &store, 1).await, 1);
        let mut replica = group.connection(1).await;
        until("it is replicated", async || {
            let exists = redis::cmd("EXISTS").arg(&names(1)[0]).query_async(&mut replica).await;
            exists.unwrap()
        })
        .await;
        Self { group, links, store, reader }
    }

    /// Stops the master until another one has confirmed an invalidation.
    async fn switch(&self) {
        let writer = patient().open(&self.group.url()).await.unwrap();
        self.group.pause(0);
        until("a replica is promoted", async || self.group.master().await == 1).await;
        self.store.bump(1);
        invalidate(&writer, 1).await;
        self.group.resume(0);
        let mut former = self.group.connection(0).await;
        let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut former).await.unwrap();
        assert_eq!(role[0], Value::BulkString(b"master".to_vec()), "it knows of nothing");
        let exists = redis::cmd("EXISTS").arg(&names(1)[0]).query_async(&mut former).await;
        assert!(exists.unwrap_or(false), "it has the old value");
    }

    /// Waits until the reader has left the former master, and looks whether it comes back.
    async fn is_led(&self) {
        until("the switch is noticed", async || version(&self.reader, &self.store, 1).await == 2)
            .await;
        for link in &self.links {
            link.comes("SENTINEL", 4).await;
            assert_eq!(version(&self.reader, &self.store, 1).await, 2);
        }
    }
}

#[tokio::test]
async fn a_switch_that_was_missed_while_the_links_were_cut_is_made_up_for() {
    let linked = Linked::start().await;
    linked.links.iter().for_each(|link| link.cut(true));
    linked.switch().await;
    linked.links.iter().for_each(|link| link.cut(false));
    linked.is_led().await;
}

#[tokio::test]
async fn a_switch_that_was_missed_since_the_links_had_gone_dead_is_made_up_for() {
    let linked = Linked::start().await;
    // As behind a router that has forgotten them; what is connected anew passes.
    linked.links.iter().for_each(Front::go_dead);
    linked.switch().await;
    linked.is_led().await;
}

/// Three sentinels that say what they are told to, and the two servers that they may name.
struct Scripted {
    speaker: RedisServer,
    servers: [RedisServer; 2],
    ports: [u16; 2],
    sentinels: Vec<Front>,
    /// For each sentinel the epoch, and which of the servers it names.
    words: Arc<Mutex<[(u64, usize); 3]>>,
}

impl Scripted {
    async fn start(words: [(u64, usize); 3]) -> Self {
        let (speaker, ports) = (RedisServer::start(), [free_port(), free_port()]);
        let servers = ports.map(|port| {
            RedisServer::start_with(&["--port", &port.to_string(), "--bind", "127.0.0.1"])
        });
        let (words, mut sentinels) = (Arc::new(Mutex::new(words)), Vec::new());
        for sentinel in 0..3 {
            let words = Arc::clone(&words);
            let instead = move |command: &Command| {
                let (epoch, server) = words.lock().unwrap()[sentinel];
                Self::answer(command, epoch, ports[server])
            };
            let behind = Behind::Socket(speaker.socket());
            sentinels.push(Front::instead(behind, instead).await);
        }
        Self { speaker, servers, ports, sentinels, words }
    }

    fn answer(asked: &Command, epoch: u64, port: u16) -> Option<Vec<u8>> {
        let question = (asked.name() == "SENTINEL").then(|| asked.words[1].to_ascii_uppercase())?;
        let answer = if question == b"MASTER" {
            format!("return {{'name','x','config-epoch','{epoch}'}}")
        } else {
            format!("return {{'127.0.0.1','{port}'}}")
        };
        Some(command(&["EVAL", &answer, "0"]))
    }

    fn say(&self, words: [(u64, usize); 3]) {
        *self.words.lock().unwrap() = words;
    }

    fn url(&self) -> String {
        RedisSentinels::url_by(self.sentinels.iter().map(Front::port))
    }

    /// Waits until what every sentinel says now has been heard.
    async fn heard(&self) {
        let mut connection = self.speaker.connection().await;
        // They tell of something; the second time, what they were asked at the first was answered.
        for _ in 0..3 {
            let asked = self.sentinels.iter().map(|sentinel| sentinel.comes("SENTINEL", 2));
            let (_, told) = tokio::join!(join_all(asked), async {
                let told = redis::cmd("PUBLISH").arg("+switch-master").arg("").take();
                told.query_async::<u64>(&mut connection).await
            });
            told.unwrap();
        }
    }

    /// Whether an item is stored on this server.
    async fn has(&self, server: usize, id: i64) -> bool {
        let mut look = self.servers[server].connection().await;
        redis::cmd("EXISTS").arg(&names(id)[0]).query_async(&mut look).await.unwrap()
    }
}

#[tokio::test]
async fn a_sentinel_that_was_cut_off_does_not_name_the_master_alone() {
    let group = Scripted::start([(4, 0), (5, 1), (5, 1)]).await;
    // The one that knows nothing is the first to answer.
    group.sentinels[1].hold_up(true);
    group.sentinels[2].hold_up(true);
    let (store, cow) = (Store::with_items(1), patient().open(&group.url()).await.unwrap());
    let view = cow.with(&store);
    let mut reading = std::pin::pin!(view.read(Item::by_id(1)));
    tokio::select! {
        biased;
        _ = &mut reading => panic!("one sentinel alone has named the master"),
        () = group.sentinels[0].comes("SENTINEL", 4) => {}
    }
    group.sentinels[1].hold_up(false);
    assert_eq!(reading.await.unwrap().fill, Fill::Stored);
    assert!(group.has(1, 1).await && !group.has(0, 1).await);
}

#[tokio::test]
async fn what_sentinels_say_of_before_leads_nobody_back() {
    let group = Scripted::start([(4, 0); 3]).await;
    let (store, cow) = (Store::with_items(5), patient().open(&group.url()).await.unwrap());
    let stored = async |id, server: usize| {
        let read = cow.with(&store).read(Item::by_id(id)).await.unwrap();
        assert_eq!(read.fill, Fill::Stored);
        assert!(group.has(server, id).await && !group.has(1 - server, id).await);
    };
    stored(1, 0).await;
    group.say([(5, 1), (4, 0), (4, 0)]);
    group.heard().await;
    stored(2, 1).await;
    // As one that was started anew with its first file.
    group.say([(5, 1), (5, 1), (0, 0)]);
    group.heard().await;
    stored(3, 1).await;
    // As all of them after `SENTINEL REMOVE` and `SENTINEL MONITOR`.
    group.say([(0, 0); 3]);
    group.heard().await;
    stored(4, 0).await;
    assert_ne!(group.ports[0], group.ports[1]);
}

/// Two nodes that say what they are told to of a cluster, each in front of a server of its own.
struct Nodes {
    servers: Vec<RedisServer>,
    fronts: Vec<Front>,
    /// For each node the epoch, and which one it names as the owner of all slots.
    words: Arc<Mutex<[(u64, usize); 2]>>,
    ports: Arc<Mutex<Vec<u16>>>,
}

impl Nodes {
    async fn start() -> Self {
        let (words, ports) = (Arc::new(Mutex::new([(1, 0); 2])), Arc::new(Mutex::new(Vec::new())));
        let (mut servers, mut fronts) = (Vec::new(), Vec::new());
        for node in 0..2 {
            let server = RedisServer::start();
            let (words, named) = (Arc::clone(&words), Arc::clone(&ports));
            let instead = move |command: &Command| {
                let (epoch, owner) = words.lock().unwrap()[node];
                Self::answer(command, epoch, &named.lock().unwrap(), owner)
            };
            let front = Front::instead(Behind::Socket(server.socket()), instead).await;
            ports.lock().unwrap().push(front.port());
            fronts.push(front);
            servers.push(server);
        }
        Self { servers, fronts, words, ports }
    }

    fn answer(asked: &Command, epoch: u64, ports: &[u16], owner: usize) -> Option<Vec<u8>> {
        let question = (asked.name() == "CLUSTER").then_some(&asked.words[1])?;
        Some(if question == b"INFO" {
            let info = format!("cluster_state:ok\r\ncluster_current_epoch:{epoch}\r\n");
            command(&["ECHO", &info])
        } else {
            let (owner, other) = (ports[owner], ports[1 - owner]);
            let node = |port| format!("{{'127.0.0.1',{port},'{port}'}}");
            let slots = format!("return {{{{0,16383,{},{}}}}}", node(owner), node(other));
            command(&["EVAL", &slots, "0"])
        })
    }

    fn url(&self) -> String {
        let ports = self.ports.lock().unwrap();
        format!("redis+cluster://127.0.0.1:{},127.0.0.1:{}", ports[0], ports[1])
    }

    /// Fails over from the first node, which is stopped and knows of nothing.
    async fn fail_over(&self) {
        self.fronts[0].hold_up(true);
        self.words.lock().unwrap()[1] = (2, 1);
        // Two questions to each node at a time; one of the first may have been on its way.
        self.fronts[1].comes("CLUSTER", 6).await;
    }

    async fn has(&self, node: usize, id: i64) -> bool {
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

#[tokio::test]
async fn an_idle_reader_is_led_to_the_master_that_a_cluster_has_chosen() {
    let cluster = RedisCluster::start().await;
    let id = {
        let mut id = 1;
        while cluster.owner(slot(id), 0).await != 0 {
            id += 1;
        }
        id
    };
    let store = Store::with_items(id);
    let reader = patient().open(&cluster.url()).await.unwrap();
    assert_eq!(version(&reader, &store, id).await, 1);
    let mut replica = cluster.connection(3).await;
    until("it is replicated", async || {
        let size = redis::cmd("DBSIZE").query_async::<u64>(&mut replica).await;
        size.unwrap() == 1
    })
    .await;
    cluster.pause(0);
    for node in 1..6 {
        until("the replica is chosen", async || cluster.owner(slot(id), node).await == 3).await;
    }
    let asked = async || {
        let mut asked = 0;
        for node in 1..6 {
            let stats = cluster.info(node, "commandstats").await;
            // By the command, or by what it is asked for.
            let calls = stats.lines().filter_map(|line| {
                line.strip_prefix("cmdstat_cluster")?.split_once(":calls=")?.1.split(',').next()
            });
            asked += calls.map(|calls| calls.parse::<u64>().unwrap()).sum::<u64>();
        }
        asked
    };
    // A round is six questions at the most: one has begun after the choice, and has ended.
    let before = asked().await;
    until("it asks while it is idle", async || asked().await >= before + 13).await;
    let read = reader.with(&store).read(Item::by_id(id)).await.unwrap();
    assert_eq!(read.source, Source::Cache, "the former master is not waited for");
    let writer = patient().open(&cluster.url()).await.unwrap();
    store.bump(id);
    writer.invalidate(Item::by_id(id)).await.unwrap();
    cluster.resume(0);
    assert_eq!(version(&reader, &store, id).await, 2);
}
