//! The spans of a follower: how its log is opened, and each batch of changes that it invalidates. None has a key.
//!
//! They are at the level `debug`, under the target `cachecow`, as those of loads are.

use tracing::field::Empty;
use tracing::{Span, debug_span};

/// The span of an attempt to open a log. [`opened`] records its `outcome`.
pub(super) fn open(log: &str, database: Option<&'static str>) -> Span {
    debug_span!(target: "cachecow", "open_log", log, db.system.name = database, outcome = Empty)
}

/// Records how the attempt ended; `follows` says whether this instance reads the log.
pub(super) fn opened<E>(span: &Span, follows: &Result<bool, E>) {
    let outcome = match follows {
        Ok(true) => "following",
        Ok(false) => "standby",
        Err(_) => "failed",
    };
    span.record("outcome", outcome);
}

/// The span of the work for a batch of changed rows, from its reading until the cache has confirmed the invalidation.
pub(super) fn apply(log: &str, database: Option<&'static str>, rows: u64) -> Span {
    debug_span!(target: "cachecow", "apply_changes", log, db.system.name = database, rows)
}

/// The span of the wait until every fetch sees the changes.
pub(super) fn settle() -> Span {
    debug_span!(target: "cachecow", "settle")
}

/// The span of the functions that name keys (`via`), for this number of rows.
pub(super) fn name_keys(rows: usize) -> Span {
    debug_span!(target: "cachecow", "name_keys", rows)
}

/// The span of an invalidation, with all of its attempts. `drops` is the number of whole types in it.
pub(super) fn invalidate(keys: usize, drops: usize) -> Span {
    debug_span!(target: "cachecow", "invalidate", keys, drops)
}
