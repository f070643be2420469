//! A real Prometheus.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

use super::free_port;
use super::process::run;
use super::{Process, install};

const REMEDY: &str = "This test needs Prometheus with promtool, and none could be found or installed.\nInstall one \
(`apt-get install prometheus`, `brew install prometheus`, …), or name the program in the environment variable \
CACHECOW_PROMETHEUS.";

/// A server on a loopback port with its data in a folder of its own, killed and waited for when dropped.
#[derive(Debug)]
pub struct Prometheus {
    port: u16,
    _process: Process,
    _folder: TempDir,
}

impl Prometheus {
    /// Starts a server that scrapes this address five times a second, and evaluates these rules as often.
    ///
    /// # Panics
    ///
    /// With the server's log, if it does not start.
    pub fn start(target: &str, rules: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let (config, port) = (folder.path().join("prometheus.yml"), free_port());
        std::fs::write(folder.path().join("rules.yml"), rules).expect("a file");
        let text = format!(
            "global:\n  scrape_interval: 200ms\n  scrape_timeout: 200ms\n  evaluation_interval: 200ms\n\
             rule_files: [rules.yml]\n\
             scrape_configs:\n  - job_name: service\n    static_configs:\n      - targets: ['{target}']\n"
        );
        std::fs::write(&config, text).expect("a file");
        let mut command = Command::new(program("prometheus"));
        command
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        let ready =
            |line: &str| line.contains("Server is ready to receive web requests").then_some(());
        let (process, ()) = Process::start(command, ready);
        Self { port, _process: process, _folder: folder }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Has `promtool` check a file of rules.
    ///
    /// # Panics
    ///
    /// With what it says, if they are wrong.
    pub fn check_rules(rules: &Path) {
        run(Command::new(Self::promtool()).args(["check", "rules"]).arg(rules));
    }

    /// The program `promtool` beside the server's.
    pub fn promtool() -> PathBuf {
        program("promtool")
    }
}

/// `prometheus`, or the `promtool` beside it.
fn program(name: &str) -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let prometheus = PROGRAM.get_or_init(|| {
        let found = || install::on_path("prometheus");
        install::named("CACHECOW_PROMETHEUS")
            .or_else(found)
            .or_else(|| install::debian(&["prometheus"]).then(found).flatten())
            .unwrap_or_else(|| panic!("{REMEDY}"))
    });
    prometheus.with_file_name(name)
}
