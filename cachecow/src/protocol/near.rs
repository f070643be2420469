//! When a value that was read from the cache may be kept outside of it.

/// What is known of the changes to some keys: how many there were.
///
/// A reader takes a [`Mark`] before it asks the cache, and keeps what it got only if nothing changed
/// since. News of a change that comes between the reading and the keeping is thus not missed, whichever
/// of the two the reader's process hears of first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub struct Changes(u64);

/// How many changes were known before a read.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Mark(u64);

impl Changes {
    /// Before the cache is asked.
    pub fn mark(self) -> Mark {
        Mark(self.0)
    }

    /// One of the keys may have changed.
    pub fn on_change(&mut self) {
        self.0 += 1;
    }

    /// Whether what was read after the mark may be kept.
    pub fn allow(self, mark: Mark) -> bool {
        self.0 == mark.0
    }
}
