//! What a `CacheDecorator` caches in.

use std::fmt;

use super::StoreBackend;
use crate::CacheCow;
use crate::store::KeyValueStore;

/// What a [`CacheDecorator`](super::CacheDecorator) caches in: a [`CacheCow`], or any
/// [`KeyValueStore`].
///
/// # Consistency
///
/// A `CacheCow` on Redis, or a `RedisStore`, keeps the fence across processes. With any other store
/// the fence is this process's; clone the decorator's cache, or share the decorator, to keep it
/// between several places of the process.
#[derive(Clone)]
pub struct DecoratorCache {
    pub(super) cow: CacheCow,
    pub(super) label: String,
}

impl From<CacheCow> for DecoratorCache {
    fn from(cow: CacheCow) -> Self {
        let label = cow.engine.settings.label.to_owned();
        Self { cow, label }
    }
}

impl From<&CacheCow> for DecoratorCache {
    fn from(cow: &CacheCow) -> Self {
        cow.clone().into()
    }
}

/// # Panics
///
/// If the operating system gives no random numbers.
impl<S: KeyValueStore + 'static> From<S> for DecoratorCache {
    fn from(store: S) -> Self {
        let label = store.to_string();
        let cow = CacheCow::builder().backend(StoreBackend::new(store));
        Self { cow: cow.expect("the default settings are valid"), label }
    }
}

impl fmt::Debug for DecoratorCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cow.fmt(f)
    }
}
