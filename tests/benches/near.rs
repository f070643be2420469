//! What a hit in this process's memory takes, beside a bare `quick_cache` get of the same objects: by the
//! number of objects, and on several threads. The goal is at most 1.5 times.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench near [-- --quick] [-- NUMBER OF OBJECTS…]
//! ```

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use cachecow::CacheCow;
use futures_util::FutureExt as _;
use quick_cache::sync::Cache;

use crate::support::{Source, User, median, quick};

/// More than any number of these objects weighs.
const ROOM: u64 = 1 << 40;
/// Reads of one round and thread.
const READS: u32 = 400_000;

#[tokio::main]
async fn main() {
    let (rounds, mut counts) = if quick() {
        (5, vec![1_000, 100_000])
    } else {
        (21, vec![1_000, 10_000, 100_000, 1_000_000, 10_000_000])
    };
    let named: Vec<i64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if !named.is_empty() {
        counts = named;
    }
    println!(
        "ns a hit, medians of {rounds} paired rounds; the ratio is the median of the rounds' ratios"
    );
    println!("{:>10} {:>8} {:>9} {:>9} {:>6}", "objects", "threads", "cachecow", "bare", "ratio");
    for count in counts {
        let both = Both::with_users(count).await;
        for threads in [1, 2, 4] {
            report(&count.to_string(), threads, rounds, &both, async |both, id| {
                black_box(
                    both.cow.with(&Source).get(User::by_id(id)).await.expect("nothing fails"),
                );
            });
        }
    }
}

struct Both {
    cow: CacheCow,
    bare: Cache<i64, Arc<User>>,
    count: i64,
}

impl Both {
    async fn with_users(count: i64) -> Self {
        let builder = CacheCow::builder().near(ROOM).memory_capacity(ROOM);
        let cow = builder
            .near_ttl(std::time::Duration::from_secs(3600))
            .memory()
            .expect("valid settings");
        let bare = Cache::new(usize::try_from(count).expect("a number of objects") * 2);
        // Cold, then as hits of the cache, which makes them near.
        for _ in 0..3 {
            for id in 0..count {
                cow.with(&Source).get(User::by_id(id)).await.expect("nothing fails");
            }
        }
        (0..count).for_each(|id| bare.insert(id, Arc::new(User::new(id))));
        Self { cow, bare, count }
    }
}

fn report(
    name: &str,
    threads: u32,
    rounds: u32,
    both: &Both,
    near: impl AsyncFn(&Both, i64) + Sync,
) {
    let bare = async |both: &Both, id| {
        black_box(both.bare.get(&id).expect("it is there"));
    };
    let before = both.cow.stats().of("User").near_hits;
    let mut times = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (ours, theirs) = (time(both, threads, &near), time(both, threads, &bare));
        times.0.push(ours);
        times.1.push(theirs);
        times.2.push(ours / theirs);
    }
    let hits = both.cow.stats().of("User").near_hits - before;
    assert_eq!(hits, u64::from(rounds) * u64::from(READS) * u64::from(threads), "all were near");
    println!(
        "{name:>10} {threads:>8} {:>9.1} {:>9.1} {:>6.2}",
        median(times.0),
        median(times.1),
        median(times.2)
    );
}

/// Nanoseconds a read, each thread reading all over the objects.
fn time(both: &Both, threads: u32, read: &(impl AsyncFn(&Both, i64) + Sync)) -> f64 {
    let began = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            scope.spawn(move || {
                let mut random = fastrand::Rng::with_seed(u64::from(thread));
                let reads = async {
                    for _ in 0..READS {
                        read(both, random.i64(0..both.count)).await;
                    }
                };
                reads.now_or_never().expect("everything is in memory");
            });
        }
    });
    began.elapsed().as_secs_f64() * 1e9 / f64::from(READS) / f64::from(threads)
}
