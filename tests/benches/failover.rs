//! For how long operations fail when a master goes, and what is lost with it.
//!
//! Three readers and a writer run; the time is from the kill, or the order to switch, to the last
//! operation that failed. What the servers themselves take is in it: a node of the cluster counts as
//! down after 1.5 s, a master after 1 s by its sentinels.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench failover [-- --quick]
//! ```

#[path = "../tests/load/mod.rs"]
mod load;
mod support;

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use cachecow::CacheCow;
use cachecow_tests::servers::{RedisCluster, RedisSentinels};

use crate::load::{Load, Report, slot};
use crate::support::{median, quick};

const ITEMS: i64 = 60;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let rounds = if quick() { 3 } else { 7 };
    println!("median of {rounds} rounds");
    let columns = ["ms replaced", "ms failing", "failures", "lost", "wrong"];
    println!("{:>26} {}", "", columns.map(|column| format!("{column:>12}")).join(" "));
    let (mut cluster, mut killed, mut switched) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        cluster.push(a_cluster_s_master_is_killed().await);
        killed.push(a_master_is_killed().await);
        switched.push(a_master_is_switched().await);
    }
    print("cluster, kill -9", &cluster);
    print("sentinels, kill -9", &killed);
    print("sentinels, switch", &switched);
}

type Round = (Duration, Report);

fn print(what: &str, rounds: &[Round]) {
    let of = |value: fn(&Round) -> f64| median(rounds.iter().map(value).collect());
    println!(
        "{what:>26} {:>12.0} {:>12.0} {:>12.0} {:>12.0} {:>12.0}",
        of(|(replaced, _)| milliseconds(*replaced)),
        of(|(_, report)| report.failing.map_or(0.0, milliseconds)),
        of(|(_, report)| count(report.failures)),
        of(|(_, report)| count(report.lost)),
        of(|(_, report)| count(report.wrong)),
    );
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn count(count: usize) -> f64 {
    f64::from(u32::try_from(count).expect("a small number"))
}

async fn under_load(url: &str) -> Load {
    let mut cows = Vec::new();
    for _ in 0..4 {
        let cow = CacheCow::open(url).await.expect("a valid address");
        cow.ping().await.expect("it runs");
        cows.push(cow);
    }
    let load = Load::start(cows, ITEMS);
    load.watch.has_hits(200).await;
    load
}

async fn a_cluster_s_master_is_killed() -> Round {
    let mut cluster = RedisCluster::start().await;
    let load = under_load(&cluster.url()).await;
    let mut owned = BTreeSet::new();
    for id in 1..=ITEMS {
        if cluster.owner(slot(id), 0).await == 1 {
            owned.insert(id);
        }
    }
    let slot = slot(*owned.first().expect("an item of this node"));
    let began = Instant::now();
    cluster.kill(1);
    while cluster.owner(slot, 0).await == 1 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let replaced = began.elapsed();
    load.watch.invalidated_after(Instant::now(), &owned).await;
    load.watch.invalidated_after(Instant::now(), &owned).await;
    (replaced, load.end(Some((began, began, &owned))).await)
}

async fn a_master_is_killed() -> Round {
    let mut group = RedisSentinels::start(1).await;
    let load = under_load(&group.url()).await;
    let began = Instant::now();
    group.kill(0);
    (replaced(&group, began).await, end(load, began, began).await)
}

async fn a_master_is_switched() -> Round {
    let group = RedisSentinels::start(1).await;
    let load = under_load(&group.url()).await;
    let began = Instant::now();
    group.fail_over().await;
    let replaced = replaced(&group, began).await;
    group.demoted(0).await;
    (replaced, end(load, began, Instant::now()).await)
}

async fn replaced(group: &RedisSentinels, began: Instant) -> Duration {
    while group.master().await == 0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    began.elapsed()
}

async fn end(load: Load, began: Instant, gone: Instant) -> Report {
    let all = (1..=ITEMS).collect();
    load.watch.invalidated_after(Instant::now(), &all).await;
    load.watch.invalidated_after(Instant::now(), &all).await;
    load.end(Some((began, gone, &all))).await
}
