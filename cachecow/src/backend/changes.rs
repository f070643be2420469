//! Messages about changes in a cache.

use std::time::Duration;

use crate::key::Key;

/// A listener that keeps values outside the cache, and must hear when they change in the cache.
///
/// No method may block: the task that reads the connection calls them.
pub trait ChangeListener: Send + Sync + 'static {
    /// The value or the epoch of this key may have changed or may be gone.
    fn changed(&self, key: Key);

    /// Any value and any epoch may have changed or may be gone.
    fn all_changed(&self);

    /// All changes until now have been reported. All changes of the next `time` will have been
    /// reported when it has passed, or [`lost`](Self::lost) is called.
    fn current_for(&self, time: Duration);

    /// Changes may have been missed, and may still be missed until
    /// [`current_for`](Self::current_for) is called again.
    fn lost(&self);

    /// No more changes are reported, because the runtime is gone. To hear of changes again, call
    /// [`follow`](super::CacheBackend::follow) again.
    fn ended(&self);
}
