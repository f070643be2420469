//! The throughput of hits, beside a bare `GET` and decode on the same server in the same run; and with
//! 0.5 ms of network latency, and there the latency of a hit.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench hit [-- --quick]
//! ```

mod support;

use cachecow::CacheCow;

use crate::support::compare::{Contender, TASKS, compare};
use crate::support::far::compare_far;
use crate::support::readers::{Bare, ByPrimary};
use crate::support::{Encoding, Setup, USERS, connect, run};

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let contenders = [
            Contender::new("cachecow", ByPrimary(setup.cow.clone())),
            Contender::new("bare, map", Bare(setup.bare.clone(), Encoding::Map)),
            Contender::new("bare, array", Bare(setup.bare.clone(), Encoding::Array)),
        ];
        compare("hits", &contenders, &TASKS).await;
        let stats = setup.cow.stats().of("User");
        // `with_users` reads every user once to fill.
        assert_eq!(stats.misses, u64::try_from(USERS).expect("positive"), "only hits: {stats}");
        compare_far(&setup.server, async |url| {
            let cow = CacheCow::open(url).await.expect("a valid address");
            vec![
                Contender::new("cachecow", ByPrimary(cow)),
                Contender::new("bare, map", Bare(connect(url).await, Encoding::Map)),
            ]
        })
        .await;
    });
}
