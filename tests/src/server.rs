//! A real Redis server for one test.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::install;

/// A server on a Unix socket in a folder of its own, killed and waited for when dropped.
pub struct RedisServer {
    folder: TempDir,
    arguments: Vec<String>,
    process: Option<Child>,
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
        let mut process = Command::new(install::redis_server())
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--loglevel", "notice"])
            .arg("--unixsocket")
            .arg(self.socket())
            .arg("--dir")
            .arg(self.folder.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server's binary runs");
        let mut log = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("piped"));
        loop {
            let start = log.len();
            let read = output.read_line(&mut log).expect("the server's log can be read");
            if log[start..].to_lowercase().contains("ready to accept connections") {
                break;
            }
            if read == 0 {
                let _ = process.stderr.take().expect("piped").read_to_string(&mut log);
                let _ = process.wait();
                panic!("redis-server did not start:\n{log}");
            }
        }
        // Someone must read the log on, or the server blocks once the pipe is full.
        std::thread::spawn(move || std::io::copy(&mut output, &mut std::io::sink()));
        self.process = Some(process);
    }

    /// Kills the server, as a crash would, and waits until it is gone.
    pub fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Fails only if it is gone already.
            let _ = process.kill();
            let _ = process.wait();
        }
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
        let process = self.process.as_ref().expect("the server runs");
        kill_process(Pid::from_child(process), signal).expect("the server's own process");
    }

    /// A connection beside cachecow's, to look and to meddle.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn connection(&self) -> redis::aio::MultiplexedConnection {
        let client = redis::Client::open(self.url()).expect("a valid address");
        client.get_multiplexed_async_connection().await.expect("the server runs")
    }

    /// How often the server has read from a client so far, this call's own read not counted: with
    /// one client that waits for each answer, the number of round trips.
    ///
    /// # Panics
    ///
    /// If the server does not run.
    pub async fn reads(&self, connection: &mut redis::aio::MultiplexedConnection) -> u64 {
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
