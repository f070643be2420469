//! Which reads are timed, while metrics are exported.

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::time::Instant;

use super::Engine;
use crate::cache::read::Source;
use crate::error::Error;
use crate::stats::TypeState;

/// Picks reads at random to be timed: timing every read would take longer than a read from this process's memory.
#[derive(Default)]
pub(crate) struct Timings {
    /// One in how many reads; zero: none.
    one_in: AtomicU32,
}

/// A read that may have been picked.
#[derive(Clone, Copy)]
pub(crate) struct Timer(Option<Instant>);

impl Timings {
    /// From now on, times one in this number of reads.
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "the exporter has reads timed"))]
    pub(crate) fn pick_one_in(&self, reads: u32) {
        self.one_in.store(reads, Ordering::Relaxed);
    }

    /// The beginning of a read.
    #[inline]
    pub(crate) fn begin(&self) -> Timer {
        let one_in = self.one_in.load(Ordering::Relaxed);
        if one_in == 0 || fastrand::u32(..one_in) != 0 {
            return Timer(None);
        }
        Timer(Some(Instant::now()))
    }

    /// The beginning of a call for this number of objects. The call counts as one read, or as none for zero
    /// objects.
    #[inline]
    pub(crate) fn begin_many(&self, objects: usize) -> Timer {
        if objects == 0 { Timer(None) } else { self.begin() }
    }
}

impl Timer {
    /// The end of the read, which has this source if it did not fail.
    #[inline]
    pub(crate) fn end<'a, T>(
        self,
        engine: &'a Engine,
        state: impl FnOnce(&'a Engine) -> &'a TypeState,
        read: &Result<T, Error>,
        source: impl FnOnce(&T) -> Source,
    ) {
        if let Some(began) = self.0 {
            let source = read.as_ref().ok().map(source);
            state(engine).durations().read(source, began.elapsed());
        }
    }
}
