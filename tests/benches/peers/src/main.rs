//! One table of caches: how fast they are, how many fetches a stampede causes, and how many reads are stale.
//!
//! ```sh
//! cargo run --release --manifest-path tests/benches/peers/Cargo.toml [-- --quick]
//! ```
//!
//! It starts a Redis server of its own, on a Unix socket, and a `python3` for the caches of `python.py`. The table is Markdown,
//! with the machine's description under it. The contenders of a place take turns; each round begins with another one.

mod machine;
mod python;
mod rounds;
mod table;

use std::error::Error;
use std::time::Duration;

use cachecow_peers::{Measured, in_memory, over_redis};
use race::Load;

use crate::rounds::Rounds;
use crate::table::{Line, Table};

/// Callers of one cold row.
const CALLERS: usize = 100;
/// The row that they call; nothing else reads it.
const TRAMPLED: u64 = 500;

/// How much is done.
#[derive(Clone, Copy, Debug)]
struct Effort {
    rounds: usize,
    window: Duration,
    load: Load,
}

impl Effort {
    fn from_arguments() -> Self {
        let load = Load::default();
        if std::env::args().any(|argument| argument == "--quick") {
            Self { rounds: 3, window: Duration::from_millis(50), load }
        } else {
            let load = Load { operations: 1_000_000, ..load };
            Self { rounds: 11, window: Duration::from_millis(200), load }
        }
    }
}

/// Two threads, as on the machine of the other benchmarks.
#[tokio::main(worker_threads = 2)]
async fn main() -> Result<(), Box<dyn Error>> {
    let effort = Effort::from_arguments();
    let server = cachecow::testing::redis()?;
    let mut table = Table::default();
    table.add("over Redis", measure(&over_redis(&server.url()).await?, effort).await);
    match python::measure(&server.socket(), effort.rounds) {
        Ok(lines) => table.add("over Redis, Python", lines),
        Err(reason) => eprintln!("The Python caches are left out: {reason}"),
    }
    table.add("in memory", measure(&in_memory()?, effort).await);
    print!("{table}");
    println!(
        "\nMedians of {} rounds of {:?}; in brackets, the median of the rounds' ratios to the first line of the place.",
        effort.rounds, effort.window
    );
    println!("Stale reads: {}.\n", effort.load);
    println!("{}", machine::description(&server.url()).await?);
    Ok(())
}

async fn measure(all: &[Box<dyn Measured>], effort: Effort) -> Vec<Line> {
    for one in all {
        one.warm_up().await;
    }
    let rounds = Rounds::measure(all, effort.rounds, effort.window).await;
    let mut lines = Vec::new();
    for (at, one) in all.iter().enumerate() {
        eprintln!("{}: stampede and race", one.name());
        let fetches = one.stampede(CALLERS, TRAMPLED).await;
        let tally = one.free_running(effort.load).await;
        let stale_after_race = one.schedule().await.is_stale();
        lines.push(Line {
            name: one.name().to_owned(),
            speeds: rounds.cells(at),
            fetches: fetches.to_string(),
            stale: tally.per_million().to_string(),
            race: if stale_after_race { "stale" } else { "fresh" }.to_owned(),
        });
    }
    lines
}
