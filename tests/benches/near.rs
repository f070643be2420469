//! What a hit in this process's memory takes, beside a bare `quick_cache` get of the same objects: by the
//! number of objects, and on several threads; and what a hit by an alias, and one of an object with a
//! tag, takes beside it. The goal is at most 1.5 times, for 1,000 objects.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench near [-- [--quick] [--goals] [NUMBER OF OBJECTS…]]
//! ```

mod support;

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Source as From, TypeStats};
use quick_cache::sync::Cache;
use tokio::runtime::Handle;

use crate::support::compare::Goals;
use crate::support::{OneTag, Source, User, email, median, quick};

/// More than any number of these objects weighs.
const ROOM: u64 = 1 << 40;
/// Reads of one round and thread.
const READS: u32 = 400_000;
const THREADS: [u32; 3] = [1, 2, 4];
/// The goals are for this many.
const FEW: i64 = 1_000;

#[tokio::main]
async fn main() {
    let (rounds, mut counts) = if quick() {
        (5, vec![FEW, 100_000])
    } else {
        (21, vec![FEW, 10_000, 100_000, 1_000_000, 10_000_000])
    };
    let named: Vec<i64> = std::env::args().filter_map(|argument| argument.parse().ok()).collect();
    if !named.is_empty() {
        counts = named;
    }
    println!(
        "ns a hit, medians of {rounds} paired rounds; the ratio is the median of the rounds' ratios"
    );
    let mut goals = Goals::default();
    println!("{:>10} {:>8} {:>9} {:>9} {:>6}", "objects", "threads", "cachecow", "bare", "ratio");
    for count in counts {
        let all = Objects::new(count).await;
        let bare = Cache::new(usize::try_from(count).expect("a number of objects") * 2);
        (0..count).for_each(|id| bare.insert(id, Arc::new(User::new(id))));
        for threads in THREADS {
            let pair = Pair { threads, rounds, reads: READS, count };
            let before = all.stats("User").near_hits;
            let get = async |id| drop(black_box(bare.get(&id).expect("it is there")));
            let [ours, theirs, ratio] = pair.measure(&async |id| all.plain(id).await, &get);
            assert_eq!(all.stats("User").near_hits - before, pair.all_reads(), "all were near");
            println!("{count:>10} {threads:>8} {ours:>9.1} {theirs:>9.1} {ratio:>6.2}");
            if count == FEW {
                goals.at_most(&format!("{threads} threads, to a bare get"), ratio, 1.5);
            }
        }
    }
    aliases_and_tags(rounds, &mut goals).await;
    goals.report();
}

async fn aliases_and_tags(rounds: u32, goals: &mut Goals) {
    let all = Objects::new(FEW).await;
    for _ in 0..3 {
        for id in 0..FEW {
            all.by_alias(id).await;
            all.tagged(id).await;
        }
    }
    println!("\nof {FEW} objects, beside a hit by the primary key without tags");
    println!("{:>10} {:>8} {:>9} {:>9} {:>6}  from", "", "threads", "cachecow", "primary", "ratio");
    let plain = async |id| all.plain(id).await;
    let (by_alias, tagged) = (async |id| all.by_alias(id).await, async |id| all.tagged(id).await);
    for threads in THREADS {
        let pair = Pair { threads, rounds, reads: READS / 10, count: FEW };
        let from = all.cow.with(&Source).read(User::by_email(email(7))).await;
        let (from, before) = (from.expect("nothing fails").source, all.stats("User"));
        let figures = pair.measure(&by_alias, &plain);
        let primary = pair.all_reads();
        assert_from(from, &before, &all.stats("User"), primary, pair.all_reads());
        report("by alias", threads, from, figures, goals);
    }
    for threads in THREADS {
        let pair = Pair { threads, rounds, reads: READS / 10, count: FEW };
        let from = all.cow.read(OneTag::by_id(7)).await.expect("nothing fails").source;
        let before = all.stats("OneTag");
        let figures = pair.measure(&tagged, &plain);
        assert_from(from, &before, &all.stats("OneTag"), 0, pair.all_reads());
        report("one tag", threads, from, figures, goals);
    }
}

