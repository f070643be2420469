//! The nodes of a cluster and their slots, as a node reported them last.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ::redis::{Cmd, ConnectionAddr, ConnectionInfo, Value};
use futures_util::stream::{StreamExt as _, iter};
use parking_lot::{Mutex, MutexGuard, RwLock};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::super::super::{BackendError, BackendErrorKind};
use super::super::attempt::{Attempt, Attempts};
use super::super::reply;
use super::super::sentinel::at;
use super::super::server::{Endpoint, Server};
use super::node::{Address, Node};
use super::slots::{SlotMap, parse};
use super::view::{Doubt, View, Views};

/// How many nodes are asked at a time.
const ASKED: usize = 3;
/// The shortest time between two requests for the slots.
const INTERVAL: Duration = Duration::from_millis(100);
/// How often the nodes are asked even if nothing seems to have changed: a process that sends
/// nothing to a master does not notice when it fails.
const ROUND: Duration = Duration::from_secs(1);

/// Where a cluster can be found.
pub(crate) struct Seeds {
    addresses: Vec<Address>,
    /// The connection settings of all nodes, except the address.
    like: ConnectionInfo,
}

impl Seeds {
    /// `None` if there is no node.
    pub(crate) fn new(nodes: Vec<ConnectionInfo>) -> Option<Self> {
        let address = |info: &ConnectionInfo| match info.addr() {
            ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. } => {
                Some(Address { host: host.clone(), port: *port })
            }
            _ => None,
        };
        let addresses = nodes.iter().filter_map(address).collect();
        let like = nodes.into_iter().next()?;
        Some(Self { addresses, like })
    }
}

pub(super) struct Topology {
    /// The URL's nodes, by the addresses that it gives. The nodes themselves may give others.
    seeds: Vec<Arc<Node>>,
    /// The connection settings of all nodes, except the address.
    like: Box<ConnectionInfo>,
    connect_timeout: Duration,
    map: RwLock<Arc<SlotMap>>,
    /// The cluster's epoch at the time of the map.
    epoch: AtomicU64,
    /// Masters, replicas, and nodes from redirections.
    nodes: Mutex<HashMap<Address, Arc<Node>>>,
    /// Whether the nodes that answer may lack the last failover.
    doubt: Mutex<Doubt>,
    /// The refresh under way, which many callers may wait for.
    refreshes: Attempts<()>,
    /// The number of refreshes so far.
    turns: AtomicU64,
    /// The number of the refresh that the map is from.
    taken: Mutex<u64>,
    /// When the last refresh ended.
    last_refresh: Mutex<Option<Instant>>,
    /// The task that asks the nodes in every [`ROUND`].
    rounds: Mutex<Option<JoinHandle<()>>>,
}

impl Topology {
    pub(super) fn new(seeds: Box<Seeds>, connect_timeout: Duration) -> Arc<Self> {
        let Seeds { addresses, like } = *seeds;
        let node = |address| new_node(address, &like, connect_timeout);
        Arc::new(Self {
            seeds: addresses.into_iter().map(node).collect(),
            like: Box::new(like),
            connect_timeout,
            map: RwLock::default(),
            epoch: AtomicU64::new(0),
            nodes: Mutex::default(),
            doubt: Mutex::default(),
            refreshes: Attempts::default(),
            turns: AtomicU64::new(0),
            taken: Mutex::default(),
            last_refresh: Mutex::default(),
            rounds: Mutex::default(),
        })
    }

    pub(super) fn map(&self) -> Arc<SlotMap> {
        Arc::clone(&self.map.read())
    }

    /// The node at an address.
    pub(super) fn node(&self, address: &Address) -> Arc<Node> {
        let mut nodes = self.nodes.lock();
        if let Some(node) = nodes.get(address) {
            return Arc::clone(node);
        }
        let seed = self.seeds.iter().find(|seed| seed.address == *address).cloned();
        let new = || new_node(address.clone(), &self.like, self.connect_timeout);
        let node = seed.unwrap_or_else(new);
        nodes.insert(address.clone(), Arc::clone(&node));
        node
    }

