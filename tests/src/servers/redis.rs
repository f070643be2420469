//! A real Redis server for one test.

use std::path::PathBuf;

use rustix::process::{Pid, Signal, kill_process};

use super::install;
use crate::patient::connect;

/// A server on a Unix socket in a folder of its own, killed and waited for when dropped: the one that users' tests have,
/// which is installed if need be, and can be hung.
#[derive(Debug)]
pub struct RedisServer(cachecow::testing::RedisServer);

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
        let program = install::redis_server();
        Self(cachecow::testing::RedisServer::stopped(program, arguments).expect("a folder"))
    }

    /// The address, for `CacheCow::open`.
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// The socket's path.
    pub fn socket(&self) -> PathBuf {
        self.0.socket()
    }

    /// Starts the server again, empty; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self) {
        self.0.restart().unwrap_or_else(|error| panic!("{error}"));
    }

    /// Kills the server, as a crash would, and waits until it is gone.
    pub fn kill(&mut self) {
        self.0.kill();
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
        let id = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())).expect("it runs");
        kill_process(id, signal).expect("the server's own process");
    }

    /// A connection beside cachecow's, to look and to meddle.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        connect(&self.url()).await.expect("the server runs")
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
