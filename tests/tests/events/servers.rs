//! Redis, and sentinels.

use std::time::Duration;

use cachecow::CacheCow;
use cachecow_tests::events::{Events, Said};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{RedisSentinels, RedisServer};
use cachecow_tests::store::{Item, Store};

use crate::in_real_time;

pub(crate) fn all() -> Vec<Said> {
    [near_without_a_server(), without_tracking(), switched()].concat()
}

/// Waits until this event was said.
async fn until(events: &Events, event: &str) {
    let said = async {
        while !events.have(event) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let waited = tokio::time::timeout(Duration::from_secs(60), said).await;
    waited.unwrap_or_else(|_| panic!("{event} is never said"));
}

/// Nobody is there to be heard.
fn near_without_a_server() -> Vec<Said> {
    in_real_time(async |events: &Events| {
        let server = RedisServer::stopped(&[]);
        let cow = CacheCow::builder().near(1 << 20).open(&server.url()).await.unwrap();
        let store = Store::with_items(1);
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        until(events, "near_still_deaf").await;
    })
}

/// A user who may not be told of changes, and waits for another's fill.
fn without_tracking() -> Vec<Said> {
    in_real_time(async |events: &Events| {
        let server = RedisServer::start();
        let mut control = server.connection().await;
        let rules = ["on", ">hunter2", "~*", "&*", "+@all", "-client|tracking"];
        let mut user = redis::cmd("ACL");
        user.arg("SETUSER").arg("shop").arg(&rules);
        let _: redis::Value = user.query_async(&mut control).await.unwrap();
        let url = format!("{}?user=shop&pass=hunter2", server.url());
        let builder = || patient().fill_wait(Duration::from_secs(60));
        let (one, other) =
            (builder().open(&url).await.unwrap(), builder().open(&url).await.unwrap());
        let store = Store::with_items(1);
        let gate = store.gate();
        let reads = tokio::join!(one.with(&store).get(Item::by_id(1)), async {
            gate.arrived().await;
            let waiting = other.with(&store).get(Item::by_id(1));
            let opening = async {
                until(events, "tracking_refused").await;
                gate.open();
            };
            tokio::join!(waiting, opening).0
        });
        assert!(reads.0.unwrap().is_some() && reads.1.unwrap().is_some());
    })
}

fn switched() -> Vec<Said> {
    in_real_time(async |events: &Events| {
        let mut group = RedisSentinels::start(1).await;
        let cow = patient().open(&group.url()).await.unwrap();
        cow.ping().await.unwrap();
        let master = group.master().await;
        group.fail_over_from(master).await;
        group.demoted(master).await;
        while cow.ping().await.is_err() {}
        group.kill_sentinel(0);
        until(events, "sentinel_unheard").await;
    })
}
