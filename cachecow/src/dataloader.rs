//! Batches of a GraphQL request, read through the cache: [`Loader`] for async-graphql's `DataLoader`.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::dataloader;

use crate::cache::cow::CacheCow;
use crate::error::Error;
use crate::model::lookup::Lookup;

/// Loads the keys that a `DataLoader` of [`async_graphql`] has collected, with one
/// [`get_many`](crate::SharedView::get_many); what [`CacheCow::loader`] returns.
///
/// One loader serves all types and lookups of its context. A key is a lookup, wrapped in [`By`]:
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use async_graphql::dataloader::DataLoader;
/// use cachecow::dataloader::By;
/// use cachecow::{CacheCow, Cached};
///
/// # use std::sync::Arc;
/// # struct PgPool;
/// #[derive(Cached)]
/// #[cache(context = PgPool)]
/// #[cache(key = "user:{id}", fetch = User::find, fetch_many = User::find_many)]
/// struct User { id: i64 }
/// # impl User {
/// #     async fn find(_: &PgPool, id: i64) -> Result<User, std::io::Error> { Ok(User { id }) }
/// #     async fn find_many(_: &PgPool, ids: &[i64]) -> Result<Vec<User>, std::io::Error> {
/// #         Ok(ids.iter().map(|&id| User { id }).collect())
/// #     }
/// # }
///
/// let pool = Arc::new(PgPool);
/// let cow = CacheCow::memory();
/// let loader = DataLoader::new(cow.loader(&pool), tokio::spawn);
/// let user = loader.load_one(By(User::by_id(1))).await?;       // Option<Arc<User>>
/// # assert!(user.is_some());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Errors
///
/// If any fetch of a batch fails, all callers of the batch get its error. Objects that were fetched are cached.
///
/// # Consistency
///
/// As [`SharedView::get_many`](crate::SharedView::get_many). A `DataLoader` with a cache of its own (`with_cache`)
/// does not hear of invalidations: create one for each request, or use `DataLoader::new`, which has no cache.
///
/// async-graphql's feature `boxed-trait` changes the trait, and cannot be used with this one.
#[derive(Debug)]
pub struct Loader<C: ?Sized> {
    cow: CacheCow,
    context: Arc<C>,
}

/// Makes a lookup a key of a [`Loader`]: `By(User::by_id(1))`. A `DataLoader` loads equal keys of a batch once.
///
/// Two are equal, and have the same hash, if their lookups have the same key in the cache: the same template, with the same
/// parts. The fields of the lookup itself need not be equal, for example if one of them is normalized. `Debug` shows the name
/// of the lookup, and never its parts, which may be personal data.
///
/// [`Loader`] has an example.
#[derive(Clone)]
pub struct By<L>(pub L);

impl CacheCow {
    /// Returns a loader for async-graphql's `DataLoader`, which reads a batch of keys with one call. It reads as
    /// [`with_shared`](Self::with_shared) does, in the scope of this handle.
    pub fn loader<C: ?Sized>(&self, context: &Arc<C>) -> Loader<C> {
        Loader { cow: self.clone(), context: Arc::clone(context) }
    }
}

impl<L, C> dataloader::Loader<By<L>> for Loader<C>
where
    L: Lookup<Context = C> + Clone + 'static,
    C: ?Sized + Send + Sync + 'static,
{
    type Value = Arc<L::Object>;
    type Error = Error;

    async fn load(&self, keys: &[By<L>]) -> Result<HashMap<By<L>, Arc<L::Object>>, Error> {
        let lookups = keys.iter().map(|By(lookup)| lookup.clone());
        let objects = self.cow.with_shared(&self.context).get_many(lookups).await?;
        Ok(keys
            .iter()
            .cloned()
            .zip(objects)
            .filter_map(|(key, object)| Some((key, object?)))
            .collect())
    }
}

impl<L: Lookup> PartialEq for By<L> {
    fn eq(&self, other: &Self) -> bool {
        self.0.key().as_bytes() == other.0.key().as_bytes()
    }
}

impl<L: Lookup> Eq for By<L> {}

impl<L: Lookup> Hash for By<L> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key().as_bytes().hash(state);
    }
}

impl<L: Lookup> fmt::Debug for By<L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The lookup's parts may be personal data.
        f.debug_tuple("By").field(&L::NAME).finish()
    }
}
