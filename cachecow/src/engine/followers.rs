//! The followers of change logs that feed one cache.

use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::key::Scope;
use crate::log::{FollowerStatus, SharedFollower};

/// Those that were started, as long as anyone uses them.
#[derive(Default)]
pub(crate) struct Followers(Mutex<Vec<Weak<SharedFollower>>>);

impl Followers {
    pub(crate) fn add(&self, follower: &Arc<SharedFollower>) {
        let mut followers = self.0.lock();
        followers.retain(|follower| follower.strong_count() > 0);
        followers.push(Arc::downgrade(follower));
    }

    /// Ends all of them.
    pub(super) fn end(&self) {
        self.all().for_each(|follower| follower.end());
    }

    /// Each by its name.
    pub(crate) fn statuses(&self) -> impl Iterator<Item = (String, FollowerStatus)> {
        self.all().map(|follower| (follower.name().to_owned(), follower.status()))
    }

    /// The only one that invalidates in this scope, if there is one.
    pub(crate) fn only(&self, scope: Scope) -> Option<Arc<SharedFollower>> {
        let mut all = self.all().filter(|follower| follower.scope() == scope);
        all.next().filter(|_| all.next().is_none())
    }

    fn all(&self) -> impl Iterator<Item = Arc<SharedFollower>> + use<> {
        let followers: Vec<_> = self.0.lock().iter().filter_map(Weak::upgrade).collect();
        followers.into_iter()
    }
}
