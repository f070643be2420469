//! The end of the program.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use cachecow::CacheCow;
use reqwest::StatusCode;
use rustix::process::{Pid, Signal, kill_process};
use service::app::App;
use service::serve::serve;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::support::{Client, Servers, until, user};

#[tokio::test]
async fn requests_under_way_end_first() {
    let servers = Servers::start();
    let app = servers.app().await;
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
    let client = Client::of(&listener);
    let (end, ended) = oneshot::channel();
    let serving = tokio::spawn(serve(listener, app.clone(), async {
        let _ = ended.await;
    }));
    let made = client.post("/users", &user("ann", "Ann")).await.expect(StatusCode::CREATED);
    let id = made["id"].as_i64().expect("an id");
    // A separate connection for the test, since the service closes its pool.
    let other = servers.app().await;
    let mut transaction = other.db.begin().await.expect("the database is there");
    let lock = sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR UPDATE").bind(id);
    lock.execute(&mut *transaction).await.expect("the user exists");
    let writing =
        tokio::spawn(async move { client.put(&format!("/users/{id}"), &user("ann", "Bea")).await });
    until(async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let waiting: i64 =
            sqlx::query_scalar(waiting).fetch_one(&other.db).await.expect("a number");
        waiting == 1
    })
    .await;
    end.send(()).expect("it still serves");
    transaction.commit().await.expect("the database is there");
    let answer = writing.await.expect("no panic");
    assert_eq!(answer.expect(StatusCode::OK)["name"], "Bea");
    serving.await.expect("no panic").expect("nothing is left");
    assert!(app.db.is_closed());
}

#[tokio::test]
async fn it_ends_as_usual_while_redis_hangs() {
    let servers = Servers::start();
    let builder = CacheCow::builder()
        .operation_timeout(Duration::from_millis(100))
        .close_timeout(Duration::from_millis(300));
    let cow = builder.open(&servers.redis.url()).await.expect("a valid address");
    let app = App::new(servers.app().await.db, cow);
    let (cow, db) = (app.cow.clone(), app.db.clone());
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
    let client = Client::of(&listener);
    let (end, ended) = oneshot::channel();
    let serving = tokio::spawn(serve(listener, app, async {
        let _ = ended.await;
    }));
    client.get("/users/1").await.expect(StatusCode::NOT_FOUND);
    servers.redis.pause();
    client.post("/users", &user("ann", "Ann")).await.expect(StatusCode::CREATED);
    end.send(()).expect("it still serves");
    serving.await.expect("no panic").expect("Redis is no reason to fail");
    assert!(db.is_closed());
    assert_eq!(cow.stats().pending_invalidations, 2);
    servers.redis.resume();
}

fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_service"));
    for variable in ["DATABASE_URL", "REDIS_URL", "FOLLOW", "AUDIT_ONE_IN"] {
        command.env_remove(variable);
    }
    command.env("LISTEN", "127.0.0.1:0");
    command
}

/// The real program, on its own port, until it receives a signal.
#[tokio::test]
async fn the_program_ends_when_it_is_told_to() {
    let servers = Servers::start();
    let mut command = program();
    command.env("DATABASE_URL", servers.postgres.url()).env("REDIS_URL", servers.redis.url());
    let mut running = command.stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    let output = running.stdout.as_mut().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("it says where it listens");
    let base = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
    let client = Client::at(base);
    client.post("/users", &user("ann", "Ann")).await.expect(StatusCode::CREATED);
    kill_process(Pid::from_child(&running), Signal::TERM).expect("the test's own process");
    assert!(running.wait().expect("the test's own process").success());
}

/// Further settings by environment variables: if the log should be followed, an unprepared database is refused.
#[test]
fn what_the_database_lacks_is_said_before_anything_is_served() {
    let servers = Servers::start();
    let mut command = program();
    command.env("DATABASE_URL", servers.postgres.url()).env("FOLLOW", "1");
    let output = command.output().expect("the program starts");
    assert!(!output.status.success() && output.stdout.is_empty(), "{output:?}");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(message.contains("wal_level"), "{message}");
}

/// What a deployment needs beside the program.
#[test]
fn it_prints_the_manifest_and_what_the_database_needs() {
    let printed = |word: &str| {
        let output = program().arg(word).output().expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    };
    let manifest = printed("manifest");
    for named in ["by_email", "list_by_author_id", "latest_posts"] {
        assert!(manifest.contains(named), "{named}: {manifest}");
    }
    assert!(printed("setup-sql").contains("create publication"));
    let output = program().arg("nonsense").output().expect("the program starts");
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && message.contains("setup-sql"), "{message}");
}

#[test]
fn without_a_database_it_says_how_to_get_one() {
    let output = program().output().expect("the program starts");
    assert!(!output.status.success());
    let message = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        message.contains("DATABASE_URL is not set") && message.contains("docker run"),
        "{message}"
    );
}
