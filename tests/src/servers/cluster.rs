//! A real Redis cluster for one test.

use std::fmt;
use std::ops::Range;
use std::process::Command;
use std::time::Duration;

use redis::Value;
use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tempfile::TempDir;

use super::ports::free_port_with_bus;
use super::{Process, install};
use crate::patient::connect;

pub(super) const MASTERS: usize = 3;
const SLOTS: usize = 16384;
/// So long that a node which a busy machine holds up does not pass for one that failed.
const LASTING: [&str; 2] = ["--cluster-node-timeout", "60000"];

/// Three masters, nodes 0 to 2, each with a replica, node 3 to 5 in the same order, on loopback
/// ports; killed and waited for when dropped.
pub struct RedisCluster {
    nodes: Vec<Node>,
}

struct Node {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl RedisCluster {
    /// Starts a cluster, and waits until every node says that it works.
    ///
    /// # Panics
    ///
    /// With a server's log, if it does not start.
    pub async fn start() -> Self {
        // Short, so that a failover does not take long.
        Self::start_nodes(2 * MASTERS, &["--cluster-node-timeout", "1500"]).await
    }

    /// Starts the same cluster for a test that loses no master: none is replaced.
    ///
    /// # Panics
    ///
    /// With a server's log, if it does not start.
    pub async fn start_lasting() -> Self {
        Self::start_nodes(2 * MASTERS, &LASTING).await
    }

    /// Starts a cluster without replicas, whose servers have more arguments.
    ///
    /// # Panics
    ///
    /// With a server's log, if it does not start.
    pub async fn start_masters(arguments: &[&str]) -> Self {
        // Unless a test asks for less.
        Self::start_nodes(MASTERS, &[&LASTING, arguments].concat()).await
    }

    async fn start_nodes(nodes: usize, arguments: &[&str]) -> Self {
        let mut cluster = Self { nodes: (0..nodes).map(|_| Node::stopped(arguments)).collect() };
        cluster.nodes.iter_mut().for_each(Node::start);
        cluster.join().await;
        cluster.ready().await;
        cluster
    }

    /// Introduces the nodes to each other, and gives each its part.
    async fn join(&self) {
        let mut ids = Vec::new();
        for node in 0..self.nodes.len() {
            let mut connection = self.connection(node).await;
            ids.push(cluster_text(&mut connection, &["MYID"]).await);
            cluster(&mut connection, &["SET-CONFIG-EPOCH", &(node + 1).to_string()]).await;
            if node < MASTERS {
                let slots: Vec<String> = slots_of(node).map(|slot| slot.to_string()).collect();
                let mut command = redis::cmd("CLUSTER");
                command.arg("ADDSLOTS").arg(&slots);
                let _: () = command.query_async(&mut connection).await.expect("free slots");
            }
        }
        let mut first = self.connection(0).await;
        for node in &self.nodes[1..] {
            cluster(&mut first, &["MEET", "127.0.0.1", &node.port.to_string()]).await;
        }
        for replica in MASTERS..self.nodes.len() {
            let mut connection = self.connection(replica).await;
            let master = &ids[replica - MASTERS];
            until(async || {
                let nodes = cluster_text(&mut connection, &["NODES"]).await;
                let known = nodes.lines().filter(|line| !line.contains("handshake")).count();
                (known == self.nodes.len() && nodes.contains(&**master)).then_some(())
            })
            .await;
            cluster(&mut connection, &["REPLICATE", master]).await;
        }
    }

    /// Waits until every node that runs sees a working cluster with an owner of every slot, and every
    /// replica follows its master.
    ///
    /// # Panics
    ///
    /// After a minute.
    pub async fn ready(&self) {
        for node in self.running() {
            let mut connection = self.connection(node).await;
            until(async || {
                let info = cluster_text(&mut connection, &["INFO"]).await;
                let nodes = cluster_text(&mut connection, &["NODES"]).await;
                let masters = nodes
                    .lines()
                    .filter(|line| line.contains("master") && !line.contains("fail"))
                    .count();
                let replication = self.info(node, "replication").await;
                let alone = self.nodes.len() == MASTERS;
                let follows = replication.contains("master_link_status:up")
                    || replication.contains("state=online")
                    || alone;
                // A node knows another one before it knows its slots, and calls that a working cluster
                // if it need not have them all.
                let whole = info.contains(&format!("cluster_slots_assigned:{SLOTS}\r"));
                let works = info.contains("cluster_state:ok");
                (works && whole && masters == MASTERS && follows).then_some(())
            })
            .await;
        }
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        let hosts: Vec<String> =
            self.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
        format!("redis+cluster://{}", hosts.join(","))
    }

    /// The address of one node alone.
    pub fn node_url(&self, node: usize) -> String {
        format!("redis://127.0.0.1:{}", self.nodes[node].port)
    }

    /// A node's port.
    pub fn port(&self, node: usize) -> u16 {
        self.nodes[node].port
    }

    /// The nodes that run.
    pub fn running(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|&node| self.nodes[node].process.is_some())
    }

