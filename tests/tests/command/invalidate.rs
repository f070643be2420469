//! `cachecow invalidate` and `invalidate-tag`: no reader under way stores what it read before.

use cachecow::Fill;
use cachecow_tests::members::{Member, Members, is_hit, version};
use cachecow_tests::servers::RedisServer;
use redis::AsyncCommands as _;

use crate::program::{Program, open};

/// A fetch is held up after it has read the old version; then the version is written, `meanwhile` is done, and the fetch
/// goes on. What became of its fill, and the version that is read afterwards.
async fn raced(server: &RedisServer, meanwhile: impl AsyncFnOnce(&Program)) -> (Fill, u64) {
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    let gate = members.gate();
    let view = cow.with(&members);
    let reading = view.read(Member::by_id(42));
    let writing = async {
        gate.arrived().await;
        members.bump();
        meanwhile(&program).await;
        gate.open();
    };
    let (read, ()) = tokio::join!(reading, writing);
    (read.expect("fetched").fill, version(&cow, &members, 42).await)
}

#[tokio::test]
async fn a_reader_under_way_does_not_store_what_was_invalidated() {
    let server = RedisServer::start();
    let ways = [
        &["invalidate", "member:{i64}", "42"][..],
        &["invalidate", "Member::by_id", "42"],
        &["invalidate-tag", "Member::tag_org", "2"],
        &["invalidate-tag", "Member::in_team", "2", "a"],
        &["invalidate-tag", "--of", "member:{id}", "org:{u32}", "2"],
    ];
    for arguments in ways {
        let (fill, version) = raced(&server, async |program| {
            let ran = program.run_known(arguments).ended(0);
            assert!(ran.out.starts_with("invalidated "), "{ran:?}");
        })
        .await;
        assert_eq!((fill, version), (Fill::Refused, 2), "{arguments:?}");
        let mut redis = server.connection().await;
        let _: () = redis::cmd("FLUSHALL").query_async(&mut redis).await.expect("flushed");
    }
}

/// The control: a deletion by hand, and the invalidation of another key or tag, keep no reader from storing.
#[tokio::test]
async fn without_the_protocol_the_old_version_is_stored() {
    for what in ["nothing", "by hand", "another"] {
        let server = RedisServer::start();
        let (fill, version) = raced(&server, async |program| match what {
            "by hand" => {
                let mut redis = server.connection().await;
                let key = cachecow::Key::of("member:{}", (42,)).key();
                let _: () = redis.del(format!("cache:{{{key}}}")).await.expect("deleted");
            }
            "another" => {
                program.run_known(&["invalidate", "Member::by_id", "41"]).ended(0);
            }
            _ => {}
        })
        .await;
        assert_eq!((fill, version), (Fill::Stored, 1), "{what}");
    }
}

#[tokio::test]
async fn what_is_stored_is_a_miss_afterwards() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    for arguments in
        [&["invalidate", "Member::by_id", "42"][..], &["invalidate-tag", "Member::tag_org", "2"]]
    {
        version(&cow, &members, 42).await;
        assert!(is_hit(&cow, &members, 42).await);
        program.run_known(&["invalidate", "Member::by_id", "1"]).ended(0);
        program.run_known(&["invalidate-tag", "Member::tag_org", "3"]).ended(0);
        assert!(is_hit(&cow, &members, 42).await, "others are left alone");
        let json = program.json(arguments);
        assert!(json["invalidated"].as_str().is_some_and(|name| name.contains("{member:")));
        assert!(!is_hit(&cow, &members, 42).await, "{arguments:?}");
    }
}

#[tokio::test]
async fn with_time_to_settle_nothing_is_stored_for_a_while() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    program.run_known(&["invalidate", "Member::by_id", "42", "--settle", "1h"]).ended(0);
    let read = cow.with(&members).read(Member::by_id(42)).await.expect("fetched");
    assert_eq!(read.fill, Fill::Skipped);
    let flag = &program.json(&["inspect", "Member::by_id", "42"])["flag"];
    assert_eq!(flag["state"], "held", "{flag}");
}

#[test]
fn wrong_tags_are_told() {
    let server = RedisServer::start();
    let program = Program::on(&server.url());
    for (arguments, expected) in [
        (
            &["invalidate-tag", "Member::tag_orgs", "2"][..],
            "Member has no tag_orgs, it has Member::tag_org",
        ),
        (&["invalidate-tag", "Member"], "Member cannot be invalidated as a whole"),
        (&["invalidate-tag", "Nobody::tag", "2"], "the manifest has no type named Nobody"),
        (&["invalidate", "tag:{member:NaRX6BR3tqjrEv4Oc-kwyw}"], "is the name of a tag's epoch"),
    ] {
        let ran = program.run_known(arguments).ended(2);
        assert!(ran.err.contains(expected) && ran.err.lines().count() == 1, "{ran:?}");
    }
    let ran = program.run(&["invalidate-tag", "Member::tag_org", "2"]).ended(2);
    assert!(ran.err.contains("needs --manifest FILE"), "{ran:?}");
}

/// A script whose variable is not set must not be told that something was invalidated.
#[test]
fn an_empty_name_is_refused() {
    let server = RedisServer::start();
    let program = Program::on(&server.url());
    for arguments in [
        &["invalidate", ""][..],
        &["inspect", ""],
        &["invalidate-tag", "", "--of", "member:{id}"],
        &["invalidate-tag", "org:{u32}", "2", "--of", ""],
    ] {
        let ran = program.run(arguments).ended(2);
        assert!(ran.err.contains("a value is required for"), "{ran:?}");
    }
}

/// No program's cache has such a namespace, so nothing would be invalidated.
#[test]
fn a_namespace_that_no_cache_has_is_refused() {
    let server = RedisServer::start();
    let ran = Program::on(&server.url()).run(&["--namespace", "a{b", "invalidate", "k"]).ended(2);
    assert!(ran.err.contains("namespace must hold neither"), "{ran:?}");
}
