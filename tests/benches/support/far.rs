//! A Redis server that is some network away.

use std::time::Duration;

use cachecow_tests::distance::Distance;
use cachecow_tests::servers::RedisServer;

use super::compare::{Contender, TASKS, compare, compare_latencies};

/// From one zone to another of the same region, there and back.
const LATENCY: Duration = Duration::from_micros(500);

/// Compares what reads at an address once more, through a proxy that adds network latency, and without
/// that latency: who comes near to what the proxy carries is held up by it rather than by the latency.
pub(crate) async fn compare_far(
    server: &RedisServer,
    contenders: impl AsyncFn(&str) -> Vec<Contender>,
) {
    let near = Distance::before(server, Duration::ZERO);
    let all = contenders(&near.url()).await;
    let carried = compare("through the proxy without latency: hits", &all, &TASKS).await;
    drop((all, near));
    let far = Distance::before(server, LATENCY);
    let all = contenders(&far.url()).await;
    let what = format!("through the proxy with {LATENCY:?} of latency: hits");
    let rows = compare_latencies(&what, &all, &TASKS).await;
    println!("\nshares of the rates without latency: near 1, proxy and machine are the limit");
    print!("{:>6}", "tasks");
    all.iter().for_each(|contender| print!(" {:>12}", contender.name()));
    println!();
    for (row, carried) in rows.iter().zip(&carried) {
        print!("{:>6}", row.tasks);
        let shares = row.rates.iter().zip(&carried.rates).map(|(rate, most)| rate / most);
        shares.for_each(|share| print!(" {share:>12.2}"));
        println!();
    }
}
