//! Batches of 100 on a cluster of three masters, beside one server: by URL, which sends each master one
//! pipeline, and by a connection made elsewhere, which routes each key by itself.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench cluster [-- --quick]
//! ```

mod support;

use std::time::Instant;

use cachecow::CacheCow;
use cachecow_tests::servers::{RedisCluster, RedisServer};

use crate::support::{Source, User, median, quick, rate};

const BATCH: i64 = 100;
const USERS: i64 = 1_000;

#[tokio::main(worker_threads = 2)]
async fn main() {
    let (server, cluster) = (RedisServer::start(), RedisCluster::start_masters(&[]).await);
    let client = redis::cluster::ClusterClient::builder([cluster.node_url(0)]).retries(3).build();
    let connection = client.expect("a valid address").get_async_connection().await;
    let connection = connection.expect("the cluster runs");
    let given = CacheCow::builder().redis_cluster_connection(connection);
    let cows = [
        ("one server", CacheCow::open(&server.url()).await),
        ("cluster by URL", CacheCow::open(&cluster.url()).await),
        ("cluster by connection", given),
    ];
    let (rounds, batches) = if quick() { (5, 100) } else { (21, 500) };
    println!("batches of {BATCH} a second, median of {rounds} rounds of {batches} batches");
    println!("{:>24} {:>10} {:>14}", "", "hits", "invalidations");
    for (name, cow) in cows {
        let measuring = measure(cow.expect("valid settings"), rounds, batches);
        let (hits, invalidations) = tokio::spawn(measuring).await.expect("nothing fails");
        println!("{name:>24} {hits:>10.0} {invalidations:>14.0}");
    }
}

async fn measure(cow: CacheCow, rounds: u32, batches: u32) -> (f64, f64) {
    // The second time they are hits, which decides what later reads ask first.
    for _ in 0..2 {
        for batch in 0..batches {
            read(&cow, batch).await;
        }
    }
    let (mut hits, mut invalidations) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        for batch in 0..batches {
            read(&cow, batch).await;
        }
        hits.push(rate(batches, began));
    }
    for _ in 0..rounds {
        let began = Instant::now();
        for batch in 0..batches {
            cow.invalidate_many(ids(batch).map(User::by_id)).await.expect("it runs");
        }
        invalidations.push(rate(batches, began));
    }
    (median(hits), median(invalidations))
}

async fn read(cow: &CacheCow, batch: u32) {
    let users = cow.with(&Source).get_many(ids(batch).map(User::by_id)).await;
    assert!(users.expect("no fetch fails").iter().all(Option::is_some));
}

fn ids(batch: u32) -> impl Iterator<Item = i64> {
    let first = i64::from(batch) * 37;
    (0..BATCH).map(move |offset| (first + offset) % USERS)
}
