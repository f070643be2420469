//! What reads do while a follower is behind.

use std::sync::Arc;
use std::time::Duration;

use super::follow::OnLag;
use super::mapping::FollowedTable;
use crate::engine::Engine;
use crate::key::{Key, Scope};
use crate::model::keys::KeySet;

/// When a follower counts as behind, and what reads of its types do then.
pub(super) struct LagPolicy {
    engine: Arc<Engine>,
    pub(super) limit: Duration,
    pub(super) on_lag: OnLag,
    scope: Scope,
    name: String,
    /// The guards that make reads of the types bypass the cache.
    guards: Vec<Key>,
    /// Whether reads bypass the cache, because of this follower.
    past: bool,
}

impl LagPolicy {
    pub(super) fn new(
        engine: Arc<Engine>,
        (limit, on_lag): (Duration, OnLag),
        (scope, name): (Scope, &str),
        tables: &[FollowedTable],
    ) -> Self {
        let mut set = KeySet::default();
        tables.iter().for_each(|table| table.add_all(&mut set));
        let mut guards: Vec<Key> = set.epochs().map(|epoch| scope.key(epoch)).collect();
        guards.sort_unstable();
        guards.dedup();
        Self { engine, limit, on_lag, scope, name: name.to_owned(), guards, past: false }
    }

    /// Notes whether the cache may be behind.
    pub(super) fn judge(&mut self, may_be_behind: bool) {
        if may_be_behind {
            self.read_past();
            return;
        }
        self.read_again();
        // Takes over from earlier followers that ended while they were behind: this one has seen their missing
        // changes.
        self.engine.followers.take_up(&self.name, self.scope, &self.guards, &self.engine.pending);
    }

    /// Called when the follower has ended, and nobody watches its lag any more. `is_behind`: it is behind, or it
    /// ended by itself.
    pub(super) fn end(&mut self, is_behind: bool) {
        if is_behind {
            self.read_past();
        }
        if !self.past {
            return;
        }
        if is_behind {
            self.past = false;
            let (followers, pending) = (&self.engine.followers, &self.engine.pending);
            followers.leave(&self.name, self.scope, &self.guards, pending);
        } else {
            self.read_again();
        }
    }

    fn read_past(&mut self) {
        if self.on_lag == OnLag::ReadPast && !self.past {
            self.past = true;
            self.engine.pending.read_past(&self.guards);
            // Reads that bypass the cache keep nothing in the near tier.
            self.engine.forget_all_near();
        }
    }

    fn read_again(&mut self) {
        if std::mem::take(&mut self.past) {
            self.engine.pending.read_again(&self.guards);
        }
    }
}
