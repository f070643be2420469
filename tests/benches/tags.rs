//! What tags cost: a hit with two tags beside one without, and the invalidation of groups.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench tags [-- --quick]
//! ```

mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Cached};
use serde::{Deserialize, Serialize};

use crate::support::{
    Setup, Source, User, median, median_ratio, microseconds, quick, run, throughput,
};

const USERS: i64 = 1_000;

/// As a [`User`], and with tags.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "tagged:{id}", fetch = Tagged::find, fetch_many = Tagged::find_many)]
#[cache(tag = "company:{company}")]
#[cache(tag = "group:{group}")]
struct Tagged {
    id: i64,
    group: u32,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

impl Tagged {
    fn new(id: i64) -> Self {
        let User { id, name, email, company, active, created_at, logins } = User::new(id);
        Self { id, group: 0, name, email, company, active, created_at, logins }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_many(ids: &[i64]) -> Result<Vec<Self>, Infallible> {
        Ok(ids.iter().copied().map(Self::new).collect())
    }
}

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        fill(&setup.cow, USERS).await;
        hits(&setup.cow).await;
        batches(&setup.cow).await;
        invalidations(&setup.cow).await;
    });
}

/// Twice: the second read is the first hit.
async fn fill(cow: &CacheCow, count: i64) {
    for _ in 0..2 {
        cow.get_many((0..count).map(Tagged::by_id)).await.expect("the source does not fail");
    }
}

async fn hits(cow: &CacheCow) {
    let (rounds, window) = if quick() { (5, 100) } else { (15, 400) };
    let window = Duration::from_millis(window);
    println!("hits a second, median of {rounds} rounds of {window:?} each");
    println!("{:>6} {:>12} {:>12} {:>8}", "tasks", "two tags", "no tag", "ratio");
    for tasks in [1, 32, 256] {
        let (mut tagged, mut plain) = (Vec::new(), Vec::new());
        for round in 0..=rounds {
            let rates = [
                throughput(tasks, window, USERS, |stop, id| one(cow.clone(), true, stop, id)).await,
                throughput(tasks, window, USERS, |stop, id| one(cow.clone(), false, stop, id))
                    .await,
            ];
            // The first round warms up.
            if round > 0 {
                tagged.push(rates[0]);
                plain.push(rates[1]);
            }
        }
        let ratio = median_ratio(&tagged, &plain);
        println!("{tasks:>6} {:>12.0} {:>12.0} {ratio:>8.3}", median(tagged), median(plain));
    }
}

async fn one(cow: CacheCow, tagged: bool, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let mut count = 0;
    let mut id = first;
    while !stop.load(Ordering::Relaxed) {
        let found = if tagged {
            cow.get(Tagged::by_id(id)).await.map(|user| user.map(|user| user.id))
        } else {
            cow.with(&Source).get(User::by_id(id)).await.map(|user| user.map(|user| user.id))
        };
        assert_eq!(found.expect("no fetch fails"), Some(id));
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}

async fn batches(cow: &CacheCow) {
    let rounds = if quick() { 20 } else { 200 };
    let (mut tagged, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        cow.get_many((0..100).map(Tagged::by_id)).await.expect("no fetch fails");
        tagged.push(microseconds(began.elapsed()));
        let began = Instant::now();
        cow.with(&Source).get_many((0..100).map(User::by_id)).await.expect("no fetch fails");
        plain.push(microseconds(began.elapsed()));
    }
    let (tagged, plain) = (median(tagged), median(plain));
    println!(
        "\nget_many of 100 hits, median of {rounds}: {tagged:.0} us with two tags, {plain:.0} us without"
    );
}

async fn invalidations(cow: &CacheCow) {
    let rounds = if quick() { 5 } else { 21 };
    println!("\ninvalidate_tag, median of {rounds}");
    for count in [10, 10_000] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            fill(cow, count).await;
            let began = Instant::now();
            cow.invalidate_tag(Tagged::tag_group(0)).await.expect("the server runs");
            times.push(microseconds(began.elapsed()));
        }
        println!("{count:>6} objects: {:.0} us", median(times));
    }
}
