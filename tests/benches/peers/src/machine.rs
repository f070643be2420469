//! What the figures were measured on.

use std::error::Error;
use std::fs;
use std::process::Command;

/// The crates that are compared.
const CRATES: [&str; 10] = [
    "cachecow-rs",
    "cached",
    "foyer-memory",
    "hitbox",
    "hitbox-fn",
    "hitbox-moka",
    "hitbox-redis",
    "moka",
    "quick_cache",
    "redis",
];

/// The machine, its kernel, the server and the compiler; and the crates' versions, by the lock file.
pub(crate) async fn description(url: &str) -> Result<String, Box<dyn Error>> {
    let mut connection = redis::Client::open(url)?.get_multiplexed_async_connection().await?;
    let info: String = redis::cmd("INFO").arg("server").query_async(&mut connection).await?;
    let server = value_of(&info, "redis_version:").unwrap_or("of an unknown version");
    let cores = std::thread::available_parallelism()?;
    let model = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = value_of(&model, "model name\t: ").unwrap_or("unknown processor").to_owned();
    let rustc = output("rustc", "--version");
    let kernel = output("uname", "-sr");
    // Without what a distribution adds to the version.
    let kernel = kernel.split('-').next().unwrap_or_default();
    let lock = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.lock"))?;
    let crates: Vec<_> = CRATES.iter().map(|name| with_version(&lock, name)).collect();
    Ok(format!(
        "Machine: {cores} cores ({model}), {kernel}; Redis {server} on a Unix socket; {rustc}.\nCrates: {}.",
        crates.join(", ")
    ))
}

fn value_of<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.lines().find_map(|line| line.strip_prefix(name)).map(str::trim)
}

fn output(program: &str, argument: &str) -> String {
    let output = Command::new(program).arg(argument).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    text.unwrap_or_else(|_| format!("{program} of an unknown version"))
}

fn with_version(lock: &str, name: &str) -> String {
    let package = format!("name = \"{name}\"\nversion = \"");
    let version = lock.split_once(&package).and_then(|(_, rest)| rest.split_once('"'));
    let (version, _) = version.expect("the lock file has every crate that is compared");
    format!("{name} {version}")
}