fn report(name: &str, threads: u32, from: From, figures: [f64; 3], goals: &mut Goals) {
    let [ours, theirs, ratio] = figures;
    println!("{name:>10} {threads:>8} {ours:>9.1} {theirs:>9.1} {ratio:>6.2}  {from:?}");
    goals.at_most(&format!("{name}, {threads} threads, to by primary"), ratio, 1.5);
}

/// All reads that were measured came from where the first one did, and `others` from near.
fn assert_from(from: From, before: &TypeStats, after: &TypeStats, others: u64, reads: u64) {
    let near = if from == From::Near { reads } else { 0 };
    assert_eq!(after.near_hits - before.near_hits, others + near, "{from:?}: {after}");
    assert_eq!(after.misses, before.misses, "{from:?}: {after}");
}

/// A cache with users in this process's memory, and perhaps with tagged ones.
struct Objects {
    cow: CacheCow,
    emails: Vec<String>,
}

impl Objects {
    async fn new(count: i64) -> Self {
        let builder = CacheCow::builder().near(ROOM).memory_capacity(ROOM);
        let cow = builder.near_ttl(Duration::from_secs(3600)).memory().expect("valid settings");
        let all = Self { cow, emails: (0..FEW).map(email).collect() };
        // Cold, then as hits of the cache, which makes them near.
        for _ in 0..3 {
            for id in 0..count {
                all.plain(id).await;
            }
        }
        all
    }

    fn stats(&self, type_name: &str) -> TypeStats {
        self.cow.stats().of(type_name)
    }

    async fn plain(&self, id: i64) {
        let user = self.cow.with(&Source).get(User::by_id(id)).await;
        black_box(user.expect("nothing fails"));
    }

    async fn by_alias(&self, id: i64) {
        let email = &self.emails[usize::try_from(id).expect("an index")];
        let user = self.cow.with(&Source).get(User::by_email(email)).await;
        black_box(user.expect("nothing fails"));
    }

    async fn tagged(&self, id: i64) {
        black_box(self.cow.get(OneTag::by_id(id)).await.expect("nothing fails"));
    }
}

/// Two ways to read, one after the other in each round.
#[derive(Clone, Copy)]
struct Pair {
    threads: u32,
    rounds: u32,
    reads: u32,
    count: i64,
}

impl Pair {
    fn all_reads(self) -> u64 {
        u64::from(self.rounds) * u64::from(self.reads) * u64::from(self.threads)
    }

    /// Medians: of our time, of theirs, and of the ratio.
    fn measure(
        self,
        ours: &(impl AsyncFn(i64) + Sync),
        theirs: &(impl AsyncFn(i64) + Sync),
    ) -> [f64; 3] {
        let (mut all_ours, mut all_theirs, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..self.rounds {
            let (ours, theirs) = (self.time(ours), self.time(theirs));
            all_ours.push(ours);
            all_theirs.push(theirs);
            ratios.push(ours / theirs);
        }
        [all_ours, all_theirs, ratios].map(median)
    }

    /// Nanoseconds a read, each thread reading all over the objects.
    fn time(self, read: &(impl AsyncFn(i64) + Sync)) -> f64 {
        let runtime = Handle::current();
        let began = Instant::now();
        std::thread::scope(|scope| {
            for thread in 0..self.threads {
                let runtime = &runtime;
                scope.spawn(move || {
                    let mut random = fastrand::Rng::with_seed(u64::from(thread));
                    runtime.block_on(async {
                        for _ in 0..self.reads {
                            read(random.i64(0..self.count)).await;
                        }
                    });
                });
            }
        });
        began.elapsed().as_secs_f64() * 1e9 / f64::from(self.reads) / f64::from(self.threads)
    }
}
