//! What an auditor costs the reads of objects in this process's memory, which are the cheapest there
//! are: without one, with one that picks none of them, and with one that picks one in a thousand.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench audit [-- --quick]
//! ```

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use cachecow::CacheCow;
use futures_util::FutureExt as _;

use crate::support::{Source, User, median, quick};

const USERS: i64 = 1_000;
/// Reads of one round.
const READS: u32 = 20_000;

#[tokio::main]
async fn main() {
    let rounds = if quick() { 101 } else { 1001 };
    // One cache for all: how its objects lie in memory costs more than what is measured.
    let cow = near().await;
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        times[0].push(time(&cow));
        for (one_in, times) in [u32::MAX, 1_000].into_iter().zip(&mut times[1..]) {
            let auditor = cow.auditor().context(Arc::new(Source)).one_in(one_in);
            let auditing = tokio::spawn(auditor.run());
            times.push(time(&cow));
            auditing.abort();
        }
        // The next read that would be picked finds no auditor, and ends the picking.
        drop(cow.auditor().one_in(1).run());
        cow.with(&Source).get(User::by_id(0)).await.expect("nothing fails");
    }
    let differences = |with: &[f64]| {
        median(with.iter().zip(&times[0]).map(|(with, without)| with - without).collect())
    };
    let [none, in_thousand] = [&times[1], &times[2]].map(|with| differences(with));
    // On a busy machine the least says what a read takes, and the rest what it waits for.
    let [off, unpicked, picked] = times.each_ref().map(|times| least(times));
    println!("ns a hit, least of {rounds} rounds, and the median of the rounds' differences");
    println!("without an auditor   {off:>6.1}");
    println!("none is picked       {unpicked:>6.1}  {none:>+6.1}");
    println!("one in 1000          {picked:>6.1}  {in_thousand:>+6.1}");
    println!("{}", cow.stats());
}

fn least(times: &[f64]) -> f64 {
    times.iter().copied().fold(f64::MAX, f64::min)
}

/// A cache with all users in this process's memory.
async fn near() -> CacheCow {
    let builder = CacheCow::builder().near(1 << 30).memory_capacity(1 << 30);
    let cow = builder.memory().expect("valid settings");
    // Cold, then as hits of the cache, which makes them near.
    for _ in 0..3 {
        for id in 0..USERS {
            cow.with(&Source).get(User::by_id(id)).await.expect("nothing fails");
        }
    }
    cow
}

/// Nanoseconds a read.
fn time(cow: &CacheCow) -> f64 {
    let mut random = fastrand::Rng::with_seed(7);
    let began = Instant::now();
    let reads = async {
        for _ in 0..READS {
            let id = random.i64(0..USERS);
            black_box(cow.with(&Source).get(User::by_id(id)).await.expect("nothing fails"));
        }
    };
    reads.now_or_never().expect("everything is in memory");
    began.elapsed().as_secs_f64() * 1e9 / f64::from(READS)
}
