//! A cluster that fails over, and what that explains.
//!
//! An asynchronous failover loses what the former master had acknowledged and not yet passed on: an
//! invalidation among it leaves the old value in the cache, for its time to live. That is not promised
//! otherwise. So a read that is older than promised is **inside** what is not promised, if every
//! promise that it went against was begun before a master of its keys was gone and made no longer than
//! shortly before that, and it was read before what was then in the cache, or on its way there, had to be gone; else it is a
//! violation.
//!
//! An object that was invalidated by its alias alone is an exception: the pointer is gone, on every
//! replica if need be, and the next reader by the alias replaces the object under its primary key. That is
//! no invalidation and may be lost, long after the first; then the alias leads to the old object again.

use std::collections::BTreeSet;
use std::time::Duration;

use cachecow::{Cached as _, Key, Lookup as _};
use cachecow_tests::servers::RedisCluster;
use fastrand::Rng;
use redis::cluster_routing::Slot;

use crate::faults::Fault;
use crate::history::{History, Micros, OBJECTS, Suspect};
use crate::objects::{GROUP, Grouped, LONGEST_TTL, Named, Plain, Soaked, Soft, Strict, is_alias};
use crate::server::ask;
use crate::worker::LEASE;

const SHARDS: u16 = 3;
const SLOTS: u16 = 16384;
/// An invalidation that was acknowledged longer before the failover must have reached the replica.
const REPLICATION: Duration = Duration::from_secs(2);
/// How long the old value may be read: one that was being fetched is stored within its lease.
const REMAINS: Duration = LEASE.checked_add(LONGEST_TTL).expect("a short time");

pub(crate) struct Cluster {
    nodes: RedisCluster,
    failovers: Vec<Failover>,
}

/// The end of a master.
#[derive(Clone, Copy, Debug)]
struct Failover {
    shard: u16,
    /// When it was about to be killed.
    went: Micros,
    gone: Micros,
}

/// What became of the reads that were older than promised.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Reads that a failover explains.
    pub inside: usize,
    /// The acknowledged invalidations that were lost with those.
    pub lost: usize,
    /// The longest time between the beginning of such an invalidation and the end of the master.
    pub longest_lag: Duration,
    /// The longest time between the end of the master and the end of such a read.
    pub longest_stay: Duration,
    /// Reads that nothing explains, or that there was no room to note.
    pub outside: usize,
}

impl Cluster {
    pub(crate) async fn start() -> Self {
        Self { nodes: RedisCluster::start().await, failovers: Vec::new() }
    }

    pub(crate) fn url(&self) -> String {
        self.nodes.url()
    }

    pub(crate) async fn carry_out(&mut self, fault: Fault, random: &mut Rng, history: &History) {
        match fault {
            Fault::FailedOver => self.fail_over(random.u16(..SHARDS), None, history).await,
            Fault::FailedOverBehind => {
                let behind = Duration::from_millis(random.u64(50..600));
                self.fail_over(random.u16(..SHARDS), Some(behind), history).await;
            }
            Fault::ScriptsFlushed => self.tell_all(&["SCRIPT", "FLUSH"]).await,
            Fault::AllFlushed => self.tell_all(&["FLUSHALL"]).await,
            _ => self.tell_all(&["CLIENT", "KILL", "TYPE", "normal"]).await,
        }
    }

