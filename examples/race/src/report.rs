//! What a run prints.

use std::time::Duration;

use crate::contender::Entrant;
use crate::free_running::Load;
use crate::schedule::{Outcome, ReadBack, Served};

/// Runs the race on each cache, and prints what happens: first in the forced order, then freely.
pub async fn show(entrants: &[Box<dyn Entrant>]) {
    println!("The same steps for each cache, in a forced order:");
    for entrant in entrants {
        let outcome = entrant.schedule().await;
        println!("\n{}", entrant.name());
        steps(&outcome);
        println!("  => {}", verdict(&outcome, entrant.ttl()));
    }
    let load = Load::default();
    println!("\nFree-running: {load}.\n");
    println!("{:<36} {:>24} {:>24}", "", "stale reads per million", "rows stale at the end");
    for entrant in entrants {
        let tally = entrant.free_running(load).await;
        println!("{:<36} {:>24} {:>24}", entrant.name(), tally.per_million(), tally.stale_rows);
    }
    println!(
        "\nA read is stale if it returns less than was committed before an invalidation that returned before the read began."
    );
}

fn steps(outcome: &Outcome) {
    let Outcome { fetched, committed, returned, afterwards: [second, third] } = outcome;
    println!("  1. reader A misses, and fetches version {fetched}; the answer is on its way");
    println!(
        "  2. the writer commits version {committed} and invalidates; the cache says that it is done"
    );
    println!("  3. reader A has its answer, may store it, and returns version {returned}");
    println!("  4. reader B begins, and gets {}", read_back(second, *committed));
    println!("  5. reader C begins, and gets {}", read_back(third, *committed));
}

fn read_back(read: &ReadBack, committed: u64) -> String {
    let from = match read.served {
        Served::Cache => "the cache",
        Served::Database => "the database",
    };
    let stale = if read.version < committed { ": STALE" } else { "" };
    format!("version {} from {from}{stale}", read.version)
}

fn verdict(outcome: &Outcome, ttl: Option<Duration>) -> String {
    match (outcome.is_stale(), ttl) {
        (false, _) => "fresh".to_owned(),
        (true, Some(ttl)) => format!("stale until its time to live ends: {} s", ttl.as_secs()),
        (true, None) => "stale until it is evicted: it has no time to live".to_owned(),
    }
}
