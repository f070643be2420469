//! A real Redis server for one test.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use rustix::process::Signal;
use tempfile::TempDir;

use super::{Process, install};

/// A server on a Unix socket in a folder of its own, killed and waited for when dropped.
pub struct RedisServer {
    folder: TempDir,
    arguments: Vec<String>,
    process: Option<Process>,
}

impl RedisServer {
    /// Starts a server, and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more arguments.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start_with(arguments: &[&str]) -> Self {
        let mut server = Self::stopped(arguments);
        server.restart();
        server
    }

    /// A server that has an address and does not run yet.
    ///
    /// # Panics
    ///
    /// If there is no temporary folder to be had.
    pub fn stopped(arguments: &[&str]) -> Self {
        // A socket's path must be short.
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let arguments = arguments.iter().map(ToString::to_string).collect();
        Self { folder, arguments, process: None }
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    /// The socket's path.
    pub fn socket(&self) -> PathBuf {
        self.folder.path().join("r.sock")
    }

    /// Starts the server again, empty; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self) {
        self.kill();
        let mut command = Command::new(install::redis_server());
        command
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "notice"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments);
        let ready =
            |line: &str| line.to_lowercase().contains("ready to accept connections").then_some(());
        let (process, ()) = Process::start(command, ready);
        self.process = Some(process);
    }

    /// Kills the server, as a crash would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.process = None;
        let _ = std::fs::remove_file(self.socket());
    }

    /// Hangs the server: connections stay open, nothing is answered.
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// Ends a [`pause`](Self::pause).
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        self.process.as_ref().expect("the server runs").signal(signal);
    }

    /// A connection beside cachecow's, to look and to meddle.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a valid address");
        let config = redis::AsyncConnectionConfig::new().set_response_timeout(None);
        let connecting = client.get_multiplexed_async_connection_with_config(&config);
        connecting.await.expect("the server runs")
    }

    /// How often the server has read from a client so far, this call's own read not counted: with
    /// one client that waits for each answer, the number of round trips.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn reads(&self, connection: &mut redis::aio::MultiplexedConnection) -> u64 {
        Self::reads_of(connection).await
    }

    /// [`reads`](Self::reads) of any server.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn reads_of(connection: &mut redis::aio::MultiplexedConnection) -> u64 {
        let info: String =
            redis::cmd("INFO").arg("stats").query_async(connection).await.expect("the server runs");
        let line = info
            .lines()
            .find_map(|line| line.strip_prefix("total_reads_processed:"))
            .expect("servers since 6.0 count their reads");
        line.trim().parse::<u64>().expect("a number") - 1
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

impl fmt::Debug for RedisServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisServer").field("url", &self.url()).finish_non_exhaustive()
    }
}
