//! The options of a `CacheDecorator`.

use std::time::Duration;

/// What a [`CacheDecorator`](super::CacheDecorator) does when the cache fails.
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
    /// Reads go to the backing store. A change succeeds if the backing store succeeds. A failed invalidation is
    /// logged, counted (`stats().pending_invalidations`) and retried in the background. Until a retry succeeds,
    /// reads in this process bypass the cache, and other processes may be served the old value, for its time to
    /// live at most.
    #[default]
    Tolerate,
    /// The same, but if a change took effect and the cache did not confirm the invalidation, the
    /// change returns the error [`NotInvalidated`](crate::ErrorKind::NotInvalidated).
    Report,
    /// Protects the backing store from the load without a cache: reads return
    /// [`Unavailable`](crate::ErrorKind::Unavailable), and changes do not begin
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
