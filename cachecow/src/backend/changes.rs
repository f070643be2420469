//! News of what changed in a cache.

use std::time::Duration;

use crate::key::Key;

/// Whoever keeps values outside of the cache, and has to hear when they change there.
///
/// No call may block: it comes from the task that reads the connection.
pub trait ChangeListener: Send + Sync + 'static {
    /// The key's value, or the epoch of this key, may have changed, or be gone.
    fn changed(&self, key: Key);

    /// Any value and any epoch may have changed, or be gone.
    fn all_changed(&self);

    /// Every change until now was told, and every further one will have been told this time from
    /// now, or [`lost`](Self::lost) is called.
    fn current_for(&self, time: Duration);

    /// Changes may have been missed, and may be, until [`current_for`](Self::current_for) is called
    /// again.
    fn lost(&self);

    /// There is nobody any more who would tell, since the runtime is gone: whoever still wants to
    /// hear has to ask again.
    fn ended(&self);
}
