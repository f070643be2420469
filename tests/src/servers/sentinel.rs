//! A real master with replicas under the eyes of sentinels, for one test.

use std::collections::HashMap;
use std::fmt;
use std::process::Command;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use rustix::process::Signal;
use tempfile::TempDir;

use super::cluster::{is_ready, until};
use super::{Process, free_port, install};
use crate::patient;

/// What the sentinels call the master.
const NAME: &str = "themaster";
const SENTINELS: usize = 3;

/// Servers, of which the first is the master at the beginning, and three sentinels, on loopback ports;
/// killed and waited for when dropped.
pub struct RedisSentinels {
    servers: Vec<Server>,
    sentinels: Vec<Server>,
}

struct Server {
    folder: TempDir,
    port: u16,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl RedisSentinels {
    /// Starts a master, replicas and sentinels, and waits until they all know each other.
    ///
    /// # Panics
    ///
    /// With a server's log, if it does not start.
    pub async fn start(replicas: usize) -> Self {
        Self::start_with(replicas, &[]).await
    }

    /// Starts all with more arguments for the first master.
    ///
    /// # Panics
    ///
    /// With a server's log, if it does not start.
    pub async fn start_with(replicas: usize, arguments: &[&str]) -> Self {
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let master = Server::start(&arguments);
        let follow = ["--replicaof".to_owned(), "127.0.0.1".to_owned(), master.port.to_string()];
        let replicas: Vec<Server> = (0..replicas).map(|_| Server::start(&follow)).collect();
        let sentinels = (0..SENTINELS).map(|_| Server::sentinel(master.port)).collect();
        let servers = std::iter::once(master).chain(replicas).collect();
        let group = Self { servers, sentinels };
        group.ready().await;
        group
    }

    /// Waits until every sentinel knows of the others and of all replicas, and these follow.
    async fn ready(&self) {
        for sentinel in 0..SENTINELS {
            until(async || {
                let known = self.known_to(sentinel).await;
                let is = |name: &str, number: usize| known[name] == number.to_string();
                (is("num-other-sentinels", SENTINELS - 1)
                    && is("num-slaves", self.servers.len() - 1))
                .then_some(())
            })
            .await;
        }
        for server in 1..self.servers.len() {
            until(async || {
                let mut connection = self.connection(server).await;
                let info: String = redis::cmd("INFO")
                    .arg("replication")
                    .query_async(&mut connection)
                    .await
                    .expect("the server runs");
                info.contains("master_link_status:up").then_some(())
            })
            .await;
        }
    }

    /// What a sentinel knows of the master.
    async fn known_to(&self, sentinel: usize) -> HashMap<String, String> {
        let mut connection = connect(self.sentinels[sentinel].port).await;
        let known =
            redis::cmd("SENTINEL").arg("MASTER").arg(NAME).query_async(&mut connection).await;
        known.expect("the sentinel knows the master")
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        Self::url_by(self.sentinel_ports())
    }

    /// The address, where the sentinels are reached by other ports.
    pub fn url_by(ports: impl IntoIterator<Item = u16>) -> String {
        let hosts: Vec<String> =
            ports.into_iter().map(|port| format!("127.0.0.1:{port}")).collect();
        format!("redis+sentinel://{}/{NAME}", hosts.join(","))
    }

    /// The sentinels' ports.
    pub fn sentinel_ports(&self) -> Vec<u16> {
        self.sentinels.iter().map(|sentinel| sentinel.port).collect()
    }

    /// The server that most sentinels name as the master.
    pub async fn master(&self) -> usize {
        let mut votes = vec![0; self.servers.len()];
        for sentinel in 0..SENTINELS {
            if self.sentinels[sentinel].process.is_some() {
                let port = self.known_to(sentinel).await["port"].clone();
                let named = self.servers.iter().position(|server| server.port.to_string() == port);
                votes[named.expect("one of the servers")] += 1;
            }
        }
        (0..votes.len()).max_by_key(|&server| votes[server]).expect("there are servers")
    }

    /// A connection to one server, beside cachecow's.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn connection(&self, server: usize) -> MultiplexedConnection {
        self.try_connection(server).await.expect("the server runs")
    }

    /// The same, of a server that may close it at once.
    ///
    /// # Errors
    ///
    /// If it does, or does not run.
    pub async fn try_connection(&self, server: usize) -> redis::RedisResult<MultiplexedConnection> {
        try_connect(self.servers[server].port).await
    }

