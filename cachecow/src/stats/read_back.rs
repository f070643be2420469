//! Which types are left alone, because their objects would not come back as they were fetched.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// So many failures in a row, and no hits, and a type is left alone for a while. A type with a few objects that
/// cannot be stored among many that can is never left alone.
const TOLERATED: u32 = 3;
/// For how long at first, in milliseconds; then twice as long after each failure.
const PAUSE: u64 = 1_000;
/// How often that is doubled: a little over a minute.
const DOUBLINGS: u32 = 6;

/// What is known of a type's faithfulness.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    failures_in_a_row: AtomicU32,
    /// Until when the type is left alone, in milliseconds since 1970.
    left_alone_until: AtomicU64,
    /// Since when, in the same measure.
    left_alone_since: AtomicU64,
    is_told: AtomicBool,
}

impl ReadBack {
    /// Whether the type's objects are not tried at the moment.
    #[inline]
    pub(crate) fn is_left_alone(&self, now: impl FnOnce() -> u64) -> bool {
        match self.left_alone_until.load(Ordering::Relaxed) {
            0 => false,
            until => now() < until,
        }
    }

    /// For how long the type has been left alone, from the first pause to the end of the last.
    pub(crate) fn left_alone_for(&self, now: u64) -> Option<Duration> {
        let since = self.left_alone_since.load(Ordering::Relaxed);
        self.is_left_alone(|| now).then(|| Duration::from_millis(now.saturating_sub(since)))
    }

    pub(crate) fn succeeded(&self) {
        if self.failures_in_a_row.load(Ordering::Relaxed) != 0 {
            self.failures_in_a_row.store(0, Ordering::Relaxed);
            self.left_alone_until.store(0, Ordering::Relaxed);
        }
    }

    /// Whether this is the first failure, at this time in milliseconds since 1970, of a type that has hits or
    /// none.
    pub(crate) fn failed(&self, now: u64, has_hits: bool) -> bool {
        let before = self.failures_in_a_row.load(Ordering::Relaxed);
        let failures = if has_hits { 0 } else { before.saturating_add(1) };
        self.failures_in_a_row.store(failures, Ordering::Relaxed);
        if let Some(doublings) = failures.checked_sub(TOLERATED) {
            let pause = PAUSE << doublings.min(DOUBLINGS);
            if doublings == 0 {
                self.left_alone_since.store(now, Ordering::Relaxed);
            }
            self.left_alone_until.store(now.saturating_add(pause), Ordering::Relaxed);
        }
        !self.is_told.swap(true, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_left_alone_only_after_several_failures_and_ever_longer() {
        let state = ReadBack::default();
        let is_left_alone = |now| state.is_left_alone(|| now);
        assert!(state.failed(1_000, false), "the first is told");
        assert!(!state.failed(1_000, false), "and no other");
        assert!(!is_left_alone(1_000));
        for pause in [1, 2, 4, 8, 16, 32, 64, 64, 64] {
            state.failed(1_000, false);
            assert!(is_left_alone(1_000 + pause * 1_000 - 1), "{pause}");
            assert!(!is_left_alone(1_000 + pause * 1_000), "{pause}");
        }
        state.succeeded();
        assert!(!is_left_alone(1_000));
        assert!(!state.failed(1_000, false));
        assert!(!is_left_alone(1_000), "it begins anew");
        for _ in 0..100 {
            state.failed(1_000, true);
        }
        assert!(!is_left_alone(1_000), "a type with hits is not");
    }
}
