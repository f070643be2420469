//! A move of slots from one master of a cluster to another, as `redis-cli --cluster reshard` carries it
//! out, and one that is broken off.

use std::iter::once;

use cachecow_tests::servers::RedisCluster;
use fastrand::Rng;

use crate::cluster::for_a_while;
use crate::history::{CELLS, OBJECTS};
use crate::shards::{first_slot, shard_of, slots_of};
use crate::worker::HOT;

/// How many slots move together at the most.
const MOST: usize = 12;
/// How many keys go in one command.
const KEYS: usize = 100;

/// A move that may be carried out.
pub(crate) struct Move {
    slots: Vec<u16>,
    from: usize,
    pub(crate) to: usize,
    /// The masters of all shards.
    masters: Vec<usize>,
}

impl Move {
    /// A move of slots of the shard that have objects, above all those that are read most.
    pub(crate) fn of(
        shard: u16,
        from: usize,
        to: usize,
        masters: Vec<usize>,
        random: &mut Rng,
    ) -> Self {
        let mut slots = Vec::new();
        while slots.len() < MOST {
            let mut cell = random.usize(..CELLS);
            if random.bool() {
                cell -= cell % OBJECTS;
                cell += random.usize(..HOT as usize);
            }
            let own = slots_of(cell).into_iter().filter(|slot| shard_of(*slot) == shard);
            slots.extend(own.filter(|slot| *slot != first_slot(shard)));
        }
        slots.sort_unstable();
        slots.dedup();
        Self { slots, from, to, masters }
    }

    /// The same slots' way back.
    pub(crate) fn back(&self) -> Self {
        let Self { slots, from, to, masters } = self;
        Self { slots: slots.clone(), from: *to, to: *from, masters: masters.clone() }
    }

    /// Moves the slots with all their keys.
    pub(crate) async fn carry_out(&self, nodes: &RedisCluster, random: &mut Rng) {
        self.begin(nodes).await;
        tokio::time::sleep(for_a_while(random, 400)).await;
        self.finish(nodes, random).await;
    }

    /// The same, broken off in between and begun again later, with what the first attempt has left at
    /// the destination deleted before the second is begun, or at the latest before it ends.
    pub(crate) async fn carry_out_in_two(&self, nodes: &RedisCluster, random: &mut Rng) {
        self.begin(nodes).await;
        tokio::time::sleep(for_a_while(random, 400)).await;
        self.move_half(nodes, random).await;
        tokio::time::sleep(for_a_while(random, 600)).await;
        self.break_off(nodes, &[self.from, self.to]).await;
        tokio::time::sleep(for_a_while(random, 1500)).await;
        let is_careful = random.bool();
        if is_careful {
            self.clear(nodes, self.from).await;
        }
        self.begin(nodes).await;
        tokio::time::sleep(for_a_while(random, 1500)).await;
        if !is_careful {
            self.clear(nodes, self.from).await;
        }
        self.finish(nodes, random).await;
    }

    /// Begins to move the slots: keys that their owner lacks are asked for at the destination.
    pub(crate) async fn begin(&self, nodes: &RedisCluster) {
        for slot in &self.slots {
            nodes.begin_move(*slot, self.from, self.to).await;
        }
    }

    /// Moves the keys that are left, and then the slots.
    async fn finish(&self, nodes: &RedisCluster, random: &mut Rng) {
        for slot in &self.slots {
            loop {
                let keys = keys_in(nodes, self.from, *slot).await;
                if keys.is_empty() {
                    break;
                }
                self.migrate(nodes, &keys).await;
            }
        }
        tokio::time::sleep(for_a_while(random, 400)).await;
        let id: String = command(nodes, self.to, &["CLUSTER", "MYID"]).await;
        // The destination first, or for a moment nobody would own them.
        let others = self.masters.iter().filter(|&master| *master != self.to);
        for node in once(&self.to).chain(others) {
            for slot in &self.slots {
                self.set_slot(nodes, *node, *slot, &["NODE", &id]).await;
            }
        }
    }

    /// Moves some of the keys.
    pub(crate) async fn move_half(&self, nodes: &RedisCluster, random: &mut Rng) {
        for slot in &self.slots {
            let mut keys = keys_in(nodes, self.from, *slot).await;
            keys.retain(|_| random.bool());
            if !keys.is_empty() {
                self.migrate(nodes, &keys).await;
            }
        }
    }

    /// Lets the slots be where they are: nothing is asked for elsewhere.
    pub(crate) async fn break_off(&self, nodes: &RedisCluster, at: &[usize]) {
        for node in at {
            for slot in &self.slots {
                self.set_slot(nodes, *node, *slot, &["STABLE"]).await;
            }
        }
    }

    /// Deletes what the destination has of the slots, which are not its own but this node's.
    pub(crate) async fn clear(&self, nodes: &RedisCluster, owner: usize) {
        let id: String = command(nodes, owner, &["CLUSTER", "MYID"]).await;
        let mut connection = nodes.connection(self.to).await;
        for slot in &self.slots {
            self.set_slot(nodes, self.to, *slot, &["IMPORTING", &id]).await;
            for key in keys_in(nodes, self.to, *slot).await {
                let mut deletion = redis::pipe();
                deletion.cmd("ASKING").ignore().cmd("DEL").arg(&key).ignore();
                let deleted: redis::RedisResult<()> = deletion.query_async(&mut connection).await;
                deleted.expect("the destination imports the slot");
            }
        }
    }

    async fn migrate(&self, nodes: &RedisCluster, keys: &[String]) {
        let port = nodes.port(self.to).to_string();
        let mut migrate = vec!["MIGRATE", "127.0.0.1", &port, "", "0", "5000", "REPLACE", "KEYS"];
        migrate.extend(keys.iter().map(String::as_str));
        let _: String = command(nodes, self.from, &migrate).await;
    }

    async fn set_slot(&self, nodes: &RedisCluster, node: usize, slot: u16, to: &[&str]) {
        let slot = slot.to_string();
        let whole = [&["CLUSTER", "SETSLOT", &slot], to].concat();
        let _: String = command(nodes, node, &whole).await;
    }
}

async fn keys_in(nodes: &RedisCluster, node: usize, slot: u16) -> Vec<String> {
    let (slot, most) = (slot.to_string(), KEYS.to_string());
    command(nodes, node, &["CLUSTER", "GETKEYSINSLOT", &slot, &most]).await
}

async fn command<T: redis::FromRedisValue>(nodes: &RedisCluster, node: usize, all: &[&str]) -> T {
    let client = redis::Client::open(nodes.node_url(node)).expect("an address");
    let answer = crate::server::ask(&client, all).await;
    answer.unwrap_or_else(|error| panic!("{} {}: {error}", all[0], all.get(1).unwrap_or(&"")))
}
