//! Types that are not cached for a while, because decoding their stored objects would give different ones.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

/// After this number of failures in a row without hits, a type is not cached for a while. A type with only a few
/// objects that cannot be stored is not affected.
const TOLERATED: u32 = 3;
/// The first pause, in milliseconds; each further failure doubles it.
const PAUSE: u64 = 1_000;
/// How often the pause is doubled: up to a little over a minute.
const DOUBLINGS: u32 = 6;

/// Whether a type's objects can be stored faithfully.
#[derive(Debug, Default)]
pub(crate) struct ReadBack {
    failures_in_a_row: AtomicU32,
    /// Until when the type is not cached, in milliseconds since 1970.
    left_alone_until: AtomicU64,
    /// Since when, in the same measure.
    left_alone_since: AtomicU64,
    is_told: AtomicBool,
}

impl ReadBack {
    /// Whether the type's objects are not cached at the moment.
    #[inline]
    pub(crate) fn is_left_alone(&self, now: impl FnOnce() -> u64) -> bool {
        match self.left_alone_until.load(Ordering::Relaxed) {
            0 => false,
            // A clock that is set back must not prolong the pause.
            until => (1..=PAUSE << DOUBLINGS).contains(&until.saturating_sub(now())),
        }
    }

    /// How long the type has not been cached, from the first pause to the end of the last.
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

    /// Counts a failure at this time, in milliseconds since 1970; returns whether it is the type's first.
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
        assert!(!is_left_alone(999), "the clock was set back");
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
