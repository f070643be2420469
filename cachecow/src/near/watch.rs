//! The keys that near entries depend on, and whether they have changed.

use std::array;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use smallvec::SmallVec;

use crate::key::{FoldKeys, Key};
use crate::protocol::{Changes, Mark};

const SHARDS: usize = 16;

/// The keys that somebody watches.
pub(super) struct Watches([Mutex<Shard>; SHARDS]);

impl Default for Watches {
    fn default() -> Self {
        Self(array::from_fn(|_| Mutex::default()))
    }
}

#[derive(Default)]
struct Shard {
    by_hash: HashMap<u128, Weak<Count>, FoldKeys>,
    /// At this number of keys, those that nobody watches any more are dropped.
    pruned_at: usize,
}

/// The number of known changes of a key.
#[derive(Default)]
struct Count(AtomicU64);

impl Count {
    fn changes(&self) -> Changes {
        Changes::counted(self.0.load(Ordering::Acquire))
    }
}

/// The keys that a value depends on, its own first, with their counts of changes before the cache
/// was asked.
#[derive(Clone)]
pub(crate) struct Watched {
    mark: Mark,
    counts: SmallVec<[Arc<Count>; 2]>,
}

impl Watched {
    /// Whether none of the keys has changed since.
    #[inline]
    pub(super) fn stands(&self) -> bool {
        self.mark.stands(self.counts.iter().map(|count| count.changes()))
    }

    pub(super) fn has_others(&self) -> bool {
        self.counts.len() > 1
    }

    /// How many bytes are used for the other keys.
    pub(super) fn weight(&self) -> usize {
        // Each count has its entry in a table that may be half empty.
        const COUNT: usize = size_of::<Count>() + 16 + 2 * size_of::<(u128, Weak<Count>)>();
        if self.has_others() { size_of::<Self>() + self.counts.len() * COUNT } else { 0 }
    }
}

impl Watches {
    /// Watches these keys.
    pub(super) fn watch(&self, keys: impl IntoIterator<Item = Key>) -> Watched {
        let counts: SmallVec<[Arc<Count>; 2]> =
            keys.into_iter().map(|key| self.shard(key).lock().count(key)).collect();
        Watched { mark: Mark::of(counts.iter().map(|count| count.changes())), counts }
    }

    /// Runs `act`, while no change of the key is processed.
    pub(super) fn locked<R>(&self, key: Key, act: impl FnOnce() -> R) -> R {
        let _lock = self.shard(key).lock();
        act()
    }

    /// Notes that a key has changed; runs `act` before another [`locked`](Self::locked) can go on.
    pub(super) fn changed<R>(&self, key: Key, act: impl FnOnce() -> R) -> R {
        let shard = self.shard(key).lock();
        if let Some(count) = shard.by_hash.get(&key.hash()).and_then(Weak::upgrade) {
            count.0.fetch_add(1, Ordering::Release);
        }
        act()
    }

    /// Notes that any key may have changed.
    pub(super) fn all_changed(&self) {
        for shard in &self.0 {
            for count in shard.lock().by_hash.values().filter_map(Weak::upgrade) {
                count.0.fetch_add(1, Ordering::Release);
            }
        }
    }

    fn shard(&self, key: Key) -> &Mutex<Shard> {
        &self.0[usize::from(key.hash().to_le_bytes()[2]) % SHARDS]
    }
}

impl Shard {
    const LEAST_PRUNED: usize = 8;

    fn count(&mut self, key: Key) -> Arc<Count> {
        if let Some(count) = self.by_hash.get(&key.hash()).and_then(Weak::upgrade) {
            return count;
        }
        if self.by_hash.len() >= self.pruned_at.max(Self::LEAST_PRUNED) {
            self.by_hash.retain(|_, count| count.strong_count() > 0);
            self.pruned_at = 2 * self.by_hash.len();
        }
        let count = Arc::default();
        self.by_hash.insert(key.hash(), Arc::downgrade(&count));
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u32) -> Key {
        Key::from_hash(number.into())
    }

    #[test]
    fn every_watcher_of_a_key_learns_of_its_change() {
        let watches = Watches::default();
        let [first, second, other] =
            [&[1, 2][..], &[2], &[3]].map(|keys| watches.watch(keys.iter().copied().map(key)));
        watches.changed(key(2), || {});
        assert!(!first.stands() && !second.stands() && other.stands());
        let after = watches.watch([key(2)]);
        assert!(after.stands());
        watches.all_changed();
        assert!(!after.stands() && !other.stands());
    }

    #[test]
    fn what_nobody_watches_takes_no_room() {
        let watches = Watches::default();
        let held: Vec<Watched> = (0..100).map(|number| watches.watch([key(number)])).collect();
        for number in 100..100_000 {
            drop(watches.watch([key(number)]));
        }
        let known: usize = watches.0.iter().map(|shard| shard.lock().by_hash.len()).sum();
        assert!(known <= SHARDS * Shard::LEAST_PRUNED * 2, "{known} keys");
        watches.all_changed();
        assert!(held.iter().all(|watched| !watched.stands()), "what is watched stays");
    }
}
