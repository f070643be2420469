//! The Python predecessors, measured by a script in a virtual environment of its own.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::table::{COLUMNS, Line, short};

/// Below this package's target folder.
const ENVIRONMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/python");
const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/python.py");
const PACKAGES: [&str; 3] = ["cachecow==0.1.3", "simplekv==0.14.1", "redis"];

/// A line of the script's output.
#[derive(Deserialize)]
struct Measured {
    name: String,
    /// None where the cache has no such operation.
    speeds: [Option<f64>; COLUMNS],
    fetches: u64,
    stale_per_million: u64,
    stale_after_race: bool,
}

/// Runs the script on the server behind this socket.
///
/// # Errors
///
/// There is no Python, no package index, or the script fails.
pub(crate) fn measure(socket: &Path, rounds: usize) -> Result<Vec<Line>, Box<dyn Error>> {
    run(Command::new("python3").args(["-m", "venv", ENVIRONMENT]))?;
    let python = Path::new(ENVIRONMENT).join("bin/python");
    run(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
    eprintln!("Python: everything");
    let output = run(Command::new(&python).arg(SCRIPT).arg(socket).arg(rounds.to_string()))?;
    let measured: Vec<Measured> = serde_json::from_str(&output)?;
    Ok(measured.into_iter().map(line).collect())
}

fn line(measured: Measured) -> Line {
    Line {
        name: measured.name,
        speeds: measured.speeds.map(|rate| rate.map_or_else(|| "–".to_owned(), short)),
        fetches: measured.fetches.to_string(),
        stale: measured.stale_per_million.to_string(),
        race: if measured.stale_after_race { "stale" } else { "fresh" }.to_owned(),
    }
}

fn run(command: &mut Command) -> Result<String, Box<dyn Error>> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command.stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{program} cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!("{program} failed: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
