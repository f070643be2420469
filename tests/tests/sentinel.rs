//! A master with a replica under the eyes of three sentinels, who switch it.

mod load;

use std::time::{Duration, Instant};

use cachecow::{
    CacheCow, ErrorKind, Fill, KeyValueStore as _, KeyValueStoreExt as _, RedisStore, Source,
};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisSentinels;
use cachecow_tests::store::{Item, Store};
use redis::Value;

use crate::load::Load;

async fn open(group: &RedisSentinels) -> CacheCow {
    let cow = patient().open(&group.url()).await.unwrap();
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
    let (store, cow) = (Store::with_items(1), patient().open(&url).await.unwrap());
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
    let cow = patient().open(&group.url()).await.unwrap();
    let error = cow.ping().await.unwrap_err();
    let why = std::error::Error::source(&error).unwrap().to_string();
    assert!(why.contains("is not a master"), "{why}");
}

/// As one that the sentinels cannot demote, because they do not reach it.
const STUBBORN: [&str; 6] =
    ["--rename-command", "SLAVEOF", "", "--rename-command", "REPLICAOF", ""];

#[tokio::test]
async fn a_switch_is_followed_though_the_former_master_works_on() {
    let group = RedisSentinels::start_with(1, &STUBBORN).await;
    let cow = open(&group).await;
    assert_a_switch_is_followed(&group, &cow).await;
}

/// The sentinels were listened to on a runtime that has ended, and the connection is another's.
#[tokio::test]
async fn a_switch_is_followed_after_the_end_of_another_runtime() {
    let group = RedisSentinels::start_with(1, &STUBBORN).await;
    let first = tokio::runtime::Runtime::new().unwrap();
    let url = group.url();
    let opening = first.spawn(async move {
        let cow = patient().open(&url).await.unwrap();
        cow.ping().await.unwrap();
        cow
    });
    let cow = opening.await.unwrap();
    let mut master = group.connection(0).await;
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("normal").arg("SKIPME").arg("yes");
    let _: u64 = kill.query_async(&mut master).await.unwrap();
    while cow.ping().await.is_err() {}
    first.shutdown_background();
    assert_a_switch_is_followed(&group, &cow).await;
}

async fn assert_a_switch_is_followed(group: &RedisSentinels, cow: &CacheCow) {
    let store = Store::with_items(1);
    cow.with(&store).get(Item::by_id(1)).await.unwrap();
    let mut former = group.connection(0).await;
    group.fail_over_from(0).await;
    // The sentinels tell of it a moment after it happened.
    let name = &load::names(1)[0];
    let followed = async {
        loop {
            let _: () = redis::cmd("DEL").arg(name).query_async(&mut former).await.unwrap();
            let _ = cow.invalidate(Item::by_id(1)).await;
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
            let exists = redis::cmd("EXISTS").arg(name).query_async(&mut former).await;
            // Not on the former master, and not lost with a connection that was replaced meanwhile.
            if !exists.unwrap_or(true) && is_stored(group, name).await {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), followed).await.expect("it is followed");
    let role: Vec<Value> = redis::cmd("ROLE").query_async(&mut former).await.unwrap();
    assert_eq!(role[0], Value::BulkString(b"master".to_vec()), "the other knows of nothing");
}

/// Whether the new master has this key. Its clients were disconnected as it was promoted.
async fn is_stored(group: &RedisSentinels, name: &str) -> bool {
    let mut next = group.connection(1).await;
    redis::cmd("EXISTS").arg(name).query_async(&mut next).await.unwrap_or(false)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_under_load_gives_no_wrong_value() {
    let group = RedisSentinels::start(1).await;
    let load = under_load(&group).await;
    let began = Instant::now();
    group.fail_over_from(0).await;
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
