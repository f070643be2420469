//! The followers of change logs that feed one cache.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::pending::PendingInvalidations;
use crate::key::{Key, Scope};
use crate::log::{Condition, FollowerStatus, SharedFollower};

/// Those that were started, as long as anyone uses them.
#[derive(Default)]
pub(crate) struct Followers {
    all: Mutex<Vec<Weak<SharedFollower>>>,
    /// What followers that ended while they were behind have reads go past the cache for.
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

    /// A follower ended, and reads of the types with these guards stay past the cache, each once.
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

    /// A follower of this name and scope has caught up, for the types with these guards.
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

    /// What each tells of itself, by its name.
    pub(crate) fn statuses(&self) -> BTreeMap<String, FollowerStatus> {
        self.named().map(|(name, follower)| (name, follower.status())).collect()
    }

    /// Each one's condition, by its name.
    pub(crate) fn conditions(&self) -> impl Iterator<Item = (String, Condition)> {
        self.named().map(|(name, follower)| (name, follower.condition()))
    }

    /// The only one that invalidates in this scope, if there is one.
    pub(crate) fn only(&self, scope: Scope) -> Option<Arc<SharedFollower>> {
        let mut all = self.all().filter(|follower| follower.scope() == scope);
        all.next().filter(|_| all.next().is_none())
    }

    /// Each by its name; of those of one name, as of several scopes, the later ones with a number.
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