    /// Tells a sentinel to switch to a replica, as for maintenance. A sentinel knows a replica for a while before it
    /// takes it for a good one. Until then it refuses, and this asks again.
    ///
    /// # Panics
    ///
    /// If it refuses for a minute.
    pub async fn fail_over(&self) {
        let mut connection = connect(self.sentinels[0].port).await;
        until(async || {
            let done: redis::RedisResult<()> =
                redis::cmd("SENTINEL").arg("FAILOVER").arg(NAME).query_async(&mut connection).await;
            done.ok()
        })
        .await;
    }

    /// Makes another server the master than this one, as an operator does.
    ///
    /// # Panics
    ///
    /// If the sentinels refuse for a minute.
    pub async fn fail_over_from(&self, before: usize) {
        loop {
            self.fail_over().await;
            let replaced = async {
                while self.master().await == before {
                    tokio::task::yield_now().await;
                }
            };
            // The sentinels give a failover up that a busy machine holds up, and do not begin it again.
            if tokio::time::timeout(Duration::from_secs(20), replaced).await.is_ok() {
                return;
            }
        }
    }

    /// Waits until a server has been made a replica.
    ///
    /// # Panics
    ///
    /// After a minute.
    pub async fn demoted(&self, server: usize) {
        until(async || {
            // The sentinels close its clients' connections as they demote it.
            let mut connection = self.try_connection(server).await.ok()?;
            let role = redis::cmd("ROLE").query_async(&mut connection).await;
            let role: Vec<redis::Value> = role.ok()?;
            (role.first() == Some(&redis::Value::BulkString(b"slave".to_vec()))).then_some(())
        })
        .await;
    }

    /// Kills a server, as a crash would, and waits until it is gone.
    pub fn kill(&mut self, server: usize) {
        self.servers[server].process = None;
    }

    /// Hangs a server: connections stay open, nothing is answered.
    pub fn pause(&self, server: usize) {
        self.signal(server, Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self, server: usize) {
        self.signal(server, Signal::CONT);
    }

    fn signal(&self, server: usize, signal: Signal) {
        self.servers[server].process.as_ref().expect("the server runs").signal(signal);
    }

    /// Starts a server again, empty and as it was at first.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self, server: usize) {
        self.kill(server);
        self.servers[server].run();
    }

    /// Kills a sentinel.
    pub fn kill_sentinel(&mut self, sentinel: usize) {
        self.sentinels[sentinel].process = None;
    }
}

impl Server {
    fn start(arguments: &[String]) -> Self {
        let (folder, port, arguments) = (folder(), free_port(), arguments.to_vec());
        let mut server = Self { folder, port, arguments, process: None };
        server.run();
        server
    }

    fn run(&mut self) {
        let mut command = Command::new(install::redis_server());
        command
            .args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--loglevel", "notice"])
            .args(["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"])
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments);
        let (process, ()) = Process::start(command, is_ready);
        self.process = Some(process);
    }

    fn sentinel(master: u16) -> Self {
        let (folder, port) = (folder(), free_port());
        let file = folder.path().join("sentinel.conf");
        let settings = format!(
            "port {port}\nbind 127.0.0.1\ndir {}\nsentinel monitor {NAME} 127.0.0.1 {master} 2\n\
             sentinel down-after-milliseconds {NAME} 2000\n\
             sentinel failover-timeout {NAME} 10000\n",
            folder.path().display(),
        );
        std::fs::write(&file, settings).expect("a folder of ours");
        let mut command = Command::new(install::redis_server());
        command.arg(file).arg("--sentinel");
        let (process, ()) =
            Process::start(command, |line| line.contains("+monitor master").then_some(()));
        Self { folder, port, arguments: Vec::new(), process: Some(process) }
    }
}

fn folder() -> TempDir {
    tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder")
}

async fn connect(port: u16) -> MultiplexedConnection {
    try_connect(port).await.expect("the sentinel runs")
}

async fn try_connect(port: u16) -> redis::RedisResult<MultiplexedConnection> {
    patient::connect(&format!("redis://127.0.0.1:{port}")).await
}

impl fmt::Debug for RedisSentinels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSentinels").field("url", &self.url()).finish_non_exhaustive()
    }
}
