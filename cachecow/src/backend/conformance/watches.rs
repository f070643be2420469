//! Watches of a key under another's lease.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::timeout;

use super::super::{BackendErrorKind, CacheBackend, Watch};
use super::support::{
    LEASE, PATIENCE, abandon, ask, claim, claim_for, fill, fresh_key, granted, hold, release,
};
use crate::key::Key;
use crate::protocol::Command;

/// The watch, unless the backend has none.
async fn watch(backend: &dyn CacheBackend, key: Key) -> Option<Watch> {
    let watch = timeout(PATIENCE, backend.watch(key)).await;
    match watch.unwrap_or_else(|_| panic!("the watch is never set up")) {
        Ok(watch) => Some(watch),
        Err(error) if error.kind() == BackendErrorKind::Unsupported => None,
        Err(error) => panic!("watch failed: {error}"),
    }
}

async fn completes(watch: Watch, after: &str) {
    let told = timeout(PATIENCE, watch).await;
    let told = told.unwrap_or_else(|_| panic!("the watch does not complete after {after}"));
    told.unwrap_or_else(|error| panic!("the watch failed after {after}: {error}"));
}

/// There is nothing to wait for.
pub async fn a_watch_without_a_lease_completes_at_once(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for command in [None, Some(hold(9))] {
        if let Some(command) = command {
            ask(backend, key, command).await;
        }
        let Some(watch) = watch(backend, key).await else { return };
        completes(watch, "nothing: there is no lease").await;
    }
}

/// In whatever way it ends.
pub async fn a_watch_completes_when_its_lease_ends(backend: &dyn CacheBackend) {
    for end in [fill(1, "v"), abandon(1), Command::Invalidate, hold(9), release(9)] {
        let key = fresh_key();
        granted(backend, key, claim(1)).await;
        let Some(watch) = watch(backend, key).await else { return };
        ask(backend, key, end.clone()).await;
        completes(watch, &format!("{end:?}")).await;
    }
}

/// Watches of other keys do not complete.
pub async fn every_watch_of_a_key_completes(backend: &dyn CacheBackend) {
    let (key, other) = (fresh_key(), fresh_key());
    for key in [key, other] {
        granted(backend, key, claim(1)).await;
    }
    let mut watches = Vec::new();
    for _ in 0..20 {
        let Some(watch) = watch(backend, key).await else { return };
        watches.push(watch);
    }
    let Some(of_other) = watch(backend, other).await else { return };
    ask(backend, key, fill(1, "v")).await;
    join_all(watches.into_iter().map(|watch| completes(watch, "the fill"))).await;
    ask(backend, other, abandon(1)).await;
    completes(of_other, "the abandon of its own key").await;
}

/// Its owner died.
pub async fn a_watch_completes_when_its_lease_expires(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim_for(1, Duration::from_millis(20))).await;
    let Some(watch) = watch(backend, key).await else { return };
    completes(watch, "the lease has expired").await;
}

/// Before or after it is set up; other watches of its key go on.
pub async fn a_watch_may_be_dropped(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim_for(1, LEASE)).await;
    drop(backend.watch(key));
    let Some(first) = watch(backend, key).await else { return };
    let Some(second) = watch(backend, key).await else { return };
    drop(first);
    ask(backend, key, Command::Invalidate).await;
    completes(second, "the invalidation").await;
}