    /// Kills a shard's master, after its replica has been out of reach for this time.
    async fn fail_over(&mut self, shard: u16, behind: Option<Duration>, history: &History) {
        let slot = first_slot(shard);
        let anyone = self.nodes.running().next().expect("a node that runs");
        let master = self.nodes.owner(slot, anyone).await;
        let nodes = [usize::from(shard), usize::from(shard + SHARDS)];
        let replica = if master == nodes[0] { nodes[1] } else { nodes[0] };
        let witness = (0..nodes[1]).find(|node| !nodes.contains(node)).expect("another shard's");
        if let Some(behind) = behind {
            // What it was sent it would still hear; stopped, it cannot ask for more.
            self.nodes.pause(replica);
            self.tell(master, &["CLIENT", "KILL", "TYPE", "replica"]).await;
            tokio::time::sleep(behind).await;
        }
        let went = history.now();
        self.nodes.kill(master);
        self.failovers.push(Failover { shard, went, gone: history.now() });
        if behind.is_some() {
            self.nodes.resume(replica);
        }
        while self.nodes.owner(slot, witness).await == master {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.nodes.restart(master);
        self.nodes.ready().await;
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

    /// Judges what was noted, and gives each read that nothing explains to `outside`.
    pub(crate) fn judge(&self, history: &History, mut outside: impl FnMut(Suspect)) -> Judged {
        let (suspects, unnoted) = history.suspects();
        let mut judged = Judged { outside: unnoted, ..Judged::default() };
        let mut lost = BTreeSet::new();
        for suspect in suspects {
            let shards = shards_of(suspect.cell);
            let explains = |failover: &&Failover| {
                shards.contains(&failover.shard) && failover.explains(&suspect)
            };
            let Some(failover) = self.failovers.iter().find(explains) else {
                judged.outside += 1;
                outside(suspect);
                continue;
            };
            judged.inside += 1;
            lost.insert((suspect.cell, suspect.floor));
            let since = |time: Micros, earlier: Micros| Duration::from_micros(time - earlier);
            judged.longest_lag = judged.longest_lag.max(since(failover.gone, suspect.last_begun));
            judged.longest_stay = judged.longest_stay.max(since(suspect.ended, failover.went));
        }
        judged.lost = lost.len();
        judged
    }
}

impl Failover {
    fn explains(&self, suspect: &Suspect) -> bool {
        let micros = |time: Duration| Micros::try_from(time.as_micros()).expect("a short time");
        let since = if is_alias(suspect.cell) { REMAINS } else { REPLICATION };
        // One that failed at first is carried out some time between its beginning and its promise.
        let passed_on = suspect.last_made < self.went.saturating_sub(micros(since));
        let read = self.went..self.gone + micros(REMAINS);
        suspect.last_begun < self.gone && !passed_on && read.contains(&suspect.ended)
    }
}

/// Whose failover may lose the invalidation of a cell: its own master's, and those of its tag.
fn shards_of(cell: usize) -> BTreeSet<u16> {
    let id = u32::try_from(cell % OBJECTS).expect("a small number");
    let keys: Vec<Key> = match cell / OBJECTS {
        Plain::KIND => vec![Plain::by(id).key().key()],
        Soft::KIND => vec![Soft::by(id).key().key()],
        Strict::KIND => vec![Strict::by(id).key().key()],
        Named::KIND => vec![Named::by(id).key().key()],
        Grouped::KIND => vec![
            Grouped::by(id).key().key(),
            Grouped::tag_group(id / GROUP).key(),
            Grouped::tag_scope().key(),
        ],
        _ => vec![Named::by(id).key().key(), Named::by_its_name(id).key().key()],
    };
    keys.into_iter().map(shard_of).collect()
}

fn shard_of(key: Key) -> u16 {
    let slot = Slot::for_key(format!("cache:{{{key}}}"));
    let owns = |shard: &u16| {
        (first_slot(*shard)..first_slot(shard + 1)).any(|number| Slot::new(number) == Some(slot))
    };
    (0..SHARDS).find(owns).expect("every slot is some shard's")
}

fn first_slot(shard: u16) -> u16 {
    let first = u32::from(SLOTS) * u32::from(shard) / u32::from(SHARDS);
    u16::try_from(first).expect("a slot's number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failover_explains_what_was_begun_shortly_before_it_and_read_before_it_expired() {
        let second = 1_000_000;
        let failover = Failover { shard: 0, went: 99 * second, gone: 100 * second };
        let explains = |[last_begun, last_made]: [Micros; 2], ended: Micros| {
            let (cell, version, floor, began) = (0, 1, 2, ended - 1);
            let suspect = Suspect { cell, version, floor, began, ended, last_begun, last_made };
            failover.explains(&suspect)
        };
        let shortly = [98 * second; 2];
        assert!(explains(shortly, 101 * second) && explains(shortly, 122 * second));
        assert!(explains([90 * second, 98 * second], 101 * second), "retried until shortly before");
        assert!(!explains([100 * second; 2], 101 * second), "begun when the successor was master");
        assert!(!explains([90 * second; 2], 101 * second), "so long before that it was passed on");
        assert!(!explains(shortly, 124 * second), "read when it had to have expired");
        assert!(!explains(shortly, 98 * second + 1), "read before the failover");
    }

    #[test]
    fn the_shards_are_the_harness_s() {
        assert_eq!([0, 1, 2].map(first_slot), [0, 5461, 10922]);
        assert!(shards_of(Grouped::cell(9)).len() <= 3 && shards_of(Plain::cell(9)).len() == 1);
    }
}
