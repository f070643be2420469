//! Writers' holds.

use super::super::CacheBackend;
use super::support::{abandon, ask, claim, fill, fresh_key, granted, hold, release, store};
use crate::protocol::{Command, Reply};

/// While a writer is at work.
pub async fn a_hold_removes_the_value_and_keeps_claims_out(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "v1").await;
    assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Held);
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    granted(backend, key, claim(1)).await;
}

/// A fill that began before the write must not end after it.
pub async fn a_hold_refuses_the_fill_under_way(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused, "during the hold");
    assert_eq!(ask(backend, key, abandon(1)).await, Reply::Refused);
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Held, "what is refused ends no hold");
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused, "after it");
}

/// Releasing one lifts no other.
pub async fn overlapping_holds_end_one_by_one(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for writer in [7, 8, 9] {
        assert_eq!(ask(backend, key, hold(writer)).await, Reply::Done);
    }
    for writer in [8, 7] {
        assert_eq!(ask(backend, key, release(writer)).await, Reply::Done);
        assert_eq!(ask(backend, key, release(writer)).await, Reply::Done, "twice is no harm");
        assert_eq!(ask(backend, key, claim(1)).await, Reply::Held);
    }
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    granted(backend, key, claim(1)).await;
}

/// Another caller's invalidation must not expose a write under way.
pub async fn an_invalidation_leaves_holds(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Held);
}

/// A release ends it, however often it was placed.
pub async fn a_hold_placed_again_is_one_hold(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for _ in 0..2 {
        assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    }
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Held);
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    granted(backend, key, claim(1)).await;
}

/// A write took longer than its hold: a reader that claimed since may have read the old value.
pub async fn a_release_after_its_hold_is_gone_invalidates(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused);
}

/// The same, if that reader has already filled.
pub async fn a_release_removes_what_was_filled_in_between(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "old").await;
    assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
}
