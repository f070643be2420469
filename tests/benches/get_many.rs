//! Batches of 100 hits, beside a bare `MGET` and decode. The goal is at least the same rate.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench get_many [-- [--quick] [--goals]]
//! ```

mod support;

use crate::support::compare::{Contender, Goals, compare};
use crate::support::readers::{BareBatch, Batch};
use crate::support::{Setup, USERS, run};

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let contenders = [
            Contender::new("cachecow", Batch(setup.cow.clone())),
            Contender::new("bare MGET", BareBatch(setup.bare.clone())),
        ];
        let mut goals = Goals::default();
        for row in compare("batches of 100 hits", &contenders, &[1, 8]).await {
            goals.at_least(&format!("{} tasks, to a bare MGET", row.tasks), row.ratios[0], 1.0);
        }
        goals.report();
    });
}
