//! The time of day, as the program sets it, and the longest time.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

/// The clock for the time of day; replaced in tests.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;

/// The program's own clock: measures the time since it was set.
pub(crate) struct GivenClock {
    clock: Clock,
    began: SystemTime,
}

impl GivenClock {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { began: clock(), clock }
    }

    pub(crate) fn elapsed(&self) -> Duration {
        (self.clock)().duration_since(self.began).unwrap_or_default()
    }
}

/// Practically for ever, but small enough to be added to any clock.
pub(crate) const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
