//! The promise between two processes on one Redis, step by step, each with a negative control.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{CacheCow, Fill, RedisBackend, Source};
use cachecow_tests::backends::Tokenless;
use cachecow_tests::patient::patient;
use cachecow_tests::peer::{Grouped, Peer, Shared, Versions};
use cachecow_tests::servers::RedisServer;

fn peer(server: &RedisServer, mode: &str) -> Peer {
    Peer::start(env!("CARGO_BIN_EXE_cachecow-peer"), &server.url(), mode)
}

fn open(server: &RedisServer, mode: &str) -> CacheCow {
    let backend = RedisBackend::from_url(&server.url(), Duration::from_secs(5)).unwrap();
    match mode {
        "tokenless" => patient().backend(Tokenless(backend)).unwrap(),
        _ => patient().backend(backend).unwrap(),
    }
}

/// This process's view of the database, which the peer asks for by its lines.
fn database() -> (Arc<AtomicU64>, Versions) {
    let current = Arc::new(AtomicU64::new(1));
    let read = Arc::clone(&current);
    (current, Versions::new(move || read.load(Ordering::SeqCst)))
}

async fn read(cow: &CacheCow, versions: &Versions) -> u64 {
    cow.with(versions).get(Shared::by_id(1)).await.unwrap().unwrap().version
}

/// The peer reads version 1. Before it returns, version 2 is written and invalidated here, and a
/// reader here claims; while that one fetches, the peer ends. Returns what the peer got, and what
/// is read at last.
async fn the_peer_is_overtaken(mode: &str) -> (String, u64) {
    let server = RedisServer::start();
    let cow = open(&server, mode);
    let mut slow = peer(&server, mode);
    slow.say("read");
    assert_eq!(slow.hear(), "fetch");
    cow.invalidate(Shared::by_id(1)).await.unwrap();
    let answer = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&answer);
    let during_fetch = Versions::new(move || {
        slow.say("1");
        *heard.lock().unwrap() = slow.hear();
        2
    });
    assert_eq!(read(&cow, &during_fetch).await, 2);
    let last = read(&cow, &Versions::new(|| 2)).await;
    let answer = answer.lock().unwrap().clone();
    (answer, last)
}

#[tokio::test]
async fn a_process_overtaken_by_a_write_stores_nothing() {
    let (answer, last) = the_peer_is_overtaken("token").await;
    assert_eq!(answer, "read 1 Fetched Refused");
    assert_eq!(last, 2);
}

#[tokio::test]
async fn without_the_token_it_leaves_stale_data() {
    let (answer, last) = the_peer_is_overtaken("tokenless").await;
    assert_eq!(answer, "read 1 Fetched Stored");
    assert_eq!(last, 1, "the control must find the stale read");
}

/// The peer's writer is killed between its commit and its invalidation, after a reader here has read
/// the old version. Returns what a read gives afterwards.
async fn the_peer_s_writer_is_killed(order: &str) -> u64 {
    let server = RedisServer::start();
    let cow = open(&server, "token");
    let (current, versions) = database();
    let mut writer = peer(&server, "token");
    writer.say(order);
    assert_eq!(writer.hear(), "working");
    assert_eq!(read(&cow, &versions).await, 1);
    current.store(2, Ordering::SeqCst);
    writer.kill();
    read(&cow, &versions).await
}

#[tokio::test]
async fn a_killed_writer_leaves_nothing_stale() {
    assert_eq!(the_peer_s_writer_is_killed("write").await, 2);
}

#[tokio::test]
async fn without_the_hold_a_killed_writer_leaves_stale_data() {
    let last = the_peer_s_writer_is_killed("work").await;
    assert_eq!(last, 1, "the control must find the stale read");
}

#[tokio::test]
async fn an_invalidation_in_one_process_is_seen_by_the_other() {
    let server = RedisServer::start();
    let cow = open(&server, "token");
    let mut other = peer(&server, "token");
    let (current, versions) = database();
    assert_eq!(read(&cow, &versions).await, 1);
    other.say("read");
    assert_eq!(other.hear(), "read 1 Cache Skipped");
    current.store(2, Ordering::SeqCst);
    other.say("invalidate");
    assert_eq!(other.hear(), "invalidated");
    assert_eq!(read(&cow, &versions).await, 2);
    other.say("read");
    assert_eq!(other.hear(), "read 2 Cache Skipped");
}

#[tokio::test]
async fn a_killed_reader_s_flag_keeps_nobody_from_reading() {
    let server = RedisServer::start();
    let cow = patient().fill_wait(Duration::ZERO).open(&server.url()).await.unwrap();
    let mut reader = peer(&server, "token");
    reader.say("read");
    assert_eq!(reader.hear(), "fetch");
    reader.kill();
    let (_, versions) = database();
    let got = cow.with(&versions).read(Shared::by_id(1)).await.unwrap();
    assert_eq!((got.source, got.fill), (Source::Fetched, Fill::Skipped));
    // Its lease runs out, or an invalidation ends it.
    cow.invalidate(Shared::by_id(1)).await.unwrap();
    assert_eq!(cow.with(&versions).read(Shared::by_id(1)).await.unwrap().fill, Fill::Stored);
}

#[tokio::test]
async fn a_process_whose_server_is_gone_reads_on() {
    let mut server = RedisServer::start();
    let mut reader = peer(&server, "token");
    reader.say("invalidate");
    assert_eq!(reader.hear(), "invalidated");
    server.kill();
    reader.say("read");
    assert_eq!(reader.hear(), "fetch");
    reader.say("7");
    assert_eq!(reader.hear(), "read 7 Fetched Unreachable");
}

#[tokio::test]
async fn a_group_is_invalidated_for_every_process() {
    let server = RedisServer::start();
    let (cow, mut other) = (open(&server, "token"), peer(&server, "token"));
    let (current, versions) = database();
    let read = || async { cow.with(&versions).read(Grouped::by_id(1)).await.unwrap() };
    assert_eq!(read().await.fill, Fill::Stored);
    other.say("read a member");
    assert_eq!(other.hear(), "read 1 Cache Skipped");
    // Here, and seen there.
    current.store(2, Ordering::SeqCst);
    cow.invalidate_tag(Grouped::tag_group(7)).await.unwrap();
    other.say("read a member");
    assert_eq!(other.hear(), "fetch");
    other.say("2");
    assert_eq!(other.hear(), "read 2 Fetched Stored");
    assert_eq!(read().await.source, Source::Cache);
    // There, and seen here.
    current.store(3, Ordering::SeqCst);
    other.say("invalidate the group");
    assert_eq!(other.hear(), "invalidated");
    assert_eq!(read().await.value.unwrap().version, 3);
    // And while the other process fetches.
    cow.invalidate(Grouped::by_id(1)).await.unwrap();
    other.say("read a member");
    assert_eq!(other.hear(), "fetch");
    current.store(4, Ordering::SeqCst);
    cow.invalidate_tag(Grouped::tag_group(7)).await.unwrap();
    other.say("3");
    assert_eq!(other.hear(), "read 3 Fetched Refused");
    assert_eq!(read().await.value.unwrap().version, 4);
}
