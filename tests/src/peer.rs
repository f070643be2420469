//! What the processes of a test share, and how one runs the other.

use std::fmt;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use cachecow::Cached;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

/// The backing store, as each process has it.
pub struct Versions(Mutex<Box<dyn FnMut() -> u64 + Send>>);

impl Versions {
    /// A store whose present version is read by `read`.
    pub fn new(read: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self(Mutex::new(Box::new(read)))
    }

    fn version(&self) -> u64 {
        self.0.lock()()
    }
}

impl fmt::Debug for Versions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Versions")
    }
}

/// The one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Versions)]
#[cache(key = "shared:{id}", fetch = Shared::find)]
pub struct Shared {
    /// Always 1.
    pub id: u32,
    /// How often it was written.
    pub version: u64,
}

impl Shared {
    async fn find(versions: &Versions, id: u32) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id, version: versions.version() })
    }
}

/// The one object of a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Versions)]
#[cache(key = "grouped:{id}", fetch = Grouped::find)]
#[cache(tag = "group:{group}")]
pub struct Grouped {
    /// Always 1.
    pub id: u32,
    /// Always 7.
    pub group: u32,
    /// How often it was written.
    pub version: u64,
}

impl Grouped {
    async fn find(versions: &Versions, id: u32) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id, group: 7, version: versions.version() })
    }
}

/// Another process, killed and waited for when dropped.
#[derive(Debug)]
pub struct Peer {
    process: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    /// Starts one on the cache at `url`.
    ///
    /// # Panics
    ///
    /// If the binary cannot be run.
    pub fn start(binary: &str, url: &str, mode: &str) -> Self {
        Self::start_with(Command::new(binary).args([url, mode]))
    }

    /// Starts one by a command that has its arguments and environment.
    ///
    /// # Panics
    ///
    /// If the binary cannot be run.
    pub fn start_with(command: &mut Command) -> Self {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the peer's binary runs");
        let orders = process.stdin.take().expect("piped");
        let answers = BufReader::new(process.stdout.take().expect("piped"));
        Self { process, orders, answers }
    }

    /// Says a line, and waits for none.
    ///
    /// # Panics
    ///
    /// If the peer is gone.
    pub fn say(&mut self, line: &str) {
        writeln!(self.orders, "{line}").expect("the peer listens");
    }

    /// Waits for a line.
    ///
    /// # Panics
    ///
    /// If the peer is gone.
    pub fn hear(&mut self) -> String {
        let mut line = String::new();
        let read = self.answers.read_line(&mut line).expect("the peer speaks");
        assert!(read > 0, "the peer is gone");
        line.trim().to_owned()
    }

    /// Kills the process, as a crash would.
    pub fn kill(&mut self) {
        // Fails only if it is gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.kill();
    }
}
