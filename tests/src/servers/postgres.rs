//! A real PostgreSQL server for one test.

use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use rcgen::{Certificate, KeyPair};
use rustix::process::Signal;
use tempfile::TempDir;

use super::process::give_away;
use super::{Process, free_port, install, not_as_root, run};

const REMEDY: &str = "These tests need a PostgreSQL server (15 or later), and none could be found or \
installed.\nInstall one (`apt-get install postgresql`, `dnf install postgresql-server`, `brew install \
postgresql`, …),\nor name the binary `postgres`, beside which `initdb` is, in the environment variable \
CACHECOW_POSTGRES.";

/// It is in the socket's name, too.
const PORT: u16 = 5432;

/// A server on a Unix socket in a folder of its own, ended and waited for when dropped. Its texts are
/// ordered as in English, not by their bytes.
pub struct PostgresServer {
    folder: TempDir,
    process: Option<Process>,
    settings: Vec<String>,
    port: u16,
}

impl PostgresServer {
    /// Starts a server, and waits until it says that it is ready.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with more settings, each as `name=value`.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start_with(settings: &[&str]) -> Self {
        // A socket's path must be short.
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        let password = folder.path().join("password");
        std::fs::write(&password, "cud").expect("a file in the folder");
        let mut initdb = Command::new(program().with_file_name("initdb"));
        initdb
            .current_dir(folder.path())
            .args(["--username=cow", "--auth=scram-sha-256", "--pwfile=password", "--no-sync"])
            .args(["--encoding=UTF8", "--locale=C", "--locale-provider=icu", "--icu-locale=en-US"])
            .arg("--pgdata=data");
        not_as_root(&mut initdb, folder.path());
        run(&mut initdb);
        let settings = settings.iter().map(ToString::to_string).collect();
        let mut server = Self { folder, process: None, settings, port: PORT };
        server.restart();
        server
    }

    /// The address, for `SqlStore::open`, with this password in it.
    pub fn url_with_password(&self, password: &str) -> String {
        format!(
            "postgres://cow:{password}@localhost:{}/postgres?host={}",
            self.port,
            self.folder.path().display()
        )
    }

    /// The address, for `SqlStore::open`.
    pub fn url(&self) -> String {
        self.url_with_password("cud")
    }

    /// Starts the server again, so that it listens on a loopback port, too; the port. With a certificate and its key, it
    /// speaks TLS there.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn listen(&mut self, certificate: Option<&(Certificate, KeyPair)>) -> u16 {
        self.port = free_port();
        let port = format!("port={}", self.port);
        self.settings.extend(["listen_addresses=localhost".to_owned(), port]);
        if let Some((certificate, key)) = certificate {
            for (name, pem) in
                [("server.crt", certificate.pem()), ("server.key", key.serialize_pem())]
            {
                self.write(name, &pem);
            }
            self.settings.push("ssl=on".to_owned());
        }
        self.restart();
        self.port
    }

    /// From the next start on, a client needs TLS on a port, and a certificate of this authority that is issued for the user's
    /// name.
    ///
    /// # Panics
    ///
    /// If the authority's file cannot be read.
    pub fn demand_certificates(&mut self, authority: &Path) {
        let pem = std::fs::read_to_string(authority).expect("the authority's certificate");
        self.write("root.crt", &pem);
        let access = "local all all scram-sha-256\n\
                      hostssl all all all scram-sha-256 clientcert=verify-full\n";
        self.write("pg_hba.conf", access);
        self.settings.push("ssl_ca_file=root.crt".to_owned());
    }

    /// Writes a file that nobody but the server can read, where it looks for it.
    fn write(&self, name: &str, text: &str) {
        let file = self.folder.path().join("data").join(name);
        std::fs::write(&file, text).expect("a file of the server's");
        std::fs::set_permissions(&file, Permissions::from_mode(0o600)).expect("it was made here");
        give_away(&file);
    }

    /// A standby that follows this server, and answers reads.
    ///
    /// # Panics
    ///
    /// With the standby's log, if it does not start.
    #[must_use]
    pub fn standby(&self) -> Self {
        self.standby_with(&[])
    }

    /// The same, with more settings than this server's.
    ///
    /// # Panics
    ///
    /// With the standby's log, if it does not start.
    #[must_use]
    pub fn standby_with(&self, settings: &[&str]) -> Self {
        self.copied_by(self.folder.path(), settings)
    }

    /// A standby that follows this server through another socket, in this folder.
    ///
    /// # Panics
    ///
    /// With the standby's log, if it does not start.
    #[must_use]
    pub fn standby_by(&self, folder: &Path) -> Self {
        self.copied_by(folder, &[])
    }

    fn copied_by(&self, address: &Path, settings: &[&str]) -> Self {
        let folder = tempfile::Builder::new().prefix("cow").tempdir_in("/tmp").expect("a folder");
        // What is on the path may be a link.
        let beside = program().canonicalize().expect("the server's program");
        let mut copy = Command::new(beside.with_file_name("pg_basebackup"));
        copy.current_dir(folder.path())
            .env("PGPASSWORD", "cud")
            .args(["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--pgdata=data"])
            .args(["--username=cow", "--host"])
            .arg(address);
        not_as_root(&mut copy, folder.path());
        run(&mut copy);
        let more = settings.iter().map(ToString::to_string);
        let settings = self.settings.iter().cloned().chain(more).collect();
        let mut standby = Self { folder, process: None, settings, port: self.port };
        standby.restart();
        standby
    }

    /// The folder of its socket.
    pub fn socket_folder(&self) -> &Path {
        self.folder.path()
    }

    /// Starts the server again, with its data; ends it first if it runs.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn restart(&mut self) {
        self.stop();
        let mut command = Command::new(program());
        command.current_dir(self.folder.path()).args(["-D", "data"]);
        let sockets = format!("unix_socket_directories={}", self.folder.path().display());
        for setting in ["listen_addresses=", "fsync=off", "full_page_writes=off", &sockets] {
            command.args(["-c", setting]);
        }
        for setting in &self.settings {
            command.args(["-c", setting]);
        }
        not_as_root(&mut command, self.folder.path());
        let ready = |line: &str| {
            // The second is a standby's.
            let words = ["ready to accept connections", "ready to accept read-only connections"];
            words.iter().any(|words| line.contains(words)).then_some(())
        };
        let (process, ()) = Process::start(command, ready);
        self.process = Some(process);
    }

    /// Copies the server's files as they are between two runs of it.
    ///
    /// # Panics
    ///
    /// If they cannot be copied, or with the server's log, if it does not start.
    pub fn save(&mut self) {
        self.stop();
        run(Command::new("cp").current_dir(self.folder.path()).args(["-a", "data", "saved"]));
        self.restart();
    }

    /// Starts the server with the files that were saved.
    ///
    /// # Panics
    ///
    /// If there are none, or with the server's log, if it does not start.
    pub fn restore(&mut self) {
        self.stop();
        let data = self.folder.path().join("data");
        std::fs::remove_dir_all(&data).expect("they are the server's");
        std::fs::rename(data.with_file_name("saved"), data).expect("they were saved");
        self.restart();
    }

    /// Ends the server at once, breaking its connections, and waits until it is gone.
    pub fn stop(&mut self) {
        if let Some(process) = self.process.take() {
            // "Immediate shutdown": the server's children are gone when it is.
            process.end(Signal::QUIT);
        }
    }
}

impl Drop for PostgresServer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for PostgresServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresServer").field("url", &self.url()).finish_non_exhaustive()
    }
}

/// The program `postgres`: the one that `CACHECOW_POSTGRES` names, one on the path or where Debian puts
/// it, or one that is installed now.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = || install::on_path("postgres").or_else(newest_of_debian);
        install::named("CACHECOW_POSTGRES")
            .or_else(found)
            .or_else(|| install::debian(&["postgresql"]).then(found).flatten())
            .unwrap_or_else(|| panic!("{REMEDY}"))
    })
}

/// Debian keeps each version in a folder of its own, off the path.
fn newest_of_debian() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok()?;
    versions
        .filter_map(|version| Some(version.ok()?.path().join("bin/postgres")))
        .filter(|program| program.is_file())
        .max()
}
