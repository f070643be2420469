//! A real MariaDB server for one test.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::{Process, install, not_as_root, run};

const REMEDY: &str = "These tests need a MariaDB server, and none could be found or installed.\n\
Install one (`apt-get install mariadb-server-core mariadb-client-core`, `dnf install mariadb-server`, \
`brew install mariadb`, …),\nor name the binary `mariadbd` in the environment variable \
CACHECOW_MARIADB; `mariadb-install-db` must be on the path.";

/// What the server does whenever it starts.
const INIT: &str = "\
CREATE DATABASE IF NOT EXISTS cow;
CREATE USER IF NOT EXISTS cow@localhost IDENTIFIED BY 'cud';
GRANT ALL ON cow.* TO cow@localhost;
";

/// A server on a Unix socket in a folder of its own, killed and waited for when dropped.
pub struct MariaDbServer {
    folder: TempDir,
    process: Option<Process>,
}

impl MariaDbServer {
    /// Starts a server, and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start() -> Self {
        // A socket's path must be short.
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        std::fs::write(folder.path().join("init.sql"), INIT).expect("a file in the folder");
        // Installs the installer as well.
        program();
        let installer = install::on_path("mariadb-install-db");
        let mut installer = Command::new(installer.unwrap_or_else(|| panic!("{REMEDY}")));
        installer
            .current_dir(folder.path())
            .env("TMPDIR", folder.path())
            .args(["--no-defaults", "--auth-root-authentication-method=normal", "--skip-test-db"])
            .arg(format!("--datadir={}", folder.path().join("data").display()));
        not_as_root(&mut installer, folder.path());
        run(&mut installer);
        let mut server = Self { folder, process: None };
        server.restart();
        server
    }

    /// The address, for `SqlStore::open`, with this password in it.
    pub fn url_with_password(&self, password: &str) -> String {
        format!("mariadb://cow:{password}@localhost/cow?socket={}", self.socket().display())
    }

    /// The address, for `SqlStore::open`.
    pub fn url(&self) -> String {
        self.url_with_password("cud")
    }

    /// Starts the server again, with its data; kills it first if it runs.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self) {
        self.stop();
        let folder = self.folder.path();
        let mut command = Command::new(program());
        command
            // A server that starts removes all temporary tables there, whosever they are.
            .env("TMPDIR", folder)
            .args(["--no-defaults", "--skip-networking", "--innodb-flush-log-at-trx-commit=2"])
            .arg(format!("--datadir={}", folder.join("data").display()))
            .arg(format!("--init-file={}", folder.join("init.sql").display()))
            .arg(format!("--pid-file={}", folder.join("pid").display()))
            .arg(format!("--socket={}", self.socket().display()));
        not_as_root(&mut command, folder);
        let ready = |line: &str| line.contains("ready for connections").then_some(());
        let (process, ()) = Process::start(command, ready);
        self.process = Some(process);
    }

    /// Kills the server, as a crash would, and waits until it is gone.
    pub fn stop(&mut self) {
        self.process = None;
        let _ = std::fs::remove_file(self.socket());
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("m.sock")
    }
}

impl fmt::Debug for MariaDbServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MariaDbServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

impl Drop for MariaDbServer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The program `mariadbd`: the one that `CACHECOW_MARIADB` names, one on the path, or one that is
/// installed now.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = || {
            install::on_path("mariadb-install-db")?;
            install::on_path("mariadbd")
        };
        let packages = ["mariadb-server-core", "mariadb-client-core"];
        install::named("CACHECOW_MARIADB")
            .or_else(found)
            .or_else(|| install::debian(&packages).then(found).flatten())
            .unwrap_or_else(|| panic!("{REMEDY}"))
    })
}
