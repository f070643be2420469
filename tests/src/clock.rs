//! A time of day that the test moves.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// Stands still unless it is moved. Clones are one clock.
#[derive(Clone, Debug)]
pub struct Clock(Arc<AtomicU64>);

impl Clock {
    /// Some day.
    pub fn new() -> Self {
        Self(Arc::new(AtomicU64::new(1_000_000_000_000)))
    }

    /// Moves it on.
    ///
    /// # Panics
    ///
    /// If the time is too long for milliseconds.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_millis()).expect("a time that a test takes");
        self.0.fetch_add(by, Ordering::SeqCst);
    }

    /// What `Builder::clock` takes.
    pub fn reader(&self) -> impl Fn() -> SystemTime + Send + Sync + 'static {
        let clock = Arc::clone(&self.0);
        move || SystemTime::UNIX_EPOCH + Duration::from_millis(clock.load(Ordering::SeqCst))
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new()
    }
}
