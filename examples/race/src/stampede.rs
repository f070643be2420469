//! Many callers that read one cold row at the same time.

use std::time::Duration;

use futures_util::future::join_all;

use crate::contender::Contender;
use crate::database::Latency;

/// Longer than it takes until each caller has looked into the cache.
const FETCH: Duration = Duration::from_millis(50);

pub(crate) async fn run<C: Contender>(contender: &C, callers: usize, id: u64) -> u64 {
    contender.invalidate(id).await;
    contender.database().set_latency(Latency::Time(FETCH));
    let before = contender.database().fetches();
    let callers = (0..callers).map(|_| {
        let caller = contender.clone();
        tokio::spawn(async move { caller.read(id).await })
    });
    for caller in join_all(callers).await {
        caller.expect("no read fails");
    }
    contender.database().fetches() - before
}
