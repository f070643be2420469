//! Hits beside the Redis cache of the crate `cached`, on the same server in the same run.
//!
//! ```sh
//! cargo run --release --manifest-path tests/benches/peers/Cargo.toml [-- --quick]
//! ```

#[path = "../../support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::CacheCow;
use cached::{AsyncRedisCache, ConcurrentCachedAsync as _};

use crate::support::{Setup, Source, User, median, median_ratio, quick, run, throughput};

const USERS: i64 = 1_000;

type Peer = Arc<AsyncRedisCache<i64, User>>;

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let peer = AsyncRedisCache::builder("peer")
            .connection_string(&setup.server.url())
            .ttl(Duration::from_secs(3_600))
            .build()
            .await
            .expect("the server runs");
        let peer: Peer = Arc::new(peer);
        for id in 0..USERS {
            peer.async_cache_set(id, User::new(id)).await.expect("the server runs");
        }
        let (rounds, window) = if quick() { (5, 100) } else { (15, 400) };
        let window = Duration::from_millis(window);
        println!("hits a second, median of {rounds} rounds of {window:?} each");
        println!("{:>6} {:>12} {:>12} {:>8}", "tasks", "cachecow", "cached", "ratio");
        for tasks in [1, 32, 256] {
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for round in 0..=rounds {
                let cow = &setup.cow;
                let one = |stop, first| one_hitting(cow.clone(), stop, first);
                let cow_rate = throughput(tasks, window, USERS, one).await;
                let one = |stop, first| one_of_peer(Arc::clone(&peer), stop, first);
                let peer_rate = throughput(tasks, window, USERS, one).await;
                // The first round warms up.
                if round > 0 {
                    ours.push(cow_rate);
                    theirs.push(peer_rate);
                }
            }
            let ratio = median_ratio(&ours, &theirs);
            println!("{tasks:>6} {:>12.0} {:>12.0} {ratio:>8.3}", median(ours), median(theirs));
        }
    });
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

async fn one_of_peer(peer: Peer, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let mut count = 0;
    let mut id = first;
    while !stop.load(Ordering::Relaxed) {
        let user = peer.async_cache_get(&id).await.expect("the server runs");
        assert_eq!(user.expect("stored").id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}
