//! What the end of a hot object's time to live costs its readers: as it is, and fetched anew before; and
//! how many reads fail while the database is down now and then, with and without `stale_if_error`.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench expiry [-- --quick]
//! ```

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Cached};
use cachecow_tests::servers::RedisServer;
use serde::{Deserialize, Serialize};

use crate::support::quick;

const TTL: Duration = Duration::from_millis(250);
const FETCH: Duration = Duration::from_millis(25);
/// The database is down for every other one of these.
const OUTAGE: Duration = Duration::from_millis(500);
const READERS: usize = 16;

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "headline:{id}", fetch = Database::find)]
struct Headline {
    id: u8,
    text: String,
}

/// Takes its time, and counts.
#[derive(Default)]
struct Database {
    fetches: AtomicU64,
    down: AtomicBool,
}

impl Database {
    async fn find(&self, id: u8) -> Result<Headline, std::io::Error> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(FETCH).await;
        if self.down.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the database is down"));
        }
        Ok(Headline { id, text: "Nothing new".to_owned() })
    }
}

#[tokio::main]
async fn main() {
    let window = Duration::from_secs(if quick() { 3 } else { 15 });
    println!(
        "{READERS} readers of one object for {window:?}; time to live {TTL:?}, fetch {FETCH:?}"
    );
    println!("{:>30} {:>9} {:>8} {:>14} {:>9}", "", "reads", "fetches", "slow reads", "failed");
    let plain = || CacheCow::builder().default_ttl(TTL);
    let forgiving = || plain().stale_if_error(Duration::from_secs(60));
    for (name, builder, fails) in [
        ("as it is", plain(), false),
        ("refresh_ahead", plain().refresh_ahead(true), false),
        ("database down half the time", plain(), true),
        ("the same, stale_if_error", forgiving(), true),
    ] {
        let server = RedisServer::start();
        let cow = builder.open(&server.url()).await.expect("a valid address");
        let counts = run(&cow, window, fails).await;
        println!(
            "{name:>30} {:>9} {:>8} {:>12.3} % {:>7.2} %",
            counts.reads,
            counts.fetches,
            share(counts.slow, counts.reads),
            share(counts.failed, counts.reads),
        );
    }
}

#[derive(Default)]
struct Counts {
    reads: u64,
    fetches: u64,
    /// Those that took at least half as long as a fetch.
    slow: u64,
    failed: u64,
}

async fn run(cow: &CacheCow, window: Duration, fails: bool) -> Counts {
    let database = Arc::new(Database::default());
    cow.with(&*database).get(Headline::by_id(1)).await.expect("the database is up");
    let end = Instant::now() + window;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..READERS {
        let (cow, database) = (cow.clone(), Arc::clone(&database));
        readers.spawn(async move {
            let mut counts = Counts::default();
            while Instant::now() < end {
                let began = Instant::now();
                let read = cow.with(&*database).get(Headline::by_id(1)).await;
                counts.reads += 1;
                counts.slow += u64::from(began.elapsed() >= FETCH / 2);
                counts.failed += u64::from(read.is_err());
            }
            counts
        });
    }
    while fails && Instant::now() < end {
        tokio::time::sleep(OUTAGE).await;
        database.down.fetch_xor(true, Ordering::Relaxed);
    }
    let mut sum = Counts::default();
    while let Some(counts) = readers.join_next().await {
        let counts = counts.expect("no reader panics");
        sum.reads += counts.reads;
        sum.slow += counts.slow;
        sum.failed += counts.failed;
    }
    sum.fetches = database.fetches.load(Ordering::Relaxed);
    sum
}

/// In percent.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52")]
fn share(part: u64, whole: u64) -> f64 {
    part as f64 * 100.0 / whole.max(1) as f64
}
