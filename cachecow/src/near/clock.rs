//! The time since the machine started, coarse and cheap.

use std::time::Duration;

/// A moment, to within some milliseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u64);

impl Moment {
    #[inline]
    pub(super) fn now() -> Self {
        // Updated by the kernel at every tick: a quarter of the price of an exact time.
        Self(coarsetime::Instant::now_without_cache_update().as_ticks())
    }

    /// The moment after this time.
    pub(super) fn after(time: Duration) -> Self {
        Self(Self::now().0.saturating_add(coarsetime::Duration::from(time).as_ticks()))
    }

    pub(super) fn from_ticks(ticks: u64) -> Self {
        Self(ticks)
    }

    pub(super) fn ticks(self) -> u64 {
        self.0
    }
}
