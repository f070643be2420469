//! Marks a fetch that has one of the places of an outage, for the fetches inside of it.

use std::future::Future;

tokio::task_local! {
    /// Set inside a fetch that has a place. A nested fetch needs no place of its own; otherwise both might wait for
    /// ever.
    static HAS_PLACE: ();
}

pub(crate) fn has_place() -> bool {
    HAS_PLACE.try_with(|()| ()).is_ok()
}

/// Runs a fetch that has a place.
pub(crate) async fn with_place<F: Future>(fetch: F) -> F::Output {
    HAS_PLACE.scope((), fetch).await
}

/// Runs a part of a fetch on another thread, which has a place if the fetch has.
pub(crate) fn on_thread<T>(has_place: bool, run: impl FnOnce() -> T) -> T {
    if has_place { HAS_PLACE.sync_scope((), run) } else { run() }
}
