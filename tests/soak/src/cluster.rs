//! A cluster, and what goes wrong with it.

use std::time::Duration;

use cachecow_tests::servers::RedisCluster;
use fastrand::Rng;

use crate::failovers::{Failover, Failovers};
use crate::faults::Fault;
use crate::history::History;
use crate::moves::Move;
use crate::server::ask;
use crate::shards::{SHARDS, first_slot};

const LOOKING: Duration = Duration::from_millis(20);

pub(crate) struct Cluster {
    nodes: RedisCluster,
    pub(crate) failovers: Failovers,
}

/// A shard as it is at the moment.
#[derive(Clone, Copy)]
struct Shard {
    number: u16,
    master: usize,
    replica: usize,
    /// A node of another shard.
    witness: usize,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self { nodes: RedisCluster::start().await, failovers: Failovers::default() }
    }

    pub(crate) fn url(&self) -> String {
        self.nodes.url()
    }

    /// Brings a fault about, and ends it.
    pub(crate) async fn carry_out(&mut self, fault: Fault, random: &mut Rng, history: &History) {
        let shard = self.shard(random.u16(..SHARDS)).await;
        match fault {
            Fault::FailedOver => self.kill(shard, None, history).await,
            Fault::FailedOverBehind => {
                let behind = for_a_while(random, 600);
                self.kill(shard, Some(behind), history).await;
            }
            Fault::FailedOverByHand => self.fail_over(shard, history).await,
            Fault::MasterStopped => {
                self.nodes.pause(shard.master);
                tokio::time::sleep(for_a_while(random, 900)).await;
                self.wake(shard, history.now(), history).await;
            }
            Fault::MasterReplaced => {
                let went = history.now();
                self.nodes.pause(shard.master);
                self.until_replaced(shard).await;
                self.wake(shard, went, history).await;
            }
            Fault::SlotsMoved => {
                let there = self.move_from(shard, random).await;
                there.carry_out(&self.nodes, random).await;
                tokio::time::sleep(for_a_while(random, 1000)).await;
                there.back().carry_out(&self.nodes, random).await;
            }
            Fault::MoveBrokenOff => {
                let there = self.move_from(shard, random).await;
                there.carry_out_in_two(&self.nodes, random).await;
                tokio::time::sleep(for_a_while(random, 1000)).await;
                there.back().carry_out(&self.nodes, random).await;
            }
            Fault::MoveFailedOver => self.fail_over_in_a_move(shard, random, history).await,
            Fault::ScriptsFlushed => self.tell_all(&["SCRIPT", "FLUSH"]).await,
            Fault::AllFlushed => self.tell_all(&["FLUSHALL"]).await,
            _ => self.tell_all(&["CLIENT", "KILL", "TYPE", "normal"]).await,
        }
    }

    async fn shard(&self, number: u16) -> Shard {
        let anyone = self.nodes.running().next().expect("a node that runs");
        let master = self.nodes.owner(first_slot(number), anyone).await;
        let nodes = [usize::from(number), usize::from(number + SHARDS)];
        let replica = if master == nodes[0] { nodes[1] } else { nodes[0] };
        let witness = (0..nodes[1]).find(|node| !nodes.contains(node)).expect("another shard's");
        Shard { number, master, replica, witness }
    }

    /// Kills a shard's master, after its replica has been out of reach for this time.
    async fn kill(&mut self, shard: Shard, behind: Option<Duration>, history: &History) {
        let cut = history.now();
        if let Some(behind) = behind {
            self.leave_behind(shard).await;
            tokio::time::sleep(behind).await;
        }
        let went = history.now();
        self.nodes.kill(shard.master);
        self.failovers.note(Failover::of(shard.number, went, history.now()).cut_off(cut));
        if behind.is_some() {
            self.nodes.resume(shard.replica);
        }
        self.until_replaced(shard).await;
        self.nodes.restart(shard.master);
        self.nodes.ready().await;
    }

    /// Has a replica hear nothing more of its master.
    async fn leave_behind(&self, shard: Shard) {
        // What it was sent it would still hear; stopped, it cannot ask for more.
        self.nodes.pause(shard.replica);
        self.tell(shard.master, &["CLIENT", "KILL", "TYPE", "replica"]).await;
    }

    /// Has the replica take its master's place while both are well.
    async fn fail_over(&mut self, shard: Shard, history: &History) {
        let went = history.now();
        loop {
            self.tell(shard.replica, &["CLUSTER", "FAILOVER"]).await;
            // It may be refused, or given up, while the nodes do not hear each other.
            let replaced = self.until_replaced(shard);
            if tokio::time::timeout(Duration::from_secs(7), replaced).await.is_ok() {
                break;
            }
        }
        self.nodes.ready().await;
        self.failovers.note(Failover::of(shard.number, went, history.now()));
    }

    /// Wakes a master that was stopped; it may serve what it has until it hears that it was replaced.
    async fn wake(&mut self, shard: Shard, went: u64, history: &History) {
        self.nodes.resume(shard.master);
        self.nodes.ready().await;
        if self.shard(shard.number).await.master != shard.master {
            self.failovers.note(Failover::of(shard.number, went, history.now()));
        }
    }

    async fn until_replaced(&self, shard: Shard) {
        while self.nodes.owner(first_slot(shard.number), shard.witness).await == shard.master {
            tokio::time::sleep(LOOKING).await;
        }
    }

    /// A move of some of the shard's slots to another shard.
    async fn move_from(&self, shard: Shard, random: &mut Rng) -> Move {
        let other = self.shard((shard.number + random.u16(1..SHARDS)) % SHARDS).await;
        let mut masters = Vec::new();
        for number in 0..SHARDS {
            masters.push(self.shard(number).await.master);
        }
        Move::of(shard.number, shard.master, other.master, masters, random)
    }

    /// The former owner of slots that move is killed in the middle, and its replica knows neither of the
    /// move nor of what was changed meanwhile.
    async fn fail_over_in_a_move(&mut self, shard: Shard, random: &mut Rng, history: &History) {
        let there = self.move_from(shard, random).await;
        let cut = history.now();
        self.leave_behind(shard).await;
        there.begin(&self.nodes).await;
        tokio::time::sleep(for_a_while(random, 600)).await;
        there.move_half(&self.nodes, random).await;
        tokio::time::sleep(for_a_while(random, 600)).await;
        let went = history.now();
        self.nodes.kill(shard.master);
        self.failovers.note(Failover::of(shard.number, went, history.now()).cut_off(cut));
        self.nodes.resume(shard.replica);
        self.until_replaced(shard).await;
        self.nodes.restart(shard.master);
        // The slots stay where they were: what has been moved is given up. A node that imports a slot
        // does not hear of its new owner.
        there.break_off(&self.nodes, &[there.to]).await;
        self.nodes.ready().await;
        there.clear(&self.nodes, shard.replica).await;
        there.break_off(&self.nodes, &[there.to]).await;
    }

    async fn tell_all(&self, command: &[&str]) {
        for node in self.nodes.running() {
            self.tell(node, command).await;
        }
    }

    async fn tell(&self, node: usize, command: &[&str]) {
        let client = redis::Client::open(self.nodes.node_url(node)).expect("an address");
        // Replicas refuse to be flushed, and are by their masters.
        let _: redis::RedisResult<redis::Value> = ask(&client, command).await;
    }

    /// Its servers' program and version.
    pub(crate) async fn version(&self) -> String {
        let info = self.nodes.info(0, "server").await;
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        format!("a cluster of Redis {}", version.unwrap_or_default().trim())
    }
}

/// A time up to this, in milliseconds, and not much shorter.
pub(crate) fn for_a_while(random: &mut Rng, longest: u64) -> Duration {
    Duration::from_millis(random.u64(longest / 5..longest))
}
