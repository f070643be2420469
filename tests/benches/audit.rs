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
const READS: u32 = 400_000;

#[tokio::main]
async fn main() {
    let rounds = if quick() { 5 } else { 41 };
    let off = near().await;
    let (unpicked, picked) = (near().await, near().await);
    for (cow, one_in) in [(&unpicked, u32::MAX), (&picked, 1_000)] {
        tokio::spawn(cow.auditor().context(Arc::new(Source)).one_in(one_in).run());
    }
    let mut times = [Vec::new(), Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (cow, times) in [&off, &unpicked, &picked].into_iter().zip(&mut times) {
            times.push(time(cow));
        }
    }
    let differences = |with: &[f64]| {
        median(with.iter().zip(&times[0]).map(|(with, without)| with - without).collect())
    };
    let [none, in_thousand] = [&times[1], &times[2]].map(|with| differences(with));
    println!("ns a hit, median of {rounds} rounds, and the median of the rounds' differences");
    println!("without an auditor   {:>6.1}", median(times[0].clone()));
    println!("none is picked       {:>6.1}  {none:>+6.1}", median(times[1].clone()));
    println!("one in 1000          {:>6.1}  {in_thousand:>+6.1}", median(times[2].clone()));
    println!("{}", picked.stats());
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
