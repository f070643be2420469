//! A counter that many threads count at once, cheaply.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How many threads have their own place.
const OWN: usize = 31;

/// Each of the first threads counts in its own place, so that they neither wait for each other nor share a cache
/// line. The other threads share the last place.
#[derive(Default)]
pub(super) struct Striped([Place; OWN + 1]);

#[derive(Default)]
#[repr(align(64))]
struct Place(AtomicU64);

impl Striped {
    #[inline]
    pub(super) fn add(&self, count: u64) {
        let place = place();
        let counter = &self.0[place].0;
        if place < OWN {
            // Nobody else writes here.
            counter.store(counter.load(Ordering::Relaxed) + count, Ordering::Relaxed);
        } else {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }

    pub(super) fn sum(&self) -> u64 {
        self.0.iter().map(|place| place.0.load(Ordering::Relaxed)).sum()
    }
}

/// This thread's place.
#[inline]
fn place() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MINE: Cell<usize> = const { Cell::new(usize::MAX) };
    }
    MINE.with(|mine| {
        if mine.get() == usize::MAX {
            mine.set(NEXT.fetch_add(1, Ordering::Relaxed).min(OWN));
        }
        mine.get()
    })
}

#[cfg(test)]
mod tests {
    use super::{OWN, Striped};

    #[test]
    fn every_thread_counts() {
        let counter = Striped::default();
        std::thread::scope(|scope| {
            // Also those that have to share.
            for _ in 0..2 * OWN {
                scope.spawn(|| (0..1000).for_each(|_| counter.add(2)));
            }
        });
        assert_eq!(counter.sum(), 4000 * OWN as u64);
    }
}
