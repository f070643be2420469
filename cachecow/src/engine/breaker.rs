//! The circuit breaker: after repeated outages the cache is left alone for a while.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// How many outages in a row open the circuit.
const THRESHOLD: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Closed, every operation passes. Open, none does until the pause is over; then one passes as a
/// probe, and its outcome closes the circuit or opens it for twice as long.
pub(crate) struct Breaker {
    epoch: Instant,
    outages: AtomicU32,
    /// Milliseconds after `epoch` when the next probe may pass; 0 while closed.
    reopens: AtomicU64,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self { epoch: Instant::now(), outages: AtomicU32::new(0), reopens: AtomicU64::new(0) }
    }

    /// Whether an operation may pass now.
    #[inline]
    pub(crate) fn admits(&self) -> bool {
        let reopens = self.reopens.load(Ordering::Relaxed);
        reopens == 0 || self.admits_probe(reopens)
    }

    #[cold]
    fn admits_probe(&self, reopens: u64) -> bool {
        let now = self.now();
        // Whoever moves the time on is the probe; should it vanish, there is another in its turn.
        now >= reopens
            && self
                .reopens
                .compare_exchange(reopens, now + self.pause(), Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    #[inline]
    pub(crate) fn succeeded(&self) {
        if self.outages.load(Ordering::Relaxed) != 0 {
            self.close();
        }
    }

    #[cold]
    fn close(&self) {
        self.outages.store(0, Ordering::Relaxed);
        if self.reopens.swap(0, Ordering::Relaxed) != 0 {
            tracing::info!(target: "cachecow", "the cache answers again");
        }
    }

    /// Counts an outage; whether this one opened the circuit.
    pub(crate) fn failed(&self) -> bool {
        let outages = self.outages.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if outages < THRESHOLD {
            return false;
        }
        let opened = self.reopens.swap(self.now() + self.pause(), Ordering::Relaxed) == 0;
        if opened {
            tracing::warn!(target: "cachecow", "the cache keeps failing; reads go past it for now");
        }
        opened
    }

    pub(crate) fn is_open(&self) -> bool {
        self.reopens.load(Ordering::Relaxed) != 0
    }

    /// In milliseconds; doubles with each outage past the threshold.
    fn pause(&self) -> u64 {
        let doublings = self.outages.load(Ordering::Relaxed).saturating_sub(THRESHOLD).min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        // One more, since 0 stands for closed.
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fail(breaker: &Breaker, times: u32) {
        for _ in 0..times {
            breaker.failed();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_outages_leave_it_closed() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD - 1);
        assert!(breaker.admits());
        breaker.succeeded();
        fail(&breaker, THRESHOLD - 1);
        assert!(breaker.admits(), "a success starts the count anew");
    }

    #[tokio::test(start_paused = true)]
    async fn open_it_admits_one_probe_a_pause() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        assert!(!breaker.admits());
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.admits(), "the probe");
        assert!(!breaker.admits(), "one only");
        breaker.succeeded();
        assert!(breaker.admits() && !breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_doubles_the_pause() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.admits());
        breaker.failed();
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(!breaker.admits());
        tokio::time::advance(FIRST_PAUSE).await;
        assert!(breaker.admits());
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_is_bounded() {
        let breaker = Breaker::new();
        fail(&breaker, 10_000);
        tokio::time::advance(LONGEST_PAUSE).await;
        assert!(breaker.admits());
    }
}