    /// A connection to one node, beside cachecow's.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub async fn connection(&self, node: usize) -> MultiplexedConnection {
        connect(&self.node_url(node)).await.expect("the node runs")
    }

    /// A section of a node's `INFO`.
    ///
    /// # Panics
    ///
    /// If the node does not run.
    pub async fn info(&self, node: usize, section: &str) -> String {
        let mut connection = self.connection(node).await;
        let info = redis::cmd("INFO").arg(section).query_async(&mut connection).await;
        info.expect("the node runs")
    }

    /// The node that owns a slot, as this node sees it. During a failover there may be none for a moment:
    /// then it waits until there is.
    ///
    /// # Panics
    ///
    /// If the node does not answer.
    pub async fn owner(&self, slot: u16, of: usize) -> usize {
        let mut connection = self.connection(of).await;
        loop {
            let answer: Value = redis::cmd("CLUSTER")
                .arg("SLOTS")
                .query_async(&mut connection)
                .await
                .expect("slots");
            let ranges: Vec<Vec<Value>> = redis::from_redis_value(answer).expect("ranges of slots");
            let port = ranges.iter().find_map(|range| match &range[..] {
                [Value::Int(first), Value::Int(last), Value::Array(master), ..]
                    if (*first..=*last).contains(&i64::from(slot)) =>
                {
                    Some(master[1].clone())
                }
                _ => None,
            });
            let Some(port) = port else { continue };
            let port: u16 = redis::from_redis_value(port).expect("a port");
            return self.nodes.iter().position(|node| node.port == port).expect("one of the nodes");
        }
    }

    /// Kills a node, as a crash would, and waits until it is gone.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].process = None;
    }

    /// Starts a node again, with what it knew of the cluster.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self, node: usize) {
        self.kill(node);
        self.nodes[node].start();
    }

    /// Makes one node forget the slots that another one was given, as if it had never heard of them.
    /// It hears of them again as soon as the other one speaks to it.
    ///
    /// # Panics
    ///
    /// If the node does not run, or has forgotten them already.
    pub async fn forget_slots(&self, at: usize, of: usize) {
        let mut connection = self.connection(at).await;
        let slots: Vec<String> = slots_of(of).map(|slot| slot.to_string()).collect();
        let mut command = redis::cmd("CLUSTER");
        command.arg("DELSLOTS").arg(&slots);
        let _: () = command.query_async(&mut connection).await.expect("known slots");
    }

    /// Hangs a node: connections stay open, nothing is answered.
    pub fn pause(&self, node: usize) {
        self.signal(node, Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self, node: usize) {
        self.signal(node, Signal::CONT);
    }

    /// [Hangs](Self::pause) a replica, and cuts its link to its master: what the master does from now
    /// on is not even on its way to it.
    ///
    /// # Panics
    ///
    /// If the master does not run.
    pub async fn cut_replica(&self, master: usize, replica: usize) {
        let mut master = self.connection(master).await;
        self.pause(replica);
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("TYPE").arg("replica");
        let _: u64 = kill.query_async(&mut master).await.expect("the link is cut");
    }

    fn signal(&self, node: usize, signal: Signal) {
        self.nodes[node].process.as_ref().expect("the node runs").signal(signal);
    }
}

impl Node {
    fn stopped(arguments: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { folder, port: free_port_with_bus(), arguments, process: None }
    }

    fn start(&mut self) {
        let mut command = Command::new(install::redis_server());
        command
            .args(["--cluster-enabled", "yes", "--bind", "127.0.0.1", "--loglevel", "notice"])
            .args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"])
            .args(["--cluster-replica-validity-factor", "0"])
            .args(["--port", &self.port.to_string()])
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments);
        let (process, ()) = Process::start(command, is_ready);
        self.process = Some(process);
    }
}

/// The slots that a master is given at first.
fn slots_of(master: usize) -> Range<u16> {
    let bound = |master: usize| {
        u16::try_from(SLOTS * master / MASTERS).expect("there are not that many slots")
    };
    bound(master)..bound(master + 1)
}

/// Whether a server says that it can be connected to.
pub(super) fn is_ready(line: &str) -> Option<()> {
    line.to_lowercase().contains("ready to accept connections").then_some(())
}

/// Polls until there is a result.
///
/// # Panics
///
/// After a minute.
pub(super) async fn until<T>(mut result: impl AsyncFnMut() -> Option<T>) -> T {
    let polled = async {
        loop {
            if let Some(result) = result().await {
                return result;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), polled).await.expect("ready within a minute")
}

pub(super) async fn cluster(connection: &mut MultiplexedConnection, arguments: &[&str]) {
    let done: redis::RedisResult<()> =
        redis::cmd("CLUSTER").arg(arguments).query_async(connection).await;
    done.unwrap_or_else(|error| panic!("CLUSTER {arguments:?}: {error}"));
}

pub(super) async fn cluster_text(
    connection: &mut MultiplexedConnection,
    arguments: &[&str],
) -> String {
    let text = redis::cmd("CLUSTER").arg(arguments).query_async(connection).await;
    text.unwrap_or_else(|error| panic!("CLUSTER {arguments:?}: {error}"))
}

impl fmt::Debug for RedisCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisCluster").field("url", &self.url()).finish_non_exhaustive()
    }
}
