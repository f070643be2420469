//! The throughput of hits, beside a bare `GET` and decode on the same server in the same run.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench hit [-- --quick]
//! ```

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::CacheCow;
use redis::aio::MultiplexedConnection;

use crate::support::{Encoding, Setup, Source, User, median, median_ratio, quick, run, throughput};

const USERS: i64 = 1_000;

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let (rounds, window) = if quick() { (5, 100) } else { (15, 400) };
        let window = Duration::from_millis(window);
        println!("hits a second, median of {rounds} rounds of {window:?} each");
        println!(
            "{:>6} {:>12} {:>12} {:>12} {:>14} {:>14}",
            "tasks", "cachecow", "bare, map", "bare, array", "ratio to map", "ratio to array"
        );
        for tasks in [1, 32, 256] {
            let (mut cow, mut map, mut array) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..=rounds {
                let rates = [
                    hits(tasks, window, &setup.cow).await,
                    bare_hits(tasks, window, &setup.bare, Encoding::Map).await,
                    bare_hits(tasks, window, &setup.bare, Encoding::Array).await,
                ];
                // The first round warms up.
                if round > 0 {
                    cow.push(rates[0]);
                    map.push(rates[1]);
                    array.push(rates[2]);
                }
            }
            let (to_map, to_array) = (median_ratio(&cow, &map), median_ratio(&cow, &array));
            println!(
                "{tasks:>6} {:>12.0} {:>12.0} {:>12.0} {to_map:>14.3} {to_array:>14.3}",
                median(cow),
                median(map),
                median(array)
            );
        }
        let stats = setup.cow.stats().of("User");
        // `with_users` reads every user once to fill.
        assert_eq!(stats.misses, u64::try_from(USERS).expect("positive"), "only hits: {stats}");
    });
}

async fn hits(tasks: u32, window: Duration, cow: &CacheCow) -> f64 {
    let one = |stop, first| one_hitting(cow.clone(), stop, first);
    throughput(tasks, window, USERS, one).await
}

async fn bare_hits(
    tasks: u32,
    window: Duration,
    connection: &MultiplexedConnection,
    encoding: Encoding,
) -> f64 {
    let one = |stop, first| one_bare(connection.clone(), encoding, stop, first);
    throughput(tasks, window, USERS, one).await
}

async fn one_hitting(cow: CacheCow, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let mut count = 0;
    let mut id = first;
    while !stop.load(Ordering::Relaxed) {
        let user = cow.with(&Source).get(User::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}

async fn one_bare(
    mut connection: MultiplexedConnection,
    encoding: Encoding,
    stop: Arc<AtomicBool>,
    first: i64,
) -> u32 {
    let mut count = 0;
    let mut id = first;
    while !stop.load(Ordering::Relaxed) {
        let mut get = redis::cmd("GET");
        get.arg(encoding.key(id));
        let value: Vec<u8> = get.query_async(&mut connection).await.expect("the server runs");
        let user: User = rmp_serde::from_slice(&value).expect("stored by us");
        assert_eq!(user.id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}
