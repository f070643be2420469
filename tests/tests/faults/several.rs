//! Several servers: a cluster that lacks nodes, sentinels without a master.

use std::time::Duration;

use cachecow_tests::front::{Behind, Front};
use cachecow_tests::servers::{RedisCluster, RedisSentinels};

use crate::load::slot;
use crate::row::Circuit::{Opens, StaysClosed};
use crate::row::Seen::{Cached, Fetched, Never, Stored};
use crate::row::Told::{Done, HoldRefused, NotInvalidated};
use crate::row::{Row, faults};
use crate::servers::say;
use crate::trial::{Trial, within};

faults! {
    /// A master of a cluster dies and has no replica; the keys are its own
    /// (`cluster-require-full-coverage no`).
    async fn one_master_down(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "on one of the cluster's nodes, the cache cannot be reached",
        remedy: "start it, or let a replica take over",
    }
    {
        lose_the_second(row, partial().await, |owner| owner == 1, async |_| {}).await;
    }

    /// The same; the keys are those of the other masters.
    async fn another_master_down(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "on one of the cluster's nodes, the cache cannot be reached",
        remedy: "start it, or let a replica take over",
    }
    {
        lose_the_second(row, partial().await, |owner| owner != 1, async |_| {}).await;
    }

    /// A master of a cluster dies, and the others serve nothing without it
    /// (`cluster-require-full-coverage yes`, as is the default).
    async fn cluster_incomplete(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "on one of the cluster's nodes, the cache cannot be reached",
        remedy: "`cluster-require-full-coverage no`: a cache may have holes",
    }
    {
        let cluster = RedisCluster::start_masters(&["--cluster-node-timeout", "1500"]).await;
        let noticed = async |cluster: &RedisCluster| {
            for node in [0, 2] {
                within(until_refuses(cluster, node)).await;
            }
        };
        lose_the_second(row, cluster, |owner| owner != 1, noticed).await;
    }

    /// All masters of a cluster die.
    async fn cluster_down(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "start them",
    }
    {
        let mut cluster = RedisCluster::start_masters(&[]).await;
        let trial = Trial::warm(row, &cluster.url()).await;
        (0..3).for_each(|node| cluster.kill(node));
        // A node counts as reachable until it was tried.
        trial.cow().ping().await.unwrap_err();
        let trial = trial.suffer().await;
        (0..3).for_each(|node| cluster.restart(node));
        cluster.ready().await;
        trial.recover(&cluster.url()).await;
    }

    /// No sentinel can be reached when the program starts.
    async fn no_sentinel_at_the_start(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: Connection refused",
        remedy: "one of them is enough",
    }
    {
        let mut group = RedisSentinels::start(0).await;
        (0..3).for_each(|sentinel| group.kill_sentinel(sentinel));
        Trial::cold(row, &group.url()).await.suffer().await;
    }

    /// All sentinels die while the program is connected to the master.
    async fn sentinels_killed(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "start them: the next switch, and the next connection, need one",
    }
    {
        let mut group = RedisSentinels::start(0).await;
        let trial = Trial::warm(row, &group.url()).await;
        (0..3).for_each(|sentinel| group.kill_sentinel(sentinel));
        trial.suffer().await;
    }

    /// All links to the sentinels are cut while these switch the master, which hung and goes on as if
    /// nothing had happened; then the links stand again.
    async fn switch_missed(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "nothing: within a second of the first link the new master is asked; until then the \
                 former one serves what it has",
    }
    {
        let group = RedisSentinels::start_with(1, &UNDEMOTABLE).await;
        let (links, url) = links_to(&group).await;
        let trial = Trial::warm(row, &url).await;
        within(async { while count(&group, "db0:keys=").await < 2 {} }).await;
        links.iter().for_each(|link| link.cut(true));
        group.pause(0);
        within(async { while group.master().await != 1 {} }).await;
        group.resume(0);
        links.iter().for_each(|link| link.cut(false));
        // Each program asks for the role once it has been led there.
        trial.pings_until(async || count(&group, "cmdstat_role:calls=").await >= 2).await;
        trial.suffer().await.recover(&url).await;
    }

    /// The master dies, and the sentinels have no replica to take its place.
    async fn no_successor(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "start it, and give it a replica",
    }
    {
        let mut group = RedisSentinels::start(0).await;
        let trial = Trial::warm(row, &group.url()).await;
        group.kill(0);
        let trial = trial.suffer().await;
        group.restart(0);
        trial.recover(&group.url()).await;
    }

    /// The links to all sentinels are cut while the program is connected to the master.
    async fn sentinels_cut_off(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "restore them: the next switch, and the next connection, need one",
    }
    {
        let group = RedisSentinels::start(0).await;
        let (links, url) = links_to(&group).await;
        let trial = Trial::warm(row, &url).await;
        links.iter().for_each(|link| link.cut(true));
        trial.suffer().await;
    }

    /// The keys' slots move from one master of a cluster to another; none of the keys has moved yet.
    async fn slots_move(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "nothing: new values are stored again when the move has ended",
    }
    {
        let cluster = RedisCluster::start_masters(&[]).await;
        let items = items_of(&cluster, |owner| owner == 0).await;
        let trial = Trial::warm_with(row, &cluster.url(), items).await;
        trial.until_lookups().await;
        for slot in items.map(slot) {
            cluster.begin_move(slot, 0, 1).await;
        }
        let trial = trial.suffer().await;
        for slot in items.map(slot) {
            cluster.move_keys(slot, 0, 1).await;
            cluster.end_move(slot, 1).await;
        }
        trial.recover(&cluster.url()).await;
    }

    /// A move of the keys' slots was broken off when the keys had moved (`SETSLOT … STABLE`), and is begun
    /// again: what the other master has is as old as the first move.
    async fn slots_move_again(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "delete first what the first move has left: see “What is not promised” in the guide",
    }
    {
        let cluster = RedisCluster::start_masters(&[]).await;
        let items = items_of(&cluster, |owner| owner == 0).await;
        let slots = items.map(slot);
        let trial = Trial::warm_with(row, &cluster.url(), items).await;
        trial.until_lookups().await;
        for slot in slots {
            cluster.begin_move(slot, 0, 1).await;
            cluster.move_keys(slot, 0, 1).await;
        }
        break_off(&cluster, slots).await;
        for slot in slots {
            cluster.begin_move(slot, 0, 1).await;
        }
        let trial = trial.suffer().await;
        delete_leftovers(&cluster, slots, 1, 0).await;
        trial.recover(&cluster.url()).await;
    }
}

