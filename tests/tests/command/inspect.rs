//! `cachecow inspect`.

use std::time::Duration;

use cachecow::Key;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::patient::patient;
use cachecow_tests::posts::{Post, Posts};
use cachecow_tests::servers::RedisServer;
use expect_test::expect;
use serde_json::json;

use crate::program::{Program, members_in, open};

#[tokio::test]
async fn an_object_is_shown_with_its_tags_and_without_its_values() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    cow.with(&members).get(Member::by_id(42)).await.expect("fetched");
    let program = Program::on(&server.url());
    let ran = program.run_known(&["inspect", "Member::by_id", "42"]).ended(0);
    expect![[r#"
        name cache:{member:bXFpSrFxI08SBoqyv_cmog}
        server SERVER
        stored an object, 102 B
        age TIME
        fetch took TIME
        fingerprint FINGERPRINT, that of Member
        near kept near where the program turns that on
        kept for TIME
        tag tag:{member:UMG0GtHyEYde4I--GMLsEQ}: current
        tag tag:{member:Y6k4F9Omo5tKH6r62cODmw}: current
        flag free: the next reader that misses may fill
        served yes
        {
          "id": "<integer>",
          "org": "<integer>",
          "team": "<text>",
          "version": "<integer>"
        }
        values are hidden; --show-values shows them
    "#]]
    .assert_eq(&ran.masked());
    let json = program.json(&["inspect", "Member::by_id", "42", "--show-values"]);
    assert_eq!(json["value"], json!({"id": 42, "org": 2, "team": "a", "version": 1}));
    assert_eq!((&json["type"], &json["served"]), (&json!("Member"), &json!(true)));
    assert_eq!(json["flag"], json!({"state": "free"}));
    assert!(json["age_ms"].as_u64().is_some_and(|age| age < 60_000), "{json}");
    assert!(json["ttl_left_ms"].as_u64().is_some_and(|left| left <= 600_000), "{json}");
}

/// The same key by a template, by a name, and without a manifest.
#[tokio::test]
async fn a_key_is_named_in_several_ways() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    cow.with(&members).get(Member::by_id(42)).await.expect("fetched");
    let program = Program::on(&server.url());
    let named = program.json(&["inspect", "Member::by_id", "42"]);
    let name = named["name"].as_str().expect("a name");
    let key = Key::of("member:{}", (42,)).key();
    assert_eq!(name, format!("cache:{{{key}}}"));
    for arguments in [
        &["inspect", "member:{i64}", "42"][..],
        &["inspect", "member:{id}", "int:42"],
        &["inspect", name],
        &["inspect", &key.to_string()],
    ] {
        let ran = program.run(&[&["--json"], arguments].concat()).ended(0).json();
        assert_eq!(ran["name"], name, "{arguments:?}");
        // Whether it would be served is for those to tell who know the type.
        assert_eq!(ran["served"], json!(null), "{arguments:?}");
        assert_eq!(ran["value"][0], "<integer>", "{arguments:?}");
    }
    assert_eq!(program.json(&["inspect", "member:{id}", "42"])["served"], true, "by the manifest");
    let text = program.run(&["--json", "inspect", "member:{str}", "42"]).ended(1).json();
    assert_eq!((&text["stored"], &text["served"]), (&json!(false), &json!(false)));
}

#[tokio::test]
async fn pointers_absences_lists_and_answers_are_told_apart() {
    let server = RedisServer::start();
    let url = server.url();
    let cow = patient().negative_ttl(Duration::from_secs(60)).open(&url).await;
    let cow = cow.expect("a valid address");
    let (members, posts) = (Members::with(9), Posts::by([7], 3));
    let program = Program::on(&url);
    cow.with(&members).get(Member::by_number(9)).await.expect("fetched");
    let pointer = program.json(&["inspect", "Member::by_number", "9"]);
    assert_eq!(pointer["form"], "pointer");
    assert_eq!(pointer["value"], json!({"leads_to": ["member:{}", "<part>"]}));
    assert_eq!(pointer["primary"]["form"], "object");
    assert_eq!(
        pointer["primary"]["name"],
        program.json(&["inspect", "Member::by_id", "9"])["name"]
    );
    cow.with(&members).get(Member::by_id(1000)).await.expect("fetched");
    let absent = program.json(&["inspect", "Member::by_id", "1000", "--show-values"]);
    assert_eq!(absent["form"], "absent");
    assert_eq!(absent["value"], json!({"no_object_under": ["member:{}", 1000]}));
    cow.with(&posts).list(Post::list_by_author_id(7)).await.expect("fetched");
    let list = program.json(&["inspect", "Post::list_by_author_id", "7", "--show-values"]);
    assert_eq!(list["form"], "list");
    assert_eq!(list["value"], json!({"list": [7], "members": [[702], [701], [700]]}));
    assert_eq!(list["served"], true);
    cow.with(&members).ask(members_in::of(3)).await.expect("fetched");
    let answer = program.json(&["inspect", "members_in::of", "3", "--show-values"]);
    assert_eq!(answer["value"]["answer"], 3);
    assert_eq!((&answer["type"], &answer["served"]), (&json!("members_in"), &json!(true)));
    cow.invalidate(Member::tag_org(3)).await.expect("told");
    let answer = program.json(&["inspect", "members_in::of", "3"]);
    assert_eq!(answer["tags"][0]["epoch"], "unknown", "a query's tags may be of any type");
}

