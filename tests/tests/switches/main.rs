//! Readers that no news of another master has reached: their links to the sentinels are down, or they
//! have been idle. And what a former master says when another one is known.

mod former;
mod frozen;
mod linked;
#[path = "../load/mod.rs"]
mod load;
mod nodes;
mod sentinels;

use std::time::Duration;

use cachecow::{CacheCow, Source};
use cachecow_tests::servers::RedisCluster;
use cachecow_tests::store::{Item, Store};

use crate::load::slot;

/// A busy machine must not pass for an outage.
const PATIENCE: Duration = Duration::from_secs(20);

fn patient() -> cachecow::Builder {
    CacheCow::builder().operation_timeout(PATIENCE).connect_timeout(Duration::from_secs(5))
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