    /// Makes sure that there is a map.
    pub(super) async fn known(self: &Arc<Self>, deadline: Instant) -> Result<(), BackendError> {
        // In each operation, since the runtime of the task may have ended.
        self.go_on_asking();
        if !self.map().is_empty() {
            return Ok(());
        }
        self.refresh_at_once(deadline).await
    }

    /// Asks the nodes again, even if they were asked a moment ago.
    pub(super) async fn refresh_at_once(
        self: &Arc<Self>,
        deadline: Instant,
    ) -> Result<(), BackendError> {
        let late =
            |_| Err(BackendErrorKind::TimedOut.with("while looking for the cluster's nodes"));
        tokio::time::timeout_at(deadline, self.refresh_now()).await.unwrap_or_else(late)
    }

    /// Asks the nodes again, unless they were asked a moment ago.
    pub(super) async fn refresh(self: &Arc<Self>, deadline: Instant) {
        if let Some(attempt) = self.due() {
            // A failure leaves the map as it was.
            let _ = tokio::time::timeout_at(deadline, attempt).await;
        }
    }

    /// [`refresh`](Self::refresh), without waiting for it.
    pub(super) fn refresh_later(self: &Arc<Self>) {
        self.due();
    }

    fn due(self: &Arc<Self>) -> Option<Attempt<()>> {
        self.go_on_asking();
        let is_recent = self.last().is_some_and(|last| last.elapsed() < INTERVAL);
        (self.refreshes.is_under_way() || !is_recent).then(|| self.refresh_now())
    }

    /// The refresh under way, or a new one.
    fn refresh_now(self: &Arc<Self>) -> Attempt<()> {
        let topology = Arc::clone(self);
        self.refreshes.join_or_begin(self.connect_timeout.saturating_mul(2), async move {
            let learnt = topology.learn().await;
            *topology.last() = Some(Instant::now());
            learnt
        })
    }

    /// Asks the nodes, a few at a time. Takes the view of the first node that is part of a working
    /// cluster, is not outdated and knows an owner of every slot, or otherwise the best view. For this, it does not
    /// wait for nodes that failed to answer last time.
    async fn learn(self: &Arc<Self>) -> Result<(), BackendError> {
        let turn = self.turns.fetch_add(1, Ordering::Relaxed) + 1;
        let candidates: Vec<_> =
            self.candidates().into_iter().map(|node| (node.is_failing(), node)).collect();
        let mut waited_for = candidates.iter().filter(|(is_failing, _)| !is_failing).count();
        let mut views = Views::new(self.epoch.load(Ordering::Relaxed), candidates.len());
        let asked = candidates.into_iter().map(|(is_failing, node)| async move {
            let told = self.tell(node).await;
            (is_failing, told)
        });
        let mut asked = iter(asked).buffer_unordered(ASKED);
        let mut error = None;
        while !(views.are_enough() || (waited_for == 0 && views.have_one()))
            && let Some((is_failing, told)) = asked.next().await
        {
            waited_for -= usize::from(!is_failing);
            match told {
                Ok(view) => views.add(view),
                Err(failed) => error = Some(failed),
            }
        }
        let best = views.best(&mut self.doubt.lock(), Instant::now());
        match (best, error) {
            (Some(view), _) if !view.ranges.is_empty() => {
                self.take(&view, turn);
                Ok(())
            }
            (_, Some(error)) => Err(error),
            _ => Err(BackendErrorKind::Rejected.with("the cluster's nodes serve no slots")),
        }
    }

    /// The nodes to ask: first those that answered last, then all others, then the URL's.
    fn candidates(&self) -> Vec<Arc<Node>> {
        let mut candidates: Vec<Arc<Node>> = {
            let nodes = self.nodes.lock();
            nodes.values().cloned().collect()
        };
        // Not always the same node first: it may be cut off from the others.
        fastrand::shuffle(&mut candidates);
        candidates.sort_by_key(|node| node.is_failing());
        for seed in &self.seeds {
            if !candidates.iter().any(|node| node.address == seed.address) {
                candidates.push(Arc::clone(seed));
            }
        }
        candidates
    }

