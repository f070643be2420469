//! Hits of lists of 20, beside `get_many` of the same 20. The goal is nine tenths of its rate.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench list [-- [--quick] [--goals]]
//! ```

mod support;

use std::convert::Infallible;

use cachecow::{CacheCow, Cached};

use crate::support::compare::{Contender, Goals, Reader, compare};
use crate::support::{Setup, USERS, User, run};

/// Objects of a list.
const LIST: i64 = 20;

/// As a [`User`], in a list of twenty.
#[derive(Clone, Debug, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "listed:{id}", fetch = Listed::find, fetch_many = Listed::find_many)]
#[cache(list = "listed:group:{group}", fetch = Listed::of_group)]
struct Listed {
    id: i64,
    group: i64,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

impl Listed {
    fn new(id: i64) -> Self {
        let User { id, name, email, company, active, created_at, logins } = User::new(id);
        Self { id, group: id / LIST, name, email, company, active, created_at, logins }
    }

    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_many(ids: &[i64]) -> Result<Vec<Self>, Infallible> {
        Ok(ids.iter().copied().map(Self::new).collect())
    }

    async fn of_group(group: i64) -> Result<Vec<Self>, Infallible> {
        Ok(members(group).map(Self::new).collect())
    }
}

fn members(group: i64) -> impl Iterator<Item = i64> {
    group * LIST..(group + 1) * LIST
}

#[derive(Clone)]
struct List(CacheCow);

impl Reader for List {
    async fn read(&mut self, id: i64) {
        let group = id % (USERS / LIST);
        let listed = self.0.list(Listed::list_by_group(group)).await.expect("no fetch fails");
        assert!(listed.iter().map(|listed| listed.id).eq(members(group)));
    }
}

#[derive(Clone)]
struct Many(CacheCow);

impl Reader for Many {
    async fn read(&mut self, id: i64) {
        let group = id % (USERS / LIST);
        let listed = self.0.get_many(members(group).map(Listed::by_id)).await;
        let listed = listed.expect("no fetch fails");
        let found = listed.iter().map(|listed| listed.as_ref().expect("stored").id);
        assert!(found.eq(members(group)));
    }
}

fn main() {
    run(async {
        let setup = Setup::with_users(0).await;
        let contenders = [
            Contender::new("list of 20", List(setup.cow.clone())),
            Contender::new("get_many(20)", Many(setup.cow.clone())),
        ];
        let mut goals = Goals::default();
        for row in compare("lists of 20, hits", &contenders, &[1, 8, 32]).await {
            goals.at_least(&format!("{} tasks, to get_many(20)", row.tasks), row.ratios[0], 0.9);
        }
        goals.report();
    });
}
