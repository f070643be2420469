//! What tags cost: a hit with one tag and with two beside one without, and the invalidation of groups.
//! The goal is 0.85 of the rate without for one tag.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench tags [-- [--quick] [--goals]]
//! ```

mod support;

use std::convert::Infallible;
use std::time::Instant;

use cachecow::{CacheCow, Cached};
use serde::{Deserialize, Serialize};

use crate::support::compare::{Contender, Goals, Reader, TASKS, compare};
use crate::support::readers::ByPrimary;
use crate::support::{OneTag, Setup, Source, USERS, User, median, microseconds, quick, run};

/// As a [`User`], and with two tags that all share.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(ttl = "1h")]
#[cache(key = "two_tags:{id}", fetch = TwoTags::find, fetch_many = TwoTags::find_many)]
#[cache(tag = "company:{company}")]
#[cache(tag = "group:{group}")]
struct TwoTags {
    id: i64,
    group: u32,
    name: String,
    email: String,
    company: String,
    active: bool,
    created_at: i64,
    logins: u32,
}

impl TwoTags {
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
        for _ in 0..2 {
            setup.cow.get_many((0..USERS).map(OneTag::by_id)).await.expect("no fetch fails");
        }
        let goals = hits(&setup.cow).await;
        batches(&setup.cow).await;
        invalidations(&setup.cow).await;
        goals.report();
    });
}

/// Twice: the second read is the first hit.
async fn fill(cow: &CacheCow, count: i64) {
    for _ in 0..2 {
        cow.get_many((0..count).map(TwoTags::by_id)).await.expect("the source does not fail");
    }
}

async fn hits(cow: &CacheCow) -> Goals {
    let misses = || cow.stats().types.values().map(|stats| stats.misses).sum::<u64>();
    let before = misses();
    let one = [
        Contender::new("one tag", WithOneTag(cow.clone())),
        Contender::new("no tag", ByPrimary(cow.clone())),
    ];
    let two = [
        Contender::new("two tags", WithTwoTags(cow.clone())),
        Contender::new("no tag", ByPrimary(cow.clone())),
    ];
    let mut goals = Goals::default();
    for row in compare("hits", &one, &TASKS).await {
        goals.at_least(&format!("{} tasks, one tag to none", row.tasks), row.ratios[0], 0.85);
    }
    compare("hits", &two, &TASKS).await;
    assert_eq!(misses(), before, "only hits");
    goals
}

#[derive(Clone)]
struct WithOneTag(CacheCow);

impl Reader for WithOneTag {
    async fn read(&mut self, id: i64) {
        let user = self.0.get(OneTag::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
    }
}

#[derive(Clone)]
struct WithTwoTags(CacheCow);

impl Reader for WithTwoTags {
    async fn read(&mut self, id: i64) {
        let user = self.0.get(TwoTags::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
    }
}

async fn batches(cow: &CacheCow) {
    let rounds = if quick() { 20 } else { 200 };
    let (mut tagged, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let began = Instant::now();
        cow.get_many((0..100).map(TwoTags::by_id)).await.expect("no fetch fails");
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
            cow.invalidate_tag(TwoTags::tag_group(0)).await.expect("the server runs");
            times.push(microseconds(began.elapsed()));
        }
        println!("{count:>6} objects: {:.0} us", median(times));
    }
}
