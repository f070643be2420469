//! When a value that was read from the cache may be kept outside of it.

/// How many changes to some keys are known.
///
/// A reader takes a [`Mark`] before it asks the cache, and what it got is served from memory only while
/// nothing has changed since. So no news is missed, whichever of the two comes first: the news of a
/// change, or the answer that was read before it.
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

/// What was known of all keys that a value depends on, before the cache was asked for the first of them.
///
/// A value that was found through a pointer depends on the pointer's key and on the primary key; one with
/// tags on those as well.
///
/// [`Changes`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark(u64);

impl Changes {
    /// So many.
    pub fn counted(count: u64) -> Self {
        Self(count)
    }

    /// One of the keys may have changed.
    pub fn on_change(&mut self) {
        self.0 += 1;
    }

    /// Before the cache is asked for these keys alone.
    pub fn mark(self) -> Mark {
        Mark::of([self])
    }

    /// Whether what was read after the mark may be served.
    pub fn allow(self, mark: Mark) -> bool {
        mark.stands([self])
    }
}

impl Mark {
    /// Before the cache is asked for any of the keys that these changes are of.
    pub fn of(changes: impl IntoIterator<Item = Changes>) -> Self {
        Self(changes.into_iter().map(|Changes(count)| count).fold(0, u64::wrapping_add))
    }

    /// Whether none of the keys has changed since. They are the same keys.
    pub fn stands(self, changes: impl IntoIterator<Item = Changes>) -> bool {
        // Each count only grows, so that the sum is the same only if each of them is.
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
