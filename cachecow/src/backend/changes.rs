//! News of what changed in a cache.

use std::time::Duration;

use crate::key::Key;

/// Whoever keeps values outside of the cache, and has to hear when they change there.
///
/// No call may block: it comes from the task that reads the connection.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::sync::{Arc, Mutex};
/// use std::time::Duration;
/// use cachecow::protocol::Command;
/// use cachecow::{CacheBackend, ChangeListener, Key, MemoryBackend, Request};
///
/// /// What a copy of the cache has to forget.
/// #[derive(Default)]
/// struct Changed(Mutex<Vec<Key>>);
///
/// impl ChangeListener for Changed {
///     fn changed(&self, key: Key) {
///         self.0.lock().unwrap().push(key);
///     }
///     // A copy is emptied in these cases, and not served after the time of `current_for`.
///     fn all_changed(&self) {}
///     fn current_for(&self, _: Duration) {}
///     fn lost(&self) {}
///     fn ended(&self) {}
/// }
///
/// let (backend, key) = (MemoryBackend::default(), Key::of("user:{}", (42,)).key());
/// let changed = Arc::new(Changed::default());
/// let listener: Arc<dyn ChangeListener> = changed.clone();
/// backend.follow(Arc::downgrade(&listener), Duration::from_secs(1));
/// backend.execute(vec![Request { key, command: Command::Invalidate }]).await;
/// assert!(changed.0.lock().unwrap().contains(&key));
/// # Ok(())
/// # }
/// ```
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
