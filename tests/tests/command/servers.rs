//! The same over a cluster and by sentinels.

use cachecow_tests::members::{Members, is_hit, version};
use cachecow_tests::servers::{RedisCluster, RedisSentinels};
use serde_json::json;

use crate::program::{Program, open};

/// 60 members are listed, counted, inspected and invalidated, and their changes are watched.
async fn works(url: &str, servers: usize) {
    let (cow, members) = (open(url).await, Members::with(60));
    for id in 1..=60 {
        version(&cow, &members, id).await;
    }
    let program = Program::on(url);
    let listed = program.run_known(&["--json", "list", "Member"]).ended(0).json_lines();
    assert_eq!(listed.len(), 60);
    let stats = program.json(&["stats"]);
    assert_eq!((&stats["types"][0]["values"], &stats["is_sample"]), (&json!(60), &json!(false)));
    for id in ["1", "2", "3", "4", "5", "6"] {
        let seen = program.json(&["inspect", "Member::by_id", id]);
        assert_eq!(seen["served"], true, "{seen}");
        assert_eq!(seen["tags"][1]["epoch"], "current", "{seen}");
    }
    let watching = program.start(&["watch", "--json", "--count", "3"]);
    for id in [1, 2, 3] {
        program.run_known(&["invalidate", "Member::by_id", &id.to_string()]).ended(0);
    }
    let (code, out) = watching.end();
    assert_eq!(code, 0);
    assert_eq!(out.matches("\"event\":\"removed\"").count(), 3, "{out}");
    for id in [1, 2, 3] {
        assert!(!is_hit(&cow, &members, id).await);
    }
    assert!(is_hit(&cow, &members, 17).await);
    program.run_known(&["invalidate-tag", "Member::tag_org", "7"]).ended(0);
    assert!(!is_hit(&cow, &members, 17).await && is_hit(&cow, &members, 18).await);
    let doctor = program.run_known(&["doctor", "--json"]).ended(0).json();
    assert_eq!(doctor["servers"].as_array().map(Vec::len), Some(servers), "{doctor}");
    assert!(!doctor.to_string().contains("\"fault\""), "{doctor}");
}

#[tokio::test]
async fn over_a_cluster() {
    let cluster = RedisCluster::start_masters(&[]).await;
    works(&cluster.url(), 3).await;
    let ran = Program::on(&cluster.url()).run(&["doctor"]).ended(0);
    assert_eq!(ran.out.matches("every slot has a master").count(), 3, "{ran:?}");
}

#[tokio::test]
async fn by_sentinels() {
    let sentinels = RedisSentinels::start(1).await;
    works(&sentinels.url(), 1).await;
    let ran = Program::on(&sentinels.url()).run(&["doctor"]).ended(0);
    assert!(ran.out.starts_with("the master themaster\n"), "{ran:?}");
    assert!(ran.out.contains("replica_acks(1"), "{ran:?}");
}
