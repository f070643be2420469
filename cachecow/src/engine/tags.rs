//! Reads of objects that carry tags.

use super::Engine;
use crate::key::{Key, Scope};
use crate::model::lookup::Lookup;
use crate::protocol::ReadMachine;
use crate::stats::TypeState;

impl Engine {
    /// A read by this lookup, not begun. It bypasses the cache if an invalidation of the key, or of a tag that the
    /// object may carry, is outstanding.
    pub(crate) fn read_of<L: Lookup>(
        &self,
        scope: Scope,
        lookup: &L,
        key: Key,
        state: &TypeState,
    ) -> ReadMachine {
        if self.owes_tags(scope, lookup) {
            return ReadMachine::past_the_cache(self.policy(state.first_command()));
        }
        self.read(key, state)
    }

    /// Whether an invalidation is outstanding of a tag that the object of this lookup may carry.
    #[inline]
    pub(crate) fn owes_tags<L: Lookup>(&self, scope: Scope, lookup: &L) -> bool {
        if !L::TAGGED || self.pending.is_clear() {
            return false;
        }
        let mut owes = false;
        lookup.each_guard(&mut |guard| owes |= self.pending.contains(scope.key(guard)));
        owes
    }
}
