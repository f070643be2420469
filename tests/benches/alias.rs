//! A hit by an alias beside one by the primary key, and beside two bare `GET`s one after the other, on
//! the same server in the same run.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench alias [-- --quick]
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
        let mut bare = setup.bare.clone();
        for id in 0..USERS {
            let email = User::new(id).email;
            setup.cow.with(&Source).get(User::by_email(&email)).await.expect("no fetch fails");
            let mut set = redis::cmd("SET");
            set.arg(format!("email:{email}")).arg(Encoding::Map.key(id));
            set.exec_async(&mut bare).await.expect("the server runs");
        }
        let (rounds, window) = if quick() { (5, 100) } else { (15, 400) };
        let window = Duration::from_millis(window);
        println!("hits a second, median of {rounds} rounds of {window:?} each");
        println!(
            "{:>6} {:>12} {:>12} {:>12} {:>16} {:>14}",
            "tasks", "by alias", "by primary", "two GETs", "ratio to primary", "ratio to GETs"
        );
        for tasks in [1, 32, 256] {
            let (mut alias, mut primary, mut gets) = (Vec::new(), Vec::new(), Vec::new());
            for round in 0..=rounds {
                let (cow, bare) = (&setup.cow, &setup.bare);
                let rates = [
                    throughput(tasks, window, USERS, |stop, first| {
                        by_alias(cow.clone(), stop, first)
                    })
                    .await,
                    throughput(tasks, window, USERS, |stop, first| {
                        by_primary(cow.clone(), stop, first)
                    })
                    .await,
                    throughput(tasks, window, USERS, |stop, first| {
                        two_gets(bare.clone(), stop, first)
                    })
                    .await,
                ];
                // The first round warms up.
                if round > 0 {
                    alias.push(rates[0]);
                    primary.push(rates[1]);
                    gets.push(rates[2]);
                }
            }
            let (to_primary, to_gets) =
                (median_ratio(&alias, &primary), median_ratio(&alias, &gets));
            println!(
                "{tasks:>6} {:>12.0} {:>12.0} {:>12.0} {to_primary:>16.3} {to_gets:>14.3}",
                median(alias),
                median(primary),
                median(gets)
            );
        }
        let stats = setup.cow.stats().of("User");
        // Each user was loaded once by each key.
        assert_eq!(stats.misses, 2 * u64::try_from(USERS).expect("positive"), "{stats}");
    });
}

async fn by_alias(cow: CacheCow, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let (mut count, mut id) = (0, first);
    while !stop.load(Ordering::Relaxed) {
        let email = User::new(id).email;
        let user = cow.with(&Source).get(User::by_email(email)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}

async fn by_primary(cow: CacheCow, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let (mut count, mut id) = (0, first);
    while !stop.load(Ordering::Relaxed) {
        let user = cow.with(&Source).get(User::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}

async fn two_gets(mut connection: MultiplexedConnection, stop: Arc<AtomicBool>, first: i64) -> u32 {
    let (mut count, mut id) = (0, first);
    while !stop.load(Ordering::Relaxed) {
        let email = User::new(id).email;
        let mut get = redis::cmd("GET");
        get.arg(format!("email:{email}"));
        let key: String = get.query_async(&mut connection).await.expect("the server runs");
        let mut get = redis::cmd("GET");
        get.arg(key);
        let value: Vec<u8> = get.query_async(&mut connection).await.expect("the server runs");
        let user: User = rmp_serde::from_slice(&value).expect("stored by us");
        assert_eq!(user.id, id);
        id = (id + 7) % USERS;
        count += 1;
    }
    count
}
