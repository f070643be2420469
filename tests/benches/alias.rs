//! A hit by an alias beside one by the primary key, and beside two bare `GET`s one after the other, on
//! the same server in the same run. The goal is 0.9 of the rate by the primary key.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench alias [-- [--quick] [--goals]]
//! ```

mod support;

use std::sync::Arc;

use cachecow::CacheCow;
use redis::aio::MultiplexedConnection;

use crate::support::compare::{Contender, Goals, Reader, TASKS, compare};
use crate::support::readers::ByPrimary;
use crate::support::{Encoding, Setup, Source, USERS, User, email, run};

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let mut bare = setup.bare.clone();
        // Made beforehand, since they are no part of a read.
        let emails: Arc<[String]> = (0..USERS).map(email).collect();
        for (id, email) in (0..).zip(&*emails) {
            setup.cow.with(&Source).get(User::by_email(email)).await.expect("no fetch fails");
            let mut set = redis::cmd("SET");
            set.arg(format!("email:{email}")).arg(Encoding::Map.key(id));
            set.exec_async(&mut bare).await.expect("the server runs");
        }
        let contenders = [
            Contender::new("by alias", ByAlias(setup.cow.clone(), Arc::clone(&emails))),
            Contender::new("by primary", ByPrimary(setup.cow.clone())),
            Contender::new("two GETs", TwoGets(bare, emails)),
        ];
        let mut goals = Goals::default();
        for row in compare("hits", &contenders, &TASKS).await {
            goals.at_least(&format!("{} tasks, to by primary", row.tasks), row.ratios[0], 0.9);
        }
        let stats = setup.cow.stats().of("User");
        // Each user was loaded once by each key.
        assert_eq!(stats.misses, 2 * u64::try_from(USERS).expect("positive"), "{stats}");
        goals.report();
    });
}

#[derive(Clone)]
struct ByAlias(CacheCow, Arc<[String]>);

impl Reader for ByAlias {
    async fn read(&mut self, id: i64) {
        let lookup = User::by_email(of(&self.1, id));
        let user = self.0.with(&Source).get(lookup).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
    }
}

#[derive(Clone)]
struct TwoGets(MultiplexedConnection, Arc<[String]>);

impl Reader for TwoGets {
    async fn read(&mut self, id: i64) {
        let mut get = redis::cmd("GET");
        get.arg(format!("email:{}", of(&self.1, id)));
        let key: String = get.query_async(&mut self.0).await.expect("the server runs");
        let mut get = redis::cmd("GET");
        get.arg(key);
        let value: Vec<u8> = get.query_async(&mut self.0).await.expect("the server runs");
        let user: User = rmp_serde::from_slice(&value).expect("stored by us");
        assert_eq!(user.id, id);
    }
}

fn of(emails: &[String], id: i64) -> &str {
    &emails[usize::try_from(id).expect("an index")]
}
