//! Reads of objects that carry tags.

use super::Engine;
use crate::key::Key;
use crate::model::cached::Cached;
use crate::model::tag::Tag;
use crate::protocol::ReadMachine;
use crate::stats::TypeState;

impl Engine {
    /// A read of an object of this type, not begun: past the cache, if it missed an invalidation of
    /// the key or of any tag of the type.
    pub(crate) fn read_of<T: Cached>(&self, key: Key, state: &TypeState) -> ReadMachine {
        if T::TAGGED && self.pending.contains_any(|| Tag::<T>::guard()) {
            return ReadMachine::past_the_cache(self.policy(state.first_command()));
        }
        self.read(key, state)
    }
}