/// Has a node delete what it has of slots that another owns, and ends their move.
async fn delete_leftovers(cluster: &RedisCluster, slots: [u16; 5], at: usize, owner: usize) {
    let mut connection = cluster.connection(at).await;
    let id: String = redis::cmd("CLUSTER")
        .arg("MYID")
        .query_async(&mut cluster.connection(owner).await)
        .await
        .unwrap();
    for slot in slots.map(|slot| slot.to_string()) {
        say(&mut connection, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", &id]).await;
        let mut found = redis::cmd("CLUSTER");
        let found = found.arg("GETKEYSINSLOT").arg(&slot).arg(100);
        let keys: Vec<String> = found.query_async(&mut connection).await.unwrap();
        for key in keys {
            let mut deletion = redis::pipe();
            deletion.cmd("ASKING").ignore().cmd("DEL").arg(key).ignore();
            let () = deletion.query_async(&mut connection).await.unwrap();
        }
    }
    break_off(cluster, slots).await;
}

/// Ends the move of slots between the first two masters where they are.
async fn break_off(cluster: &RedisCluster, slots: [u16; 5]) {
    for node in [0, 1] {
        let mut connection = cluster.connection(node).await;
        for slot in slots {
            say(&mut connection, &["CLUSTER", "SETSLOT", &slot.to_string(), "STABLE"]).await;
        }
    }
}

/// A server that sentinels cannot make a replica.
const UNDEMOTABLE: [&str; 6] =
    ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];

/// What the replica's `INFO` counts.
async fn count(group: &RedisSentinels, what: &str) -> u64 {
    let mut replica = group.connection(1).await;
    let info: String =
        redis::cmd("INFO").arg("everything").query_async(&mut replica).await.unwrap();
    let rest = info.lines().find_map(|line| line.strip_prefix(what));
    let count = rest.and_then(|rest| rest.split(',').next());
    count.map_or(0, |count| count.parse().unwrap())
}

/// The second master dies and comes back; the items are of such owners.
async fn lose_the_second(
    row: &'static Row,
    mut cluster: RedisCluster,
    owned: fn(usize) -> bool,
    until_noticed: impl AsyncFnOnce(&RedisCluster),
) {
    let items = items_of(&cluster, owned).await;
    let trial = Trial::warm_with(row, &cluster.url(), items).await;
    cluster.kill(1);
    until_noticed(&cluster).await;
    let trial = trial.suffer().await;
    cluster.restart(1);
    cluster.ready().await;
    trial.recover(&cluster.url()).await;
}

/// A cluster whose nodes serve what they have.
async fn partial() -> RedisCluster {
    RedisCluster::start_masters(&["--cluster-require-full-coverage", "no"]).await
}

/// Items whose keys have such owners.
async fn items_of(cluster: &RedisCluster, owned: fn(usize) -> bool) -> [i64; 5] {
    let (mut items, mut id) = (Vec::new(), 0);
    while items.len() < 5 {
        id += 1;
        if owned(cluster.owner(slot(id), 0).await) {
            items.push(id);
        }
    }
    items.try_into().unwrap()
}

/// Waits until a node has noticed that the cluster is incomplete.
async fn until_refuses(cluster: &RedisCluster, node: usize) {
    let mut connection = cluster.connection(node).await;
    loop {
        let info: String =
            redis::cmd("CLUSTER").arg("INFO").query_async(&mut connection).await.unwrap();
        if info.contains("cluster_state:fail") {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Ways to the sentinels, and the address that leads to them.
async fn links_to(group: &RedisSentinels) -> (Vec<Front>, String) {
    let mut links = Vec::new();
    for port in group.sentinel_ports() {
        links.push(Front::of(Behind::Port(port)).await);
    }
    let url = RedisSentinels::url_by(links.iter().map(Front::port));
    (links, url)
}
