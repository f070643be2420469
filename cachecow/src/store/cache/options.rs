//! What a `CacheDecorator` may be told.

use std::time::Duration;

/// What a [`CacheDecorator`](super::CacheDecorator) does when the cache errs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum OnCacheError {
    /// Reads go to the backing store. A change that took effect while the cache could not be told is
    /// [`NotInvalidated`](crate::ErrorKind::NotInvalidated).
    #[default]
    Report,
    /// Reads go to the backing store. A change succeeds if the backing store's did; that the cache
    /// could not be told is logged and retried in the background, and until then other processes
    /// may be served the old value, for its time to live at most.
    Tolerate,
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
