//! A MongoDB server for one test, or what speaks its protocol.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Process, install};

const REMEDY: &str = "These tests need a MongoDB server, or the Python package `nx-27017`, which stands in \
for one and could not be installed.\nMake `python3 -m venv` and `pip` work, or give the URL of a MongoDB \
server, as `mongodb://host/database`, in the environment variable CACHECOW_MONGODB_URL: the tests use \
collections of that database whose names begin with `cachecow_tests`.";

/// The server that `CACHECOW_MONGODB_URL` names, or else a stand-in of the test's own on a loopback port,
/// killed and waited for when dropped.
pub struct MongoServer {
    url: String,
    own: Option<(Process, TempDir)>,
}

impl MongoServer {
    /// Starts a server where none is named, and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start() -> Self {
        std::env::var("CACHECOW_MONGODB_URL")
            .map_or_else(|_| Self::stand_in(), |url| Self { url, own: None })
    }

    /// Starts a server of the test's own, whatever is named: one to be stopped.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn stand_in() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // What the package's program does, and the mending.
        let mut command = Command::new(program().with_file_name("python"));
        command
            .current_dir(folder.path())
            .env("PYTHONUNBUFFERED", "1")
            .args(["-c", include_str!("nx_27017.py")])
            .args(["--db", "memory", "--port", "0", "--log-file", "log", "--pid-file", "pid"]);
        let ready = |line: &str| Some(line.split_once("Listening on ")?.1.trim().to_owned());
        let (process, address) = Process::start(command, ready);
        Self { url: format!("mongodb://{address}/cow"), own: Some((process, folder)) }
    }

    /// The address, for `MongoStore::open`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Kills the server, if it is the test's own, and waits until it is gone.
    pub fn stop(&mut self) {
        self.own = None;
    }
}

impl fmt::Debug for MongoServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoServer").field("own", &self.own.is_some()).finish_non_exhaustive()
    }
}

fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        install::python_package("nx-27017==0.8.1", "nx-27017").unwrap_or_else(|| panic!("{REMEDY}"))
    })
}
