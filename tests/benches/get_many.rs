//! Batches of 100 hits, beside a bare `MGET` and decode.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench get_many [-- --quick]
//! ```

mod support;

use std::time::Instant;

use cachecow::CacheCow;
use redis::aio::MultiplexedConnection;

use crate::support::{Encoding, Setup, Source, User, median, median_ratio, quick, rate, run};

const BATCH: i64 = 100;
const USERS: i64 = 1_000;

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let (rounds, batches) = if quick() { (5, 100) } else { (21, 1_000) };
        println!(
            "batches of {BATCH} hits a second, median of {rounds} rounds of {batches} batches"
        );
        println!("{:>6} {:>12} {:>12} {:>14}", "tasks", "cachecow", "bare, map", "ratio");
        for tasks in [1, 8] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 0..=rounds {
                let began = Instant::now();
                together(tasks, || batch(setup.cow.clone(), batches / tasks)).await;
                let cow = rate(batches, began);
                let began = Instant::now();
                together(tasks, || bare_batch(setup.bare.clone(), batches / tasks)).await;
                let bare = rate(batches, began);
                // The first round warms up.
                if round > 0 {
                    ours.push(cow);
                    theirs.push(bare);
                }
            }
            let ratio = median_ratio(&ours, &theirs);
            println!("{tasks:>6} {:>12.0} {:>12.0} {ratio:>14.3}", median(ours), median(theirs));
        }
    });
}

async fn together<F: Future<Output = ()> + Send + 'static>(tasks: u32, one: impl Fn() -> F) {
    let running: Vec<_> = (0..tasks).map(|_| tokio::spawn(one())).collect();
    for task in running {
        task.await.expect("no task fails");
    }
}

async fn batch(cow: CacheCow, batches: u32) {
    for batch in 0..batches {
        let lookups = ids(batch).map(User::by_id);
        let users = cow.with(&Source).get_many(lookups).await.expect("no fetch fails");
        assert!(users.iter().all(Option::is_some));
    }
}

async fn bare_batch(mut connection: MultiplexedConnection, batches: u32) {
    for batch in 0..batches {
        let mut get = redis::cmd("MGET");
        for id in ids(batch) {
            get.arg(Encoding::Map.key(id));
        }
        let values: Vec<Vec<u8>> = get.query_async(&mut connection).await.expect("it runs");
        let users: Vec<Option<User>> =
            values.iter().map(|value| rmp_serde::from_slice(value).ok()).collect();
        assert!(users.iter().all(Option::is_some));
    }
}

fn ids(batch: u32) -> impl Iterator<Item = i64> {
    let first = i64::from(batch) * 37;
    (0..BATCH).map(move |offset| (first + offset) % USERS)
}
