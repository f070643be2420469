//! Removes expired entries from time to time.

use crate::key::KeyMap;

/// The first sweep is at this number of entries, the next ones whenever the rest has doubled.
pub(super) const FIRST: usize = 1024;

/// The size at which a map is swept next.
#[derive(Default)]
pub(super) struct Sweep {
    at: usize,
}

impl Sweep {
    /// Called before something is added: sweeps the map, if it is time.
    pub(super) fn before_adding<V>(
        &mut self,
        map: &mut KeyMap<V>,
        mut stands: impl FnMut(&V) -> bool,
    ) {
        if map.len() >= self.at.max(FIRST) {
            map.retain(|_, value| stands(value));
            self.at = map.len() * 2;
        }
    }
}

/// Called after something was removed: frees memory when the map is nearly empty.
pub(super) fn after_removing<V>(map: &mut KeyMap<V>) {
    // Half full afterwards, so that the next resize takes many changes again.
    if map.capacity() > FIRST && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}
