//! Counts evicted entries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::Lifecycle;

use super::Entry;

/// How many entries were evicted, or were too large to be kept.
#[derive(Clone, Default)]
pub(super) struct Evictions(Arc<AtomicU64>);

impl Evictions {
    pub(super) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Lifecycle<u128, Entry> for Evictions {
    /// Objects are dropped after the lock is released; most insertions evict one or two.
    type RequestState = [Option<Entry>; 2];

    fn on_evict(&self, state: &mut Self::RequestState, _hash: u128, entry: Entry) {
        self.0.fetch_add(1, Ordering::Relaxed);
        if let Some(free) = state.iter_mut().find(|place| place.is_none()) {
            *free = Some(entry);
        }
    }
}
