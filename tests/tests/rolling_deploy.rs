//! Two versions of a program, compiled apart, run against one Redis.

use std::process::Command;

use cachecow_tests::peer::Peer;
use cachecow_tests::servers::RedisServer;

const OLD: &str = env!("CARGO_BIN_EXE_cachecow-deploy-old");
const NEW: &str = env!("CARGO_BIN_EXE_cachecow-deploy-new");

/// Longer than any test, in milliseconds.
const LATE: &str = "3600000";
const AT_ONCE: &str = "0";

fn start(program: &str, server: &RedisServer, namespace: &str, replace_after: &str) -> Peer {
    Peer::start_with(Command::new(program).args([&server.url(), namespace, replace_after]))
}

/// The old version and the new one.
fn both(server: &RedisServer, replace_after: &str) -> (Peer, Peer) {
    (start(OLD, server, "shop", replace_after), start(NEW, server, "shop", replace_after))
}

fn ask(peer: &mut Peer, order: &str) -> String {
    peer.say(order);
    peer.hear()
}

fn version(answer: &str) -> u64 {
    answer.split(' ').next().and_then(|version| version.parse().ok()).expect("a version")
}

fn stores(peer: &mut Peer, reads: usize) -> usize {
    (0..reads).filter(|_| ask(peer, "account 1").ends_with("Stored")).count()
}

#[test]
fn each_version_sees_every_invalidation_of_the_other() {
    let server = RedisServer::start();
    let (mut old, mut new) = both(&server, LATE);
    for round in 0..20 {
        for order in ["account 1", "badge 1"] {
            // Both have it, or fetch it past the other's.
            ask(&mut old, order);
            ask(&mut new, order);
        }
        let change = if round % 4 < 2 { "invalidate 1" } else { "write 1" };
        let changed = ask(if round % 2 == 0 { &mut old } else { &mut new }, change);
        for order in ["account 1", "badge 1"] {
            assert_eq!(version(&ask(&mut old, order)), version(&changed), "{round} {order}");
            assert_eq!(version(&ask(&mut new, order)), version(&changed), "{round} {order}");
        }
    }
}

#[test]
fn a_version_with_other_keys_would_see_none() {
    let server = RedisServer::start();
    let mut old = start(OLD, &server, "shop", LATE);
    let mut new = start(NEW, &server, "elsewhere", LATE);
    ask(&mut new, "account 1");
    ask(&mut old, "invalidate 1");
    assert_eq!(version(&ask(&mut new, "account 1")), 0, "the control must find the stale read");
}

#[test]
fn reads_do_not_overwrite_the_other_version_s_value() {
    let server = RedisServer::start();
    let (mut old, mut new) = both(&server, LATE);
    let stored: usize = (0..50).map(|_| stores(&mut old, 1) + stores(&mut new, 1)).sum();
    assert_eq!(stored, 1);
    // As often as the row changes, and no more.
    let mut stored = 0;
    for _ in 0..10 {
        ask(&mut new, "invalidate 1");
        stored += (0..5).map(|_| stores(&mut old, 1) + stores(&mut new, 1)).sum::<usize>();
    }
    assert_eq!(stored, 10);
}

#[test]
fn without_the_pause_they_would_overwrite_each_other_on_every_read() {
    let server = RedisServer::start();
    let (mut old, mut new) = both(&server, AT_ONCE);
    let stored: usize = (0..50).map(|_| stores(&mut old, 1) + stores(&mut new, 1)).sum();
    assert!(stored > 50, "the control must find the overwriting: {stored}");
}

#[test]
fn both_at_once_under_reads_writes_and_invalidations() {
    let server = RedisServer::start();
    let (mut old, mut new) = both(&server, LATE);
    let (mut older, mut newer) = both(&server, LATE);
    let mut peers = [&mut old, &mut new, &mut older, &mut newer];
    for peer in &mut peers {
        peer.say("run 2200");
    }
    let (mut stored, mut changes) = (0, 0);
    for peer in &mut peers {
        // A peer that met an error is gone.
        let ran = peer.hear();
        let counts: Vec<u64> = ran.split(' ').map(|count| count.parse().unwrap()).collect();
        assert_eq!(counts[0], 0, "stale reads");
        stored += counts[1];
        changes += counts[2];
    }
    assert!(changes > 1000, "{changes}");
    // Each of a change's two objects is stored at most once after it, and once at the beginning.
    assert!(stored <= 2 * (changes + 3), "{stored} values were stored for {changes} changes");
}

#[test]
fn where_only_the_keys_differ_the_versions_share_their_values() {
    let server = RedisServer::start();
    let (mut old, mut new) = both(&server, LATE);
    assert_eq!(ask(&mut old, "badge 1"), "0 Fetched Stored");
    assert_eq!(ask(&mut new, "badge 1"), "0 Cache Skipped");
    assert_eq!(ask(&mut new, "alias 1"), "0 Fetched Stored");
    let changed = ask(&mut new, "invalidate 1");
    assert_eq!(version(&ask(&mut new, "alias 1")), version(&changed));
    assert_eq!(version(&ask(&mut old, "badge 1")), version(&changed));
}
