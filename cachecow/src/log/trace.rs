//! The spans of a follower: how its log is opened, and each batch of changes that it invalidates. None has a key.
//!
//! They are at the level `debug`, under the target `cachecow`, as those of loads are.

use tracing::field::Empty;
use tracing::{Span, debug_span};

/// The opening of a log, or an attempt at it; `outcome` is told by [`opened`].
pub(super) fn open(log: &str, database: Option<&'static str>) -> Span {
    debug_span!(target: "cachecow", "open_log", log, db.system.name = database, outcome = Empty)
}

/// How it ended: whether this instance follows, if it did not fail.
pub(super) fn opened<E>(span: &Span, follows: &Result<bool, E>) {
    let outcome = match follows {
        Ok(true) => "following",
        Ok(false) => "standby",
        Err(_) => "failed",
    };
    span.record("outcome", outcome);
}

/// What is done with a batch of so many changed rows after it was read, until the cache confirmed its invalidation.
pub(super) fn apply(log: &str, database: Option<&'static str>, rows: u64) -> Span {
    debug_span!(target: "cachecow", "apply_changes", log, db.system.name = database, rows)
}

/// A wait until every fetch sees the changes.
pub(super) fn settle() -> Span {
    debug_span!(target: "cachecow", "settle")
}

/// The functions that name keys (`via`), of so many rows.
pub(super) fn name_keys(rows: usize) -> Span {
    debug_span!(target: "cachecow", "name_keys", rows)
}

/// The invalidation of so many keys and tags, with all of its attempts; of so many types everything goes.
pub(super) fn invalidate(keys: usize, drops: usize) -> Span {
    debug_span!(target: "cachecow", "invalidate", keys, drops)
}
