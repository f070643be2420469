//! What an invalidation or a write is about: keys, and how long each has to settle.

use std::time::Duration;

use super::Engine;
use crate::key::Key;
use crate::model::cached::TypePolicy;
use crate::model::keys::CacheKeys;
use crate::protocol::{Command, Token};

/// A key to be invalidated, and for how long nothing is stored for it afterwards.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Invalidation {
    pub(crate) key: Key,
    /// Zero: not at all.
    pub(crate) settle: Duration,
}

impl Invalidation {
    /// The command that invalidates the key; `token` is fresh.
    pub(super) fn invalidation(&self, token: Token) -> Command {
        if self.settle.is_zero() {
            Command::Invalidate
        } else {
            // Never released: it ends by itself.
            Command::Hold { token, ttl: self.settle }
        }
    }
}

impl Engine {
    /// The keys, each once; of a key that is visited more than once the longest time counts.
    pub(crate) fn targets(&self, keys: &(impl CacheKeys + ?Sized)) -> Vec<Invalidation> {
        let mut targets = Vec::new();
        keys.each_key(&mut |key, policy| targets.push(self.target(key, policy)));
        targets.sort_unstable_by(|one, other| other.cmp(one));
        targets.dedup_by_key(|target| target.key);
        targets
    }

    /// A key of a type with this policy.
    pub(crate) fn target(&self, key: Key, policy: TypePolicy) -> Invalidation {
        Invalidation { key, settle: self.settle(policy) }
    }

    /// For how long after an invalidation nothing is stored for objects of such a type.
    pub(crate) fn settle(&self, policy: TypePolicy) -> Duration {
        policy.settle.unwrap_or(self.settings.settle).min(crate::engine::settings::LONGEST)
    }
}
