//! The latency of a cold read and its round trips, beside a bare `GET`, fetch and `SET`, which has no
//! fence.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench cold [-- --quick]
//! ```

mod support;

use std::time::{Duration, Instant};

use crate::support::{
    Encoding, Setup, Source, User, median, median_ratio, microseconds, quick, run,
};

fn main() {
    run(async {
        let (rounds, reads) = if quick() { (5, 200) } else { (21, 1_000) };
        println!("cold reads, one after the other, median of {rounds} rounds of {reads} reads");
        println!("{:>28} {:>10} {:>12}", "", "µs a read", "round trips");
        let mut setup = Setup::with_users(50).await;
        let mut next_id = 1_000_000;
        let mut fresh = |count| {
            let ids = next_id..next_id + count;
            next_id = ids.end;
            ids
        };
        // Misses among misses: the first command asks for the claim.
        for id in fresh(50) {
            setup.read(id).await;
        }
        let (mut ours, mut theirs) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let began = Instant::now();
            for id in fresh(reads) {
                setup.read(id).await;
            }
            ours.push(per_read(began.elapsed(), reads));
            let began = Instant::now();
            for id in fresh(reads) {
                setup.read_bare(id).await;
            }
            theirs.push(per_read(began.elapsed(), reads));
        }
        let trips = setup.trips(fresh(1).start).await;
        let bare_trips = setup.bare_trips(fresh(1).start).await;
        let ratio = median_ratio(&ours, &theirs);
        println!("{:>28} {:>10.1} {trips:>12}", "cachecow, mostly misses", median(ours));
        println!("{:>28} {:>10.1} {bare_trips:>12}", "bare GET and SET", median(theirs));

        // A miss among hits: the first command looks the value up.
        let (mut ours, mut trips) = (Vec::new(), 0);
        for id in fresh(if quick() { 200 } else { 2_000 }) {
            for _ in 0..16 {
                setup.read(0).await;
            }
            let began = Instant::now();
            setup.read(id).await;
            ours.push(microseconds(began.elapsed()));
        }
        for id in fresh(1) {
            for _ in 0..16 {
                setup.read(0).await;
            }
            trips += setup.trips(id).await;
        }
        println!("{:>28} {:>10.1} {trips:>12}", "cachecow, mostly hits", median(ours));
        println!("cachecow's time, mostly misses, as a ratio to the bare one: {ratio:.3}");
    });
}

impl Setup {
    async fn read(&self, id: i64) {
        let user = self.cow.with(&Source).get(User::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("there is every user").id, id);
    }

    async fn read_bare(&mut self, id: i64) {
        let mut get = redis::cmd("GET");
        get.arg(Encoding::Map.key(id));
        let cached: Option<Vec<u8>> = get.query_async(&mut self.bare).await.expect("it runs");
        assert!(cached.is_none());
        let user = User::new(id);
        let mut set = redis::cmd("SET");
        set.arg(Encoding::Map.key(id)).arg(Encoding::Map.encode(&user)).arg("PX").arg(3_600_000);
        set.exec_async(&mut self.bare).await.expect("it runs");
    }

    async fn trips(&mut self, id: i64) -> u64 {
        let mut observer = self.server.connection().await;
        let before = self.server.reads(&mut observer).await;
        self.read(id).await;
        // Less the observer's own.
        self.server.reads(&mut observer).await - before - 1
    }

    async fn bare_trips(&mut self, id: i64) -> u64 {
        let mut observer = self.server.connection().await;
        let before = self.server.reads(&mut observer).await;
        self.read_bare(id).await;
        self.server.reads(&mut observer).await - before - 1
    }
}

fn per_read(time: Duration, reads: i64) -> f64 {
    microseconds(time) / f64::from(i32::try_from(reads).expect("a small number"))
}
