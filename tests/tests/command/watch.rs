//! `cachecow watch`.

use cachecow_tests::members::{Member, Members, version};
use cachecow_tests::servers::RedisServer;
use serde_json::Value;

use crate::program::{Program, open};

#[tokio::test]
async fn fills_and_invalidations_are_printed_as_they_happen() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    let watching = program.start(&["watch", "member", "--json", "--count", "5"]);
    version(&cow, &members, 42).await;
    cow.invalidate(Member::by_id(42)).await.expect("told");
    let (code, out) = watching.end();
    assert_eq!(code, 0);
    let events: Vec<Value> =
        out.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let key = cachecow::Key::of("member:{}", (42,)).key();
    let of_value = events.iter().filter(|event| event["name"] == format!("cache:{{{key}}}"));
    let told: Vec<&str> = of_value.filter_map(|event| event["event"].as_str()).collect();
    // What stands there is looked up afterwards: a fill that has been undone by then is told as that.
    assert!(matches!(&told[..], ["filled" | "removed", "removed"]), "{out}");
    let begun = events.iter().filter(|event| event["event"] == "began").count();
    assert_eq!(begun, 3, "the guard, and two tags: {out}");
}

#[tokio::test]
async fn leases_are_printed_where_that_is_asked_for() {
    let server = RedisServer::start();
    let (cow, members) = (open(&server.url()).await, Members::with(42));
    let program = Program::on(&server.url());
    let watching = program.start(&["watch", "--flags", "--count", "2"]);
    let gate = members.gate();
    let view = cow.with(&members);
    let reading = view.get(Member::by_id(42));
    let looking = async {
        gate.arrived().await;
        let (code, out) = tokio::task::spawn_blocking(move || watching.end()).await.expect("ended");
        gate.open();
        (code, out)
    };
    let (read, (code, out)) = tokio::join!(reading, looking);
    read.expect("fetched");
    assert_eq!(code, 0);
    assert!(
        out.contains("leased    flag:{member:") && out.contains("began     tag:{member:"),
        "{out}"
    );
}

/// Nobody reads what is printed, as in a pager.
#[tokio::test]
async fn what_comes_faster_than_it_is_read_is_left_out_and_kept_by_nobody() {
    let server = RedisServer::start();
    let watching = Program::on(&server.url()).start(&["watch", "--json", "--count", "5000"]);
    let mut connection = server.connection().await;
    for step in 0..30_i64 {
        let mut sets = redis::pipe();
        for id in 0..1000 {
            let key = cachecow::Key::of("member:{}", (step * 1000 + id,)).key();
            sets.set(format!("cache:{{{key}}}"), "v").ignore();
        }
        let () = sets.query_async(&mut connection).await.expect("stored");
    }
    // The server has sent all of it, though nobody has read a line.
    let sent = async {
        loop {
            let clients: String =
                redis::cmd("CLIENT").arg("LIST").query_async(&mut connection).await.expect("told");
            if clients.lines().all(|client| client.contains(" omem=0 ")) {
                break;
            }
            tokio::task::yield_now().await;
        }
    };
    let sent = tokio::time::timeout(std::time::Duration::from_secs(60), sent).await;
    sent.expect("the server keeps nothing for the program");
    let (code, out) = tokio::task::spawn_blocking(move || watching.end()).await.expect("ended");
    assert_eq!(code, 0);
    assert!(out.contains(r#""event":"left out""#), "{} lines", out.lines().count());
}

#[test]
fn an_end_of_the_connection_is_an_error() {
    let mut server = RedisServer::start();
    let program = Program::on(&server.url());
    let watching = program.start(&["watch"]);
    server.kill();
    assert_eq!(watching.end(), (3, String::new()));
}
