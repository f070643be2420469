//! `cachecow doctor`, and the errors of the other commands.

use cachecow_tests::servers::{RedisServer, free_port};
use expect_test::expect;
use serde_json::Value;

use crate::program::{Program, Ran};

/// What `doctor` says of a topic of the first server.
fn of<'a>(json: &'a Value, topic: &str) -> Vec<&'a Value> {
    let checks = json["servers"][0]["checks"].as_array().expect("checks");
    checks.iter().filter(|check| check["topic"] == topic).collect()
}

#[test]
fn a_server_that_is_set_up_well() {
    let server =
        RedisServer::start_with(&["--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lfu"]);
    let ran = Program::on(&server.url()).run(&["doctor"]).ended(0);
    let stable = |line: &&str| {
        !["version", "maxmemory:", "latency", "warning(s)"].iter().any(|topic| line.contains(topic))
    };
    let lines: Vec<String> =
        ran.masked().lines().filter(stable).map(|line| format!("{line}\n")).collect();
    expect![[r"
        SERVER
          ok reachable: it answers
          ok role: master
          ok maxmemory-policy: allkeys-lfu
          ok snapshots: none
          ok append-only file: none
          ok replicas: none
          ok rights: all 27 commands are allowed
          ok names: 3 patterns of names are allowed
          ok clock: within TIME of this machine's
    "]]
    .assert_eq(&lines.concat());
}

#[tokio::test]
async fn settings_with_a_risk_are_warnings_with_a_remedy() {
    let server = RedisServer::start();
    let mut redis = server.connection().await;
    for (name, value) in [
        ("maxmemory", "100mb"),
        ("maxmemory-policy", "noeviction"),
        ("save", "3600 1"),
        ("appendonly", "yes"),
    ] {
        let mut set = redis::cmd("CONFIG");
        let _: () = set.arg("SET").arg(name).arg(value).query_async(&mut redis).await.expect("set");
    }
    let json = Program::on(&server.url()).run(&["doctor", "--json"]).ended(0).json();
    for (topic, remedy) in [
        ("maxmemory-policy", "allkeys-lru"),
        ("snapshots", "CONFIG SET save ''"),
        ("append-only file", "appendonly no"),
    ] {
        let [check] = of(&json, topic)[..] else { panic!("{json}") };
        assert_eq!(check["level"], "warning", "{check}");
        assert!(check["remedy"].as_str().is_some_and(|text| text.contains(remedy)), "{check}");
    }
}

#[tokio::test]
async fn denied_commands_and_names_are_told_one_by_one() {
    let server = RedisServer::start();
    let mut redis = server.connection().await;
    let user = [
        "SETUSER",
        "app",
        "on",
        ">secret",
        "~cache:*",
        "~flag:*",
        "+@all",
        "-evalsha",
        "-zremrangebyscore",
        "-client|tracking",
        "-config",
    ];
    let _: () = redis::cmd("ACL").arg(&user).query_async(&mut redis).await.expect("an ACL");
    let url = format!("{}?user=app&pass=secret", server.url());
    let ran = Program::on(&url).run(&["doctor", "--json"]).ended(1);
    assert!(!ran.out.contains("secret"), "{ran:?}");
    let json = ran.json();
    let denied: Vec<(&str, &str)> = of(&json, "rights")
        .iter()
        .map(|check| {
            (check["level"].as_str().expect("text"), check["remedy"].as_str().expect("text"))
        })
        .collect();
    assert_eq!(
        denied,
        [
            ("fault", "ACL SETUSER app +evalsha"),
            ("fault", "ACL SETUSER app +zremrangebyscore"),
            ("warning", "ACL SETUSER app +client|tracking"),
            ("note", "ACL SETUSER app +config|get"),
        ]
    );
    let [names] = of(&json, "names")[..] else { panic!("{json}") };
    assert_eq!(names["level"], "fault");
    assert!(names["found"].as_str().is_some_and(|text| text.starts_with("~tag:{* are denied")));
    // What is tried changes nothing.
    let keys: i64 = redis::cmd("DBSIZE").query_async(&mut redis).await.expect("a number");
    assert_eq!(keys, 0);
}

#[test]
fn faults_end_with_their_codes_in_one_line_and_without_a_password() {
    let one_line = |ran: &Ran| {
        assert!(ran.err.lines().count() == 1 && ran.out.is_empty(), "{ran:?}");
        assert!(!ran.err.contains("secret"), "{ran:?}");
    };
    let nobody = format!("redis://app:secret@127.0.0.1:{}/", free_port());
    for arguments in [
        &["list"][..],
        &["stats"],
        &["inspect", "a:{i64}", "1"],
        &["watch"],
        &["invalidate", "a:{i64}", "1"],
    ] {
        one_line(&Program::on(&nobody).run(arguments).ended(3));
    }
    let json = Program::on(&nobody).run(&["doctor", "--json"]).ended(3).json();
    assert_eq!(of(&json, "reachable")[0]["level"], "fault");
    assert!(!json.to_string().contains("secret"), "{json}");
    for url in [
        "redis://app:sec#ret@h/",
        "nothing",
        "memory://",
        "redis+sentinel://app:secret@/",
        "redis://app:secret@a,b/",
        "http://app:secret@h/",
    ] {
        one_line(&Program::on(url).run(&["list"]).ended(2));
    }
    let server = RedisServer::start_with(&["--requirepass", "right"]);
    let wrong = format!("{}?pass=secret", server.url());
    let ran = Program::on(&wrong).run(&["list"]).ended(3);
    one_line(&ran);
    assert!(ran.err.contains("see the cache's URL"), "{ran:?}");
    let ran = Program::on(&nobody).run(&["--timeout", "soon", "list"]).ended(2);
    assert!(ran.err.contains("a number and a unit"), "{ran:?}");
}

#[tokio::test]
async fn what_the_server_refuses_has_a_code_of_its_own() {
    let server = RedisServer::start();
    let mut redis = server.connection().await;
    let deny = ["SETUSER", "default", "-scan", "-evalsha", "-eval"];
    let _: () = redis::cmd("ACL").arg(&deny).query_async(&mut redis).await.expect("an ACL");
    let program = Program::on(&server.url());
    for arguments in [&["list"][..], &["invalidate", "a:{i64}", "1"]] {
        let ran = program.run(arguments).ended(4);
        assert!(ran.err.contains("NOPERM") && ran.err.lines().count() == 1, "{ran:?}");
    }
}

#[test]
fn a_hung_server_is_given_up_in_time() {
    let server = RedisServer::start();
    server.pause();
    let ran = Program::on(&server.url()).run(&["--timeout", "200ms", "list"]).ended(3);
    server.resume();
    assert_eq!(ran.err.lines().count(), 1, "{ran:?}");
}
