//! Removes what has run out, now and then.

use crate::key::KeyMap;

/// The first time when there are this many, and at every doubling of what is left.
pub(super) const FIRST: usize = 1024;

/// When a map is swept next.
#[derive(Default)]
pub(super) struct Sweep {
    at: usize,
}

impl Sweep {
    /// Before something is added: sweeps the map, if it is time.
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

/// After something was removed: gives memory back once the map is nearly empty.
pub(super) fn after_removing<V>(map: &mut KeyMap<V>) {
    // Half full afterwards, so that it takes as many changes again until the next time.
    if map.capacity() > FIRST && map.len() < map.capacity() / 8 {
        map.shrink_to(map.len() * 2);
    }
}