#[tokio::test]
async fn what_would_not_be_served_says_why() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    cow.with(&members).get(Member::by_id(42)).await.expect("fetched");
    cow.invalidate_tag(Member::tag_org(2)).await.expect("told");
    let json = program.json(&["inspect", "Member::by_id", "42"]);
    assert_eq!(json["served"], false);
    let why = json["misses"][0].as_str().expect("a reason");
    assert!(why.starts_with("its tag tag:{member:") && why.ends_with("was invalidated"), "{why}");
    // Another version of the type: another fingerprint, in the same place.
    let mut redis = server.connection().await;
    let name = json["name"].as_str().expect("a name");
    let _: () =
        redis::cmd("SETRANGE").arg(name).arg(4).arg("??").query_async(&mut redis).await.unwrap();
    let json = program.json(&["inspect", "Member::by_id", "42"]);
    assert_eq!(json["type"], json!(null));
    assert_eq!(json["misses"][0], "another version of the type stored it");
    let _: () = redis::cmd("SET").arg(name).arg("rubbish").query_async(&mut redis).await.unwrap();
    let json = program.json(&["inspect", "Member::by_id", "42"]);
    assert_eq!((&json["form"], &json["served"]), (&json!("foreign"), &json!(false)));
}

#[tokio::test]
async fn who_may_fill_or_holds_the_key_is_told() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    let gate = members.gate();
    let view = cow.with(&members);
    let reading = view.get(Member::by_id(42));
    let looking = async {
        gate.arrived().await;
        let json = program.json(&["inspect", "Member::by_id", "42"]);
        gate.open();
        json
    };
    let (read, json) = tokio::join!(reading, looking);
    read.expect("fetched");
    assert_eq!(json["stored"], false);
    assert_eq!(json["flag"]["state"], "leased");
    let flag = |name: &str| json["flag"][name].as_u64().expect("milliseconds");
    assert!(flag("ends_in_ms") <= 60_000 && flag("ends_in_ms") > 30_000, "{json}");
    assert!(flag("claimed_ms_ago") < 30_000, "{json}");
    let looked = cow.write(Member::by_id(42), async {
        Ok::<_, std::io::Error>(program.json(&["inspect", "Member::by_id", "42"]))
    });
    let json = looked.await.expect("written");
    assert_eq!(json["flag"]["state"], "held");
    assert_eq!(json["flag"]["holds"].as_array().map(Vec::len), Some(1), "{json}");
}

#[tokio::test]
async fn compressed_values_are_shown_and_encrypted_ones_are_not() {
    let server = RedisServer::start();
    let (url, posts) = (server.url(), Posts::by([1], 2));
    posts.put(Post { blog: "x".repeat(1000), ..Post::new(101, 1) });
    let compressed = patient().compress(cachecow::Compression::zstd(3), 100);
    let program = Program::on(&url);
    let cow = compressed.open(&url).await.expect("a valid address");
    cow.with(&posts).get(Post::by_id(101)).await.expect("fetched");
    let json = program.json(&["inspect", "Post::by_id", "101", "--show-values"]);
    assert_eq!(json["codec"], "zstd");
    assert!(json["bytes"].as_u64().is_some_and(|bytes| bytes < 500), "{json}");
    assert_eq!(json["value"]["blog"], "x".repeat(1000));
    let keyring = cachecow::Keyring::new("2026", &[7; 32]);
    let cow = patient().encrypt(keyring).open(&url).await.expect("a valid address");
    cow.with(&posts).get(Post::by_id(100)).await.expect("fetched");
    let json = program.json(&["inspect", "Post::by_id", "100", "--show-values"]);
    assert_eq!((&json["codec"], &json["encryption_key"]), (&json!("xc20p"), &json!("2026")));
    assert_eq!(json["value"], json!({"hidden": "it is encrypted"}));
}

#[tokio::test]
async fn namespaces_and_scopes_are_as_the_program_has_them() {
    let server = RedisServer::start();
    let (url, members) = (server.url(), Members::with(42));
    let cow = patient().namespace("shop").open(&url).await.expect("a valid address");
    let tenant = cow.scoped(7).scoped("eu");
    tenant.with(&members).get(Member::by_id(42)).await.expect("fetched");
    let program = Program::on(&url);
    let scoped = ["--namespace", "shop", "--scope", "i64:7", "--scope", "str:eu"];
    let json = program.json(&[&scoped[..], &["inspect", "Member::by_id", "42"]].concat());
    assert_eq!((&json["stored"], &json["served"]), (&json!(true), &json!(true)), "{json}");
    for other in [&scoped[..2], &scoped[2..], &scoped[..4], &[][..]] {
        let json = program.json(&[other, &["inspect", "Member::by_id", "42"]].concat());
        assert_eq!(json["stored"], false, "{other:?}");
    }
    let ran = program.run_known(&["inspect", json["name"].as_str().expect("a name")]).ended(2);
    assert!(ran.err.contains("is not a name of this namespace"), "{ran:?}");
}
