//! Messages about changes in a cache.

use std::time::Duration;

use crate::key::Key;

/// A listener that keeps values outside the cache, and must hear when they change in the cache.
///
/// No method may block: the task that reads the connection calls them.
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
