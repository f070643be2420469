//! When a value that was read from the cache may be kept in memory.

/// The number of known changes to some keys.
///
/// A reader takes a [`Mark`] before it asks the cache. The value that it gets is served from memory only while the
/// count is the same as at the mark. So no change is missed, whether the message about the change arrives before or
/// after the older value.
///
/// ```
/// use cachecow::protocol::{Changes, Mark};
///
/// let (mut of_alias, mut of_primary) = (Changes::default(), Changes::default());
/// let mark = Mark::of([of_alias, of_primary]);            // before the cache is asked
/// assert!(mark.stands([of_alias, of_primary]));           // what was read may be served from memory
/// of_primary.on_change();
/// assert!(!mark.stands([of_alias, of_primary]));
/// # of_alias.on_change();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Changes(u64);

/// The counts of all keys that a value depends on, taken before the cache was asked for the first of them.
///
/// A value that was found through a pointer depends on the pointer's key and on the primary key. A value with tags
/// also depends on their epochs.
///
/// [`Changes`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark(u64);

impl Changes {
    /// Makes a count.
    pub fn counted(count: u64) -> Self {
        Self(count)
    }

    /// Notes that one of the keys may have changed.
    pub fn on_change(&mut self) {
        self.0 += 1;
    }

    /// Takes a mark, before the cache is asked for these keys only.
    pub fn mark(self) -> Mark {
        Mark::of([self])
    }

    /// Returns whether a value that was read after the mark may be served.
    pub fn allow(self, mark: Mark) -> bool {
        mark.stands([self])
    }
}

impl Mark {
    /// Takes a mark, before the cache is asked for any of the keys of these counts.
    pub fn of(changes: impl IntoIterator<Item = Changes>) -> Self {
        Self(changes.into_iter().map(|Changes(count)| count).fold(0, u64::wrapping_add))
    }

    /// Returns whether none of the keys has changed since. Pass the counts of the same keys.
    pub fn stands(self, changes: impl IntoIterator<Item = Changes>) -> bool {
        // Each count only grows, so the sums are equal only if all counts are.
        Self::of(changes) == self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_stands_until_any_of_its_keys_changes() {
        let mut keys = [Changes::counted(3), Changes::default()];
        let mark = Mark::of(keys);
        assert!(mark.stands(keys));
        keys[1].on_change();
        assert!(!mark.stands(keys));
        assert!(Mark::of(keys).stands(keys));
    }
}
