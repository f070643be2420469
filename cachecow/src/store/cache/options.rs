//! What a `CacheDecorator` may be told.

use std::time::Duration;

/// What a [`CacheDecorator`](super::CacheDecorator) does when the cache errs.
///
/// ```
/// use cachecow::store::OnCacheError;
/// use cachecow::{CacheCow, CacheDecorator, MemoryStore};
///
/// let store = CacheDecorator::new(CacheCow::memory(), MemoryStore::new()).on_cache_error(OnCacheError::Report);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnCacheError {
    /// Reads go to the backing store. A change succeeds if the backing store's did. That the cache
    /// could not be told is logged, counted (`stats().pending_invalidations`) and retried in the background; until then
    /// this process reads past the cache, and others may be served the old value, for its time to live at most.
    #[default]
    Tolerate,
    /// The same, but a change that took effect while the cache could not be told is the error
    /// [`NotInvalidated`](crate::ErrorKind::NotInvalidated).
    Report,
    /// The backing store must not bear what the cache keeps from it: reads are
    /// [`Unavailable`](crate::ErrorKind::Unavailable), and changes are not begun
    /// ([`HoldRefused`](crate::ErrorKind::HoldRefused)).
    Fail,
}

#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) name: String,
    /// `None`: the cache's default.
    pub(super) ttl: Option<Duration>,
    /// In bytes of the value; `None`: the cache's maximum.
    pub(super) max_value_size: Option<usize>,
    pub(super) on_cache_error: OnCacheError,
}
