//! The followers of change logs that feed one cache.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::pending::PendingInvalidations;
use crate::key::{Key, Scope};
use crate::log::{Condition, FollowerStatus, SharedFollower};

/// The started followers, as long as anyone uses them.
#[derive(Default)]
pub(crate) struct Followers {
    all: Mutex<Vec<Weak<SharedFollower>>>,
    /// Types whose reads bypass the cache, because their follower ended while it was behind.
    left: Mutex<Vec<Left>>,
}

/// One guard of a type, and the follower's name and scope.
#[derive(PartialEq, Eq)]
struct Left {
    name: String,
    scope: Scope,
    guard: Key,
}

impl Followers {
    pub(crate) fn add(&self, follower: &Arc<SharedFollower>) {
        let mut followers = self.all.lock();
        followers.retain(|follower| follower.strong_count() > 0);
        followers.push(Arc::downgrade(follower));
    }

    /// Notes that a follower ended, and that reads of the types with these guards keep bypassing the cache.
    pub(crate) fn leave(
        &self,
        name: &str,
        scope: Scope,
        guards: &[Key],
        pending: &PendingInvalidations,
    ) {
        let mut all = self.left.lock();
        for &guard in guards {
            let left = Left { name: name.to_owned(), scope, guard };
            if all.contains(&left) {
                pending.read_again(&[guard]);
            } else {
                all.push(left);
            }
        }
    }

    /// Notes that a follower with this name and scope has caught up, for the types with these guards.
    pub(crate) fn take_up(
        &self,
        name: &str,
        scope: Scope,
        guards: &[Key],
        pending: &PendingInvalidations,
    ) {
        self.left.lock().retain(|left| {
            let is_taken = left.name == name && left.scope == scope && guards.contains(&left.guard);
            if is_taken {
                pending.read_again(&[left.guard]);
            }
            !is_taken
        });
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        self.all().for_each(|follower| follower.end());
    }

    /// The status of each, by name.
    pub(crate) fn statuses(&self) -> BTreeMap<String, FollowerStatus> {
        self.named().map(|(name, follower)| (name, follower.status())).collect()
    }

    /// The condition of each, by name.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (String, Condition)> {
        self.named().map(|(name, follower)| (name, follower.condition()))
    }

    /// The follower that invalidates in this scope, if there is exactly one. One that was stopped counts only if there is no
    /// other: somebody may keep its handle.
    pub(crate) fn only(&self, scope: Scope) -> Option<Arc<SharedFollower>> {
        let all = self.all().filter(|follower| follower.scope() == scope);
        let (stopped, running): (Vec<_>, Vec<_>) = all.partition(|follower| follower.is_stopped());
        let mut all = if running.is_empty() { stopped } else { running }.into_iter();
        all.next().filter(|_| all.next().is_none())
    }

    /// Each with its name. If several have the same name (in several scopes, for example), the later ones get a
    /// number.
    fn named(&self) -> impl Iterator<Item = (String, Arc<SharedFollower>)> + use<> {
        let mut taken = HashSet::new();
        self.all().filter_map(move |follower| {
            let name = follower.name();
            let numbered = (2..).map(|number: u32| format!("{name} ({number})"));
            let mut names = std::iter::once(name.to_owned()).chain(numbered);
            let free = names.find(|name| taken.insert(name.clone()))?;
            Some((free, follower))
        })
    }

    fn all(&self) -> impl Iterator<Item = Arc<SharedFollower>> + use<> {
        let followers: Vec<_> = self.all.lock().iter().filter_map(Weak::upgrade).collect();
        followers.into_iter()
    }
}
