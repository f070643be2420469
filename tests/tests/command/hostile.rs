//! What others have written into the cache does not reach a terminal as it is.

use cachecow::Key;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use redis::AsyncCommands as _;

use crate::program::{Program, open};

const ESCAPES: &str = "\u{1b}[2J\u{9b}31m\u{202e}\r\n\u{7}";

/// Printable characters and line ends alone.
#[track_caller]
fn is_harmless(text: &str) {
    let bad = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
    assert!(!text.contains(bad), "{text:?}");
}

#[tokio::test]
async fn names_and_values_are_escaped() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(1));
    members.put(Member { id: 1, org: 1, team: format!("a{ESCAPES}b"), version: 1 });
    cow.with(&members).get(Member::by_id(1)).await.expect("fetched");
    let mut redis = server.connection().await;
    let key = Key::of("member:{}", (1,)).key();
    for name in [
        format!("cache:{ESCAPES}{{{key}}}"),
        format!("cache:{{{ESCAPES}:{key}}}"),
        ESCAPES.to_owned(),
    ] {
        let _: () = redis.set(name, ESCAPES).await.expect("set");
    }
    let _: () = redis.set(b"cache:{\xff\x1b}", "x").await.expect("set");
    let program = Program::on(&server.url());
    for json in [&[][..], &["--json"]] {
        for arguments in [
            &["list", "--all"][..],
            &["stats"],
            &["doctor"],
            &["inspect", "Member::by_id", "1", "--show-values"],
        ] {
            let ran = program.run_known(&[json, arguments].concat()).ended(0);
            is_harmless(&ran.out);
            is_harmless(&ran.err);
        }
    }
    let shown = program.json(&["inspect", "Member::by_id", "1", "--show-values"]);
    assert_eq!(shown["value"]["team"], format!("a{ESCAPES}b"), "JSON loses nothing");
    for arguments in [&["inspect", ESCAPES][..], &["list", ESCAPES], &["inspect", "\u{1b}::x", "1"]]
    {
        let ran = program.run(arguments);
        is_harmless(&ran.out);
        is_harmless(&ran.err);
    }
}

#[tokio::test]
async fn documents_that_nobody_wrote_are_shown_or_told() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(1));
    cow.with(&members).get(Member::by_id(1)).await.expect("fetched");
    let mut redis = server.connection().await;
    let name = format!("cache:{{{}}}", Key::of("member:{}", (1,)).key());
    let whole: Vec<u8> = redis.get(&name).await.expect("stored");
    let program = Program::on(&server.url());
    let mut documents: Vec<Vec<u8>> = (0..whole.len()).map(|len| whole[..len].to_vec()).collect();
    // An object that claims to be endless, and one that nests too deeply.
    let head = |object: &[u8]| [&[0x96][..], &whole[1..30], object].concat();
    documents.extend([head(&[0xdd, 255, 255, 255, 255]), head(&[0x91; 4000]), vec![0; 1 << 20]]);
    for document in documents.into_iter().step_by(7) {
        let _: () = redis.set(&name, document).await.expect("set");
        program.run_known(&["inspect", "Member::by_id", "1", "--show-values"]).ended(0);
    }
}

#[tokio::test]
async fn a_namespace_is_no_pattern() {
    let server = RedisServer::start();
    let members = Members::with(2);
    for namespace in ["a*", "ab", "[x]"] {
        let cow = patient().namespace(namespace).open(&server.url()).await;
        cow.expect("a valid address").with(&members).get(Member::by_id(1)).await.expect("fetched");
    }
    let program = Program::on(&server.url());
    for namespace in ["a*", "[x]"] {
        let ran = program.run(&["--namespace", namespace, "--json", "list"]).ended(0);
        assert_eq!(ran.json_lines().len(), 1, "{ran:?}");
    }
}
