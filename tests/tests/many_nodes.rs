//! What hears of changes and waits for fills does so on every node of a cluster, and after a switch by
//! sentinels.

use std::time::Duration;

use cachecow::Lookup as _;
use cachecow::{Builder, CacheCow, ErrorKind, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::seen::{elsewhere, seen, until, until_near};
use cachecow_tests::servers::{RedisCluster, RedisSentinels};
use cachecow_tests::store::{Item, Store};

fn near() -> Builder {
    patient().near(1 << 20)
}

/// Invalidates until it succeeds: at a failover it may take some attempts.
async fn invalidate(cow: &CacheCow, id: i64) {
    while cow.invalidate(Item::by_id(id)).await.is_err() {
        tokio::task::yield_now().await;
    }
}

async fn slot(cluster: &RedisCluster, id: i64) -> u16 {
    let name = format!("cache:{{{}}}", Item::by_id(id).key().key());
    let mut ask = redis::cmd("CLUSTER");
    ask.arg("KEYSLOT").arg(name);
    ask.query_async(&mut cluster.connection(0).await).await.unwrap()
}

#[tokio::test]
async fn changes_on_every_node_of_a_cluster_are_heard() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(30), near().open(&cluster.url()).await.unwrap());
    let other = patient().open(&cluster.url()).await.unwrap();
    for version in 2..5 {
        until_near(&cow, &store, 1..=30).await;
        (1..=30).for_each(|id| drop(store.bump(id)));
        other.invalidate_many((1..=30).map(Item::by_id)).await.unwrap();
        for id in 1..=30 {
            assert_eq!(until(&cow, &store, id, elsewhere).await, version);
        }
    }
    until_near(&cow, &store, 1..=30).await;
    for node in 0..3 {
        let mut connection = cluster.connection(node).await;
        redis::cmd("FLUSHALL").exec_async(&mut connection).await.unwrap();
    }
    for id in 1..=30 {
        until(&cow, &store, id, elsewhere).await;
    }
}

#[tokio::test]
async fn a_slot_that_moves_takes_its_news_along() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let (store, cow) = (Store::with_items(1), near().open(&cluster.url()).await.unwrap());
    let other = patient().open(&cluster.url()).await.unwrap();
    until_near(&cow, &store, [1]).await;
    let slot = slot(&cluster, 1).await;
    let from = cluster.owner(slot, 0).await;
    let to = (from + 1) % 3;
    cluster.begin_move(slot, from, to).await;
    cluster.move_keys(slot, from, to).await;
    cluster.end_move(slot, to).await;
    until_near(&cow, &store, [1]).await;
    store.bump(1);
    other.invalidate(Item::by_id(1)).await.unwrap();
    assert_eq!(until(&cow, &store, 1, elsewhere).await, 2);
}

#[tokio::test]
async fn a_failover_drops_everything_and_the_new_master_is_heard() {
    let mut cluster = RedisCluster::start().await;
    let builder = near().operation_timeout(Duration::from_secs(2));
    let (store, cow) = (Store::with_items(9), builder.open(&cluster.url()).await.unwrap());
    let other = patient().open(&cluster.url()).await.unwrap();
    until_near(&cow, &store, 1..=9).await;
    cluster.kill(0);
    // Nobody can tell what happens on a node that cannot be heard.
    for id in 1..=9 {
        until(&cow, &store, id, elsewhere).await;
    }
    until_near(&cow, &store, 1..=9).await;
    for id in 1..=9 {
        store.bump(id);
        invalidate(&other, id).await;
        assert_eq!(until(&cow, &store, id, elsewhere).await, 2);
    }
}

#[tokio::test]
async fn a_switch_by_sentinels_drops_everything_and_the_new_master_is_heard() {
    let group = RedisSentinels::start(1).await;
    let (store, cow) = (Store::with_items(3), near().open(&group.url()).await.unwrap());
    let other = patient().open(&group.url()).await.unwrap();
    until_near(&cow, &store, 1..=3).await;
    let before = group.master().await;
    group.fail_over_from(before).await;
    for id in 1..=3 {
        until(&cow, &store, id, elsewhere).await;
    }
    until_near(&cow, &store, 1..=3).await;
    for id in 1..=3 {
        store.bump(id);
        invalidate(&other, id).await;
        assert_eq!(until(&cow, &store, id, elsewhere).await, 2);
    }
}

#[tokio::test]
async fn who_waits_on_a_cluster_is_woken() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let store = Store::with_items(6);
    let waiting = || patient().fill_wait(Duration::from_secs(60));
    let (one, other) = (
        waiting().open(&cluster.url()).await.unwrap(),
        waiting().open(&cluster.url()).await.unwrap(),
    );
    for id in 1..=6 {
        let gate = store.gate();
        let (_, waited, ()) = tokio::join!(
            one.with(&store).get(Item::by_id(id)),
            async {
                gate.arrived().await;
                seen(&other, &store, id).await
            },
            async {
                // The owner tracks what is waited for.
                let owner = cluster.owner(slot(&cluster, id).await, 0).await;
                let mut look = cluster.connection(owner).await;
                loop {
                    let info: String =
                        redis::cmd("INFO").arg("stats").query_async(&mut look).await.unwrap();
                    let tracked = info
                        .lines()
                        .find_map(|line| line.strip_prefix("tracking_total_keys:"))
                        .map(|count| count.trim().parse::<u64>().unwrap());
                    if tracked.unwrap() > 0 {
                        break;
                    }
                    tokio::task::yield_now().await;
                }
                gate.open();
            },
        );
        assert_eq!(waited, (1, Source::Cache));
    }
    assert_eq!(store.fetches(), 6);
}

#[tokio::test]
async fn a_connection_to_a_cluster_made_elsewhere_is_named_for_the_near_tier() {
    let cluster = RedisCluster::start_masters(&[]).await;
    let builder = redis::cluster::ClusterClient::builder([cluster.node_url(0)]);
    let client = builder.retries(3).response_timeout(Duration::from_secs(20)).build().unwrap();
    let connection = client.get_async_connection().await.unwrap();
    let error = near().redis_cluster_connection(connection.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    let cow = near().near_url(cluster.url()).redis_cluster_connection(connection).unwrap();
    let (store, other) = (Store::with_items(9), patient().open(&cluster.url()).await.unwrap());
    until_near(&cow, &store, 1..=9).await;
    for id in 1..=9 {
        store.bump(id);
        other.invalidate(Item::by_id(id)).await.unwrap();
        assert_eq!(until(&cow, &store, id, elsewhere).await, 2);
    }
}
