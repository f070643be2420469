//! `cachecow list` and `stats`.

use cachecow_tests::members::{Members, version};
use cachecow_tests::posts::{Post, Posts};
use cachecow_tests::servers::RedisServer;
use expect_test::expect;
use serde_json::json;

use crate::program::{Program, open};

/// 30 members and 3 posts.
async fn filled() -> (RedisServer, Program) {
    let server = RedisServer::start();
    let (cow, members, posts) = (open(&server.url()).await, Members::with(30), Posts::by([7], 3));
    for id in 1..=30 {
        version(&cow, &members, id).await;
    }
    for id in 700..703 {
        cow.with(&posts).get(Post::by_slug(format!("post-{id}"))).await.expect("fetched");
    }
    let program = Program::on(&server.url());
    (server, program)
}

#[tokio::test]
async fn names_are_listed_by_type_and_up_to_a_limit() {
    let (_server, program) = filled().await;
    let count = |arguments: &[&str]| {
        let ran = program.run_known(&[&["--json", "list"], arguments].concat()).ended(0);
        let lines = ran.json_lines();
        let mut names: Vec<String> = lines.iter().map(|line| line["name"].to_string()).collect();
        names.sort();
        names.dedup();
        names.len()
    };
    assert_eq!(count(&[]), 36, "30 members, 3 posts, 3 pointers");
    assert_eq!([count(&["Member"]), count(&["member"])], [30, 30]);
    assert_eq!([count(&["Post"]), count(&["post"]), count(&["post:slug"])], [6, 3, 3]);
    assert_eq!([count(&["--limit", "10"]), count(&["--all"]), count(&["nobody"])], [10, 36, 0]);
    let ran = program.run_known(&["list", "post:slug", "--limit", "2"]).ended(0);
    let last = ran.out.lines().last().expect("a line");
    assert_eq!(last, "2 listed; there may be more: --limit N or --all lists them");
    let line = &program.run(&["list", "--json", "--limit", "1", "member"]).json();
    assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 50), "{line}");
    assert!(line["age_ms"].is_u64() && line["ttl_left_ms"].is_u64(), "{line}");
    let ran = program.run(&["list", "user:{id}"]).ended(2);
    assert!(ran.err.contains("is not a type of the manifest"), "{ran:?}");
}

#[tokio::test]
async fn values_are_counted_and_measured() {
    let (server, program) = filled().await;
    let mut redis = server.connection().await;
    let _: () = redis::cmd("SET").arg("other").arg(1).query_async(&mut redis).await.expect("set");
    let json = program.json(&["stats"]);
    let types = json["types"].as_array().expect("types");
    let of = |words: &str| types.iter().find(|entry| entry["words"] == words).expect("a type");
    assert_eq!((&of("member")["values"], &of("post:slug")["values"]), (&json!(30), &json!(3)));
    assert_eq!(of("member")["lookups"], "Member::by_id");
    let number = |name: &str| of("member")[name].as_u64().expect("a number");
    assert!(number("memory_per_value") > number("bytes_per_value"), "{json}");
    assert_eq!((&json["others"], &json["is_sample"]), (&json!(1), &json!(false)));
    assert!(json["tags"].as_u64().is_some_and(|tags| tags > 10), "{json}");
    let sample = program.json(&["stats", "--sample", "5"]);
    assert_eq!((&sample["looked_at"], &sample["is_sample"]), (&json!(5), &json!(true)));
    let ran = program.run(&["stats"]).ended(0);
    assert!(ran.out.contains("% of the server's reads were hits"), "{ran:?}");
}

#[test]
fn an_empty_cache_has_nothing() {
    let server = RedisServer::start();
    let program = Program::on(&server.url());
    expect![["nothing is stored\n"]].assert_eq(&program.run(&["list"]).ended(0).out);
    assert_eq!(program.json(&["stats"])["types"], json!([]));
}

/// `KEYS` would keep a large server from everyone else: a user to whom it is denied notices nothing.
#[tokio::test]
async fn the_program_does_without_keys() {
    let (server, program) = filled().await;
    let mut redis = server.connection().await;
    let _: () = redis::cmd("ACL")
        .arg(&["SETUSER", "default", "-keys", "-flushall", "-monitor"])
        .query_async(&mut redis)
        .await
        .expect("an ACL");
    for arguments in [&["list"][..], &["list", "Member", "--all"], &["stats", "--all"], &["doctor"]]
    {
        program.run_known(arguments).ended(0);
    }
    let denied = redis::cmd("KEYS").arg("*").query_async::<()>(&mut redis).await;
    assert_eq!(denied.expect_err("denied").code(), Some("NOPERM"), "the control");
}
