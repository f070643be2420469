//! The circuit breaker: after repeated outages, operations do not use the cache for a while.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::BackendError;
use crate::events::{Rate, say};

/// How many outages in a row open the circuit.
const THRESHOLD: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(10);

/// Whether an operation may pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Admission {
    /// The circuit is closed.
    Free,
    /// The circuit is open, and this operation tests whether it may be closed.
    Probe,
    /// The circuit is open.
    Refused,
}

/// While the circuit is closed, every operation passes. While it is open, none passes until the
/// pause is over; then one passes as a probe. If the probe succeeds, the circuit closes. If not,
/// the next pause is twice as long.
///
/// Operations that began before the circuit opened may fail afterwards; such failures have no
/// effect.
pub(crate) struct Breaker {
    epoch: Instant,
    /// Outages in a row while closed.
    outages: AtomicU32,
    /// Probes since the circuit opened.
    probes: AtomicU32,
    /// When the next probe may pass, in milliseconds after `epoch`: at least one pause after the opening. 0 while
    /// closed.
    reopens: AtomicU64,
    /// When it opened last, in milliseconds after `epoch`.
    opened: AtomicU64,
    /// How often it opened.
    openings: AtomicU64,
    rate: Rate,
    /// Whether the event for the opening was emitted, and that for the closing not yet.
    is_told: AtomicBool,
}

impl Breaker {
    pub(crate) fn new() -> Self {
        Self {
            epoch: Instant::now(),
            outages: AtomicU32::new(0),
            probes: AtomicU32::new(0),
            reopens: AtomicU64::new(0),
            opened: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            rate: Rate::default(),
            is_told: AtomicBool::new(false),
        }
    }

    /// Whether an operation may pass now.
    #[inline]
    pub(crate) fn admit(&self) -> Admission {
        let reopens = self.reopens.load(Ordering::Relaxed);
        if reopens == 0 { Admission::Free } else { self.admit_probe(reopens) }
    }

    #[cold]
    fn admit_probe(&self, reopens: u64) -> Admission {
        let now = self.now();
        if now < reopens {
            return Admission::Refused;
        }
        let next = now + pause(self.probes.load(Ordering::Relaxed).saturating_add(1));
        // The operation that moves the time forward is the probe. If it is cancelled, another probe passes after
        // the next pause.
        let moved =
            self.reopens.compare_exchange(reopens, next, Ordering::Relaxed, Ordering::Relaxed);
        if moved.is_err() {
            return Admission::Refused;
        }
        self.probes.fetch_add(1, Ordering::Relaxed);
        Admission::Probe
    }

    #[inline]
    pub(crate) fn succeeded(&self) {
        // Check both: if an outage is counted while another thread closes the circuit, the circuit
        // may be open with a count of zero.
        if self.outages.load(Ordering::Relaxed) != 0 || self.is_open() {
            self.close();
        }
    }

    #[cold]
    fn close(&self) {
        self.outages.store(0, Ordering::Relaxed);
        self.probes.store(0, Ordering::Relaxed);
        let was_open = self.reopens.swap(0, Ordering::Relaxed) != 0;
        if was_open && self.is_told.swap(false, Ordering::Relaxed) {
            say!(CIRCUIT_CLOSED, "the cache answers again");
        }
    }

    /// Emits the event that an outage has opened the circuit. The rate is limited, for a cache that keeps going up
    /// and down.
    pub(crate) fn say_opened(&self, error: &BackendError) {
        if let Some(left_out) = self.rate.admits() {
            self.is_told.store(true, Ordering::Relaxed);
            say!(
                CIRCUIT_OPENED, %error, left_out,
                "the cache keeps failing; reads bypass it for now"
            );
        }
    }

    /// Counts an outage; returns whether this one opened the circuit.
    pub(crate) fn failed(&self) -> bool {
        if self.is_open() {
            return false;
        }
        let outages = self.outages.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if outages < THRESHOLD {
            return false;
        }
        let now = self.now();
        let opens = now + pause(0);
        let opened = self.reopens.compare_exchange(0, opens, Ordering::Relaxed, Ordering::Relaxed);
        if opened.is_ok() {
            self.opened.store(now, Ordering::Relaxed);
            self.openings.fetch_add(1, Ordering::Relaxed);
        }
        opened.is_ok()
    }

    /// For how long it has been open; `None` while it is closed.
    pub(crate) fn open_for(&self) -> Option<Duration> {
        let opened = self.opened.load(Ordering::Relaxed);
        self.is_open().then(|| Duration::from_millis(self.now().saturating_sub(opened)))
    }

    /// How often it opened.
    pub(crate) fn openings(&self) -> u64 {
        self.openings.load(Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.reopens.load(Ordering::Relaxed) != 0
    }

    fn now(&self) -> u64 {
        u64::try_from(self.epoch.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// In milliseconds; doubles with each probe.
fn pause(probes: u32) -> u64 {
    let pause = FIRST_PAUSE.saturating_mul(1 << probes.min(16)).min(LONGEST_PAUSE);
    u64::try_from(pause.as_millis()).unwrap_or(u64::MAX)
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
        assert_eq!(breaker.admit(), Admission::Free);
        breaker.succeeded();
        fail(&breaker, THRESHOLD - 1);
        assert_eq!(breaker.admit(), Admission::Free, "a success starts the count anew");
    }

    #[tokio::test(start_paused = true)]
    async fn open_it_admits_one_probe_a_pause() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        assert_eq!(breaker.admit(), Admission::Refused);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(), Admission::Probe);
        assert_eq!(breaker.admit(), Admission::Refused, "one only");
        assert_eq!((breaker.open_for(), breaker.openings()), (Some(FIRST_PAUSE), 1));
        breaker.succeeded();
        assert_eq!((breaker.open_for(), breaker.openings()), (None, 1));
        assert_eq!(breaker.admit(), Admission::Free);
        assert!(!breaker.is_open());
    }

    #[tokio::test(start_paused = true)]
    async fn a_failed_probe_doubles_the_pause() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(), Admission::Probe);
        breaker.failed();
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(), Admission::Refused);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(), Admission::Probe);
    }

    #[tokio::test(start_paused = true)]
    async fn stragglers_of_one_outage_do_not_lengthen_the_pause() {
        let breaker = Breaker::new();
        fail(&breaker, 10_000);
        tokio::time::advance(FIRST_PAUSE).await;
        assert_eq!(breaker.admit(), Admission::Probe);
    }

    #[tokio::test(start_paused = true)]
    async fn the_pause_is_bounded() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        for _ in 0..100 {
            tokio::time::advance(LONGEST_PAUSE).await;
            assert_eq!(breaker.admit(), Admission::Probe);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_success_closes_it_whatever_was_counted() {
        let breaker = Breaker::new();
        fail(&breaker, THRESHOLD);
        // The state after one thread closes the circuit between another thread's count and its opening.
        breaker.outages.store(0, Ordering::Relaxed);
        breaker.succeeded();
        assert_eq!(breaker.admit(), Admission::Free);
    }
}
