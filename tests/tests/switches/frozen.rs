//! Attempts to connect, and to ask a cluster for its slots, that were begun on a runtime that nobody drives any more.

use std::time::Duration;

use cachecow::{CacheBackend as _, RedisBackend};
use cachecow_tests::front::{Behind, Front};
use cachecow_tests::servers::RedisServer;
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;

use crate::nodes::Nodes;
use crate::until;

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Pings on one runtime while nothing answers, and then on another one while the first stands still.
fn assert_nobody_is_held_up(servers: &Runtime, fronts: &[Front], url: &str) {
    let backend = RedisBackend::from_url(url, Duration::from_millis(500)).unwrap();
    let ping =
        async || matches!(timeout(Duration::from_millis(100), backend.ping()).await, Ok(Ok(())));
    let (first, second) = (runtime(), runtime());
    fronts.iter().for_each(|front| front.hold_up(true));
    assert!(!first.block_on(ping()), "nothing answers");
    fronts.iter().for_each(|front| front.hold_up(false));
    second.block_on(until("it connects", async || ping().await));
    // The servers are driven on a third one.
    assert!(servers.metrics().num_alive_tasks() > 0);
}

fn servers() -> Runtime {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn a_server_is_connected_to_on_another_runtime() {
    let (servers, server) = (servers(), RedisServer::start());
    let front = servers.block_on(Front::of(Behind::Socket(server.socket())));
    let url = format!("redis://127.0.0.1:{}", front.port());
    assert_nobody_is_held_up(&servers, &[front], &url);
}

#[test]
fn a_cluster_is_found_on_another_runtime() {
    let servers = servers();
    let cluster = servers.block_on(Nodes::start());
    assert_nobody_is_held_up(&servers, &cluster.fronts, &cluster.url());
}
