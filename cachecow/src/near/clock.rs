//! The time since the machine started, coarse and cheap.

use std::time::Duration;

use crate::clock::GivenClock;

/// A moment, to within a sixteenth of a second, in the space of a number.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Moment(u32);

/// How many bits of the clock's ticks (2^32 per second) are dropped.
const COARSENESS: u32 = 28;

impl Moment {
    /// Before every other moment.
    pub(super) const NEVER: Self = Self(0);

    #[inline]
    pub(super) fn now() -> Self {
        // The kernel updates it at every tick: it costs a quarter of an exact time.
        Self::of_ticks(coarsetime::Instant::now_without_cache_update().as_ticks())
    }

    /// The moment after this time, or a little sooner.
    pub(super) fn after(time: Duration) -> Self {
        let now = coarsetime::Instant::now_without_cache_update().as_ticks();
        Self::of_ticks(now.saturating_add(coarsetime::Duration::from(time).as_ticks()))
    }

    /// The same by the program's clock, counted from when it was set.
    #[cold]
    pub(super) fn after_by(clock: &GivenClock, time: Duration) -> Self {
        let ticks = |time: Duration| coarsetime::Duration::from(time).as_ticks();
        Self::of_ticks(ticks(clock.elapsed()).saturating_add(ticks(time)))
    }

    #[inline]
    fn of_ticks(ticks: u64) -> Self {
        Self(u32::try_from(ticks >> COARSENESS).unwrap_or(u32::MAX))
    }

    #[inline]
    pub(super) fn from_number(number: u32) -> Self {
        Self(number)
    }

    pub(super) fn number(self) -> u32 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_in_order() {
        let (now, soon) = (Moment::now(), Moment::after(Duration::from_secs(2)));
        assert!(Moment::NEVER < now && now < soon);
        assert!(soon < Moment::after(Duration::from_secs(100 * 365 * 24 * 60 * 60)));
        assert!(
            Moment::after(Duration::from_millis(1)) <= Moment::after(Duration::from_millis(70))
        );
    }
}
