//! A server that is absent, dies, hangs, or is slow.

use std::time::Duration;

use cachecow::Fill;
use cachecow_tests::patient::patient;
use cachecow_tests::proxy::Proxy;
use cachecow_tests::servers::{RedisServer, free_port};
use cachecow_tests::store::{Item, Store};
use redis::aio::MultiplexedConnection;

use crate::row::Circuit::{Opens, StaysClosed};
use crate::row::Seen::{Cached, Fetched, Never, Stored};
use crate::row::Told::{Done, HoldRefused, NotInvalidated};
use crate::row::faults;
use crate::trial::{Trial, within};

faults! {
    /// Nobody listens at the address when the program starts; the server is started later.
    async fn absent_at_the_start(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: Connection refused",
        remedy: "start it; it is used from then on",
    }
    {
        let port = free_port().to_string();
        let mut server = RedisServer::stopped(&["--port", &port]);
        let url = format!("redis://127.0.0.1:{port}");
        let trial = Trial::cold(row, &url).await.suffer().await;
        server.restart();
        trial.recover(&url).await;
    }

    /// There is no such Unix socket when the program starts; the server is started later.
    async fn no_socket_at_the_start(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: No such file",
        remedy: "start it; it is used from then on",
    }
    {
        let mut server = RedisServer::stopped(&[]);
        let trial = Trial::cold(row, &server.url()).await.suffer().await;
        server.restart();
        trial.recover(&server.url()).await;
    }

    /// The server dies, and is started again later, empty.
    async fn killed(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "start it; it is used from then on",
    }
    {
        let mut server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        server.kill();
        let trial = trial.suffer().await;
        server.restart();
        trial.recover(&server.url()).await;
    }

    /// The server is restarted between two operations, empty.
    async fn restarted(row) {
        kept: Fetched, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: HoldRefused,
        ping: "",
        remedy: "nothing: only the first command on the broken connection fails",
    }
    {
        let mut server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        server.restart();
        trial.suffer().await.recover(&server.url()).await;
    }

    /// The server hangs: connections stand, and nothing is answered (`kill -STOP`).
    async fn hung(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache did not answer in time",
        remedy: "restart it, or wake it",
    }
    {
        let server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        server.pause();
        let trial = trial.suffer().await;
        server.resume();
        trial.recover(&server.url()).await;
    }

    /// The server does what it is asked, and each answer comes later than the operation timeout.
    async fn too_slow(row) {
        kept: Fetched, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache did not answer in time",
        remedy: "a longer `operation_timeout`, if reads may take that long",
    }
    {
        let server = RedisServer::start();
        let proxy = Proxy::before(&server);
        let trial = Trial::warm(row, &proxy.url()).await;
        proxy.stall(true);
        let trial = trial.suffer().await;
        proxy.stall(false);
        trial.recover(&proxy.url()).await;
    }

    /// Each answer takes its time, and comes within the operation timeout.
    async fn slow(row) {
        kept: Cached, other: Stored, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "a shorter `operation_timeout`, if a fetch takes less",
    }
    {
        let server = RedisServer::start();
        let proxy = Proxy::before(&server);
        let trial = Trial::warm(row, &proxy.url()).await;
        proxy.set_delay(Duration::from_millis(20));
        let trial = trial.suffer().await;
        proxy.set_delay(Duration::ZERO);
        trial.recover(&proxy.url()).await;
    }

    /// The server reads its data from disk.
    async fn loading(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "LOADING",
        remedy: "a cache needs no persistence: `save \"\"`, `appendonly no`",
    }
    {
        let port = free_port().to_string();
        let source = RedisServer::start_with(&["--port", &port, "--repl-diskless-sync-delay", "0"]);
        let many = "for i = 1, 100000 do redis.call('SET', i, i) end";
        say(&mut source.connection().await, &["EVAL", many, "0"]).await;
        let server = RedisServer::start_with(&["--loading-process-events-interval-bytes", "1024"]);
        let trial = Trial::warm(row, &server.url()).await;
        let mut control = server.connection().await;
        say(&mut control, &["CONFIG", "SET", "key-load-delay", "200"]).await;
        say(&mut control, &["REPLICAOF", "127.0.0.1", &port]).await;
        within(until_info(&mut control, "loading:1")).await;
        let trial = trial.suffer().await;
        say(&mut control, &["CONFIG", "SET", "key-load-delay", "0"]).await;
        within(until_info(&mut control, "loading:0")).await;
        say(&mut control, &["REPLICAOF", "NO", "ONE"]).await;
        trial.recover(&server.url()).await;
    }

    /// A script that does not end keeps the server from everyone else.
    async fn busy(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "BUSY",
        remedy: "`SCRIPT KILL`",
    }
    {
        let server = RedisServer::start_with(&["--lua-time-limit", "10"]);
        let trial = Trial::warm(row, &server.url()).await;
        let mut other = server.connection().await;
        let endless = tokio::spawn(async move {
            let script = redis::cmd("EVAL").arg("while true do end").arg(0).take();
            script.query_async::<()>(&mut other).await
        });
        within(async { while trial.cow().ping().await.is_ok() {} }).await;
        let trial = trial.suffer().await;
        say(&mut server.connection().await, &["SCRIPT", "KILL"]).await;
        assert!(endless.await.unwrap().is_err());
        trial.recover(&server.url()).await;
    }
}

#[tokio::test]
async fn a_load_that_a_restart_overtakes_is_not_stored() {
    let mut server = RedisServer::start();
    let (store, cow) = (Store::with_items(1), patient().open(&server.url()).await.unwrap());
    let gate = store.gate();
    let (read, ()) = tokio::join!(cow.with(&store).read(Item::by_id(1)), async {
        gate.arrived().await;
        server.restart();
        gate.open();
    });
    let read = read.unwrap();
    assert_eq!(read.value.unwrap().version, 1);
    assert!(matches!(read.fill, Fill::Unreachable | Fill::Refused), "{:?}", read.fill);
    assert_eq!(cow.with(&store).read(Item::by_id(1)).await.unwrap().fill, Fill::Stored);
}

/// Carries a command out, past cachecow.
pub(crate) async fn say(connection: &mut MultiplexedConnection, command: &[&str]) {
    let mut command = command.iter();
    let mut said = redis::cmd(command.next().unwrap());
    let _: redis::Value = said.arg(command.as_slice()).query_async(connection).await.unwrap();
}

/// Waits until a line of `INFO` reads like this.
pub(crate) async fn until_info(connection: &mut MultiplexedConnection, line: &str) {
    loop {
        let info: String = redis::cmd("INFO").query_async(connection).await.unwrap();
        if info.lines().any(|found| found == line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