    async fn tell(&self, node: Arc<Node>) -> Result<View, BackendError> {
        let deadline = Instant::now() + self.connect_timeout;
        let [info, slots] = [cluster("INFO"), cluster("SLOTS")];
        let info = match node.ask(info, deadline).await? {
            Value::BulkString(info) => info,
            // Not in cluster mode, or not allowed.
            Value::ServerError(error) => {
                return Err(BackendErrorKind::Rejected
                    .with(format!("{} to CLUSTER INFO; is it a cluster?", error.code())));
            }
            _ => return Err(super::super::malformed("to CLUSTER INFO")),
        };
        let works = info.windows(16).any(|part| part == b"cluster_state:ok");
        match node.ask(slots, deadline).await? {
            Value::ServerError(error) => Err(reply::rejected(&error)),
            slots => {
                let ranges = parse(slots, &node.address);
                let ranges = ranges.ok_or_else(|| super::super::malformed("to CLUSTER SLOTS"))?;
                Ok(View { works: works && !ranges.is_empty(), epoch: epoch(&info), ranges })
            }
        }
    }

    fn take(&self, view: &View, turn: u64) {
        let mut last = self.taken.lock();
        // A refresh that took too long, and ends after a later one, is outdated.
        if *last > turn {
            return;
        }
        *last = turn;
        let View { works, epoch, ranges } = view;
        // A node without a working cluster may have an epoch of its own.
        if *works {
            self.epoch.store(*epoch, Ordering::Relaxed);
        }
        let map = SlotMap::new(*works, ranges, |address| self.node(address));
        let replicas = ranges.iter().flat_map(|range| &range.replicas);
        let named: Vec<&Address> =
            ranges.iter().map(|range| &range.master).chain(replicas).collect();
        named.iter().for_each(|address| drop(self.node(address)));
        self.nodes.lock().retain(|address, _| named.contains(&address));
        *self.map.write() = Arc::new(map);
    }

    /// Starts to ask the nodes in every [`ROUND`], unless a task already does.
    fn go_on_asking(self: &Arc<Self>) {
        let mut rounds = self.rounds.lock();
        // The task ends with its runtime.
        if rounds.as_ref().is_some_and(|rounds| !rounds.is_finished()) {
            return;
        }
        let topology = Arc::downgrade(self);
        *rounds = Some(tokio::spawn(async move {
            loop {
                tokio::time::sleep(ROUND).await;
                let Some(topology) = topology.upgrade() else { return };
                topology.refresh_later();
            }
        }));
    }

    fn last(&self) -> MutexGuard<'_, Option<Instant>> {
        self.last_refresh.lock()
    }
}

impl Drop for Topology {
    fn drop(&mut self) {
        let rounds = self.rounds.get_mut();
        rounds.iter().for_each(JoinHandle::abort);
    }
}

fn new_node(address: Address, like: &ConnectionInfo, connect_timeout: Duration) -> Arc<Node> {
    let info = like.clone().set_addr(at(like.addr(), address.host.clone(), address.port));
    let server = Server::new(Endpoint::At(Box::new(info)), connect_timeout);
    Node::new(address, server)
}

/// The epoch in an answer to `CLUSTER INFO`; the same for all servers that report none.
fn epoch(info: &[u8]) -> u64 {
    let info = String::from_utf8_lossy(info);
    let epoch = info.lines().find_map(|line| line.strip_prefix("cluster_current_epoch:"));
    epoch.and_then(|epoch| epoch.trim().parse().ok()).unwrap_or(0)
}

fn cluster(question: &str) -> Cmd {
    let mut command = ::redis::cmd("CLUSTER");
    command.arg(question);
    command
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The connections' own form would show the password.
        let map = self.map();
        f.debug_struct("Topology")
            .field("seeds", &self.seeds.iter().map(|seed| &seed.address).collect::<Vec<_>>())
            .field("masters", &map.masters())
            .finish_non_exhaustive()
    }
}
