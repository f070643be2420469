//! The cache of a `CacheDecorator`.

#[cfg(feature = "redis")]
use std::any::Any;
use std::fmt;
#[cfg(feature = "redis")]
use std::sync::Arc;
use std::time::Duration;

use super::StoreBackend;
use crate::backend::CacheBackend;
#[cfg(feature = "redis")]
use crate::backend::RedisBackend;
use crate::cache::builder::Builder;
use crate::cache::cow::CacheCow;
use crate::store::KeyValueStore;
#[cfg(feature = "redis")]
use crate::store::RedisStore;

/// How long one operation of a store other than Redis may take; it may be a disk, or far away.
const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// The cache of a [`CacheDecorator`](super::CacheDecorator): a [`CacheCow`], or any
/// [`KeyValueStore`], with a timeout of 5 s for each operation, or of 500 ms for a `RedisStore`. For other settings, make a
/// `CacheCow` on Redis or on a [`StoreBackend`]; for a Redis cluster, make one, too.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::sync::Arc;
/// use cachecow::store::{DecoratorCache, Prefix};
/// use cachecow::{CacheDecorator, KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let (cache, store) = (DecoratorCache::from(MemoryStore::new()), Arc::new(MemoryStore::new()));
/// // Two parts of one store: a change through either decorator is fenced against reads through the other.
/// let users = CacheDecorator::new(cache.clone(), Prefix::new(Arc::clone(&store), "users.")?);
/// let all = CacheDecorator::new(cache, store);
/// users.put("ann", "old").await?;
/// all.get("users.ann").await?;
/// users.put("ann", "new").await?;
/// assert_eq!(all.get("users.ann").await?, "new");
/// # Ok(())
/// # }
/// ```
///
/// # Consistency
///
/// With a `CacheCow` on Redis, or a `RedisStore` itself, the fence works across processes. With any other store
/// (including a `RedisStore` behind a pointer or in a wrapper), the fence belongs to the `DecoratorCache` and its
/// clones: pass a clone of one `DecoratorCache` to every decorator of this process that caches in the same store.
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
/// If the operating system cannot provide random numbers.
impl<S: KeyValueStore + 'static> From<S> for DecoratorCache {
    fn from(store: S) -> Self {
        let label = store.to_string();
        #[cfg(feature = "redis")]
        if let Some(store) = (&store as &dyn Any).downcast_ref::<RedisStore>() {
            // Redis can store the flags as well.
            let backend = RedisBackend::on(Arc::clone(store.link()), store.prefix().to_owned());
            return Self { cow: opened(CacheCow::builder(), backend), label };
        }
        let patient = CacheCow::builder().operation_timeout(STORE_TIMEOUT);
        Self { cow: opened(patient, StoreBackend::new(store)), label }
    }
}

fn opened(builder: Builder, backend: impl CacheBackend) -> CacheCow {
    builder.backend(backend).expect("these settings are valid")
}

impl fmt::Debug for DecoratorCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cow.fmt(f)
    }
}
