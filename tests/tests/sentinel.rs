//! A master with a replica under the eyes of three sentinels, who switch it.

mod load;

use std::time::{Duration, Instant};

use cachecow::{
    CacheCow, ErrorKind, Fill, KeyValueStore as _, KeyValueStoreExt as _, RedisStore, Source,
};
use cachecow_tests::servers::RedisSentinels;
use cachecow_tests::store::{Item, Store};
use redis::Value;

use crate::load::Load;

async fn open(group: &RedisSentinels) -> CacheCow {
    let cow = CacheCow::open(&group.url()).await.unwrap();
    cow.ping().await.unwrap();
    cow
}

async fn under_load(group: &RedisSentinels) -> Load {
    let mut cows = Vec::new();
    for _ in 0..4 {
        cows.push(open(group).await);
    }
    let load = Load::start(cows, 20);
    load.watch.has_hits(200).await;
    load
}

#[tokio::test]
async fn the_master_is_found_though_a_sentinel_is_down() {
    let mut group = RedisSentinels::start(1).await;
    group.kill_sentinel(0);
    let (store, cow) = (Store::with_items(1), open(&group).await);
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().source, Source::Cache);
    let keys: u64 = redis::cmd("DBSIZE").query_async(&mut group.connection(0).await).await.unwrap();
    assert_eq!(keys, 1, "on the master");

    let values = RedisStore::open(&group.url()).unwrap();
    values.put("a", "b").await.unwrap();
    assert_eq!(values.get("a").await.unwrap(), "b");
}

#[tokio::test]
async fn a_name_that_the_sentinels_do_not_know_is_said() {
    let group = RedisSentinels::start(0).await;
    let url = group.url().replace("/themaster", "/another");
    let (store, cow) = (Store::with_items(1), CacheCow::open(&url).await.unwrap());
    let error = cow.ping().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("no master of this name"), "{why}");
    assert!(cow.with(&store).get(Item::by_id(1)).await.unwrap().is_some());
}

#[tokio::test]
async fn a_named_server_that_is_no_master_is_not_used() {
    let group = RedisSentinels::start(0).await;
    // Demoted behind the sentinels' backs, to follow nobody.
    let mut server = group.connection(0).await;
    let _: Value =
        redis::cmd("REPLICAOF").arg("127.0.0.1").arg(1).query_async(&mut server).await.unwrap();
    let cow = CacheCow::open(&group.url()).await.unwrap();
    let error = cow.ping().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("is no master"), "{why}");
}

#[tokio::test]
async fn a_switch_is_followed_though_the_former_master_works_on() {
    // As one that the sentinels cannot demote, because they do not reach it.
    let stubborn = ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];
    let group = RedisSentinels::start_with(1, &stubborn).await;
    let (store, cow) = (Store::with_items(1), open(&group).await);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    let mut former = group.connection(0).await;
    group.fail_over().await;
    // The sentinels tell of it a moment after it happened.
    let name = &load::names(1)[0];
    let followed = async {
        loop {
            let _: () = redis::cmd("DEL").arg(name).query_async(&mut former).await.unwrap();
            let _ = cow.invalidate(Item::by_id(1)).await;
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
            let exists = redis::cmd("EXISTS").arg(name).query_async(&mut former).await;
            if !exists.unwrap_or(true) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), followed).await.expect("it is followed");
    // Whose clients the sentinels have disconnected as they promoted it.
    let mut next = group.connection(1).await;
    let exists: bool = redis::cmd("EXISTS").arg(name).query_async(&mut next).await.unwrap();
    assert!(exists, "it is stored on the new master");
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut former).await.unwrap();
    assert_eq!(role[0], Value::BulkString(b"master".to_vec()), "the other knows of nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_under_load_gives_no_wrong_value() {
    let group = RedisSentinels::start(1).await;
    let load = under_load(&group).await;
    let began = Instant::now();
    group.fail_over().await;
    group.demoted(0).await;
    // Until here the former master may have confirmed what the other does not know.
    let gone = Instant::now();
    let all = (1..=20).collect();
    load.watch.invalidated_after(gone, &all).await;
    load.watch.invalidated_after(Instant::now(), &all).await;
    assert_eq!(group.master().await, 1);
    let report = load.end(Some((began, gone, &all))).await;
    println!("switch by the sentinels: {report:?}");
    assert_eq!(report.wrong, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_master_is_replaced_under_load() {
    let mut group = RedisSentinels::start(1).await;
    let load = under_load(&group).await;
    group.kill(0);
    let gone = Instant::now();
    let all = (1..=20).collect();
    load.watch.invalidated_after(gone, &all).await;
    load.watch.invalidated_after(Instant::now(), &all).await;
    assert_eq!(group.master().await, 1);
    let report = load.end(Some((gone, gone, &all))).await;
    println!("failover by the sentinels: {report:?}");
    assert_eq!(report.wrong, 0);
    assert!(report.failing.is_some(), "it was noticed");
}
