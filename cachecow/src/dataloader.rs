//! Batches of a GraphQL request, read through the cache: [`Loader`] for async-graphql's `DataLoader`.

use std::collections::HashMap;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use async_graphql::dataloader;

use crate::cache::cow::CacheCow;
use crate::error::Error;
use crate::model::lookup::Lookup;

/// Loads what a `DataLoader` of [`async_graphql`] has collected by one [`get_many`](crate::SharedView::get_many); made by
/// [`CacheCow::loader`].
///
/// One loader serves all types and lookups of its context. What is asked for is a lookup in [`By`]:
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
/// Of a batch in which any fetch failed, all callers are given that error. The objects that were fetched are cached.
///
/// # Consistency
///
/// As of [`SharedView::get_many`](crate::SharedView::get_many). A `DataLoader` with a cache of its own (`with_cache`) hears of no
/// invalidation: make one for each request, as `DataLoader::new` does without a cache.
///
/// async-graphql's feature `boxed-trait` changes the trait, and cannot be used with this one.
#[derive(Debug)]
pub struct Loader<C: ?Sized> {
    cow: CacheCow,
    context: Arc<C>,
}

/// A lookup that a [`Loader`] is asked for; the same as another if it asks for the same.
///
/// [`Loader`] has an example.
#[derive(Clone)]
pub struct By<L>(pub L);

impl CacheCow {
    /// A loader for async-graphql's `DataLoader`, which reads as [`with_shared`](Self::with_shared) does.
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
