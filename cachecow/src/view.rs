//! Reading through the cache.

use std::sync::Arc;

use bytes::Bytes;

use crate::Error;
use crate::batch;
use crate::engine::{self, Engine, TypedLoader, Unfinished, judge, loaded, typed};
use crate::lookup::Lookup;
use crate::protocol::{Fill, Outcome};
use crate::read::{Read, Source};
use crate::stats::TypeState;

/// A [`CacheCow`](crate::CacheCow) together with what the fetch functions need.
#[derive(Debug)]
pub struct View<'a, C: ?Sized> {
    engine: &'a Arc<Engine>,
    context: &'a C,
}

impl<'a, C: ?Sized> View<'a, C> {
    pub(crate) fn new(engine: &'a Arc<Engine>, context: &'a C) -> Self {
        Self { engine, context }
    }
}

impl<C: ?Sized> Clone for View<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for View<'_, C> {}

// By value: a view is two references, and `join!(cow.with(&db).get(a), …)` would otherwise borrow
// from a temporary.
impl<C: ?Sized + Sync> View<'_, C> {
    /// The object, from the cache or else from the backing store; `None` if there is none.
    ///
    /// Callers of one process that ask for the same object at the same time share one fetch, and of
    /// several processes one fills the cache.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the fetch function's own error: nothing is cached. The cache
    /// itself is never the reason for an error.
    ///
    /// # Cancellation
    ///
    /// A dropped read gives its claim back at once, and another caller that shared its fetch takes
    /// over.
    ///
    /// # Round trips
    ///
    /// A hit one. A miss two, or three while most reads of the type are hits.
    ///
    /// By an alias a hit takes two, the pointer and the object. A miss takes four, or five while most
    /// reads are hits, and calls the fetch function twice unless the object is in the cache under its
    /// primary key: what was fetched before that key was known to be claimed is not stored. Where only
    /// the object is missing and not the pointer, one call and up to six round trips.
    pub async fn get<L: Lookup<Context = C>>(
        self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        Ok(self.read(lookup).await?.value)
    }

    /// [`get`](Self::get), and how the object was had.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch).
    pub async fn read<L: Lookup<Context = C>>(self, lookup: L) -> Result<Read<L::Object>, Error> {
        let engine = self.engine;
        let state = engine.types.of::<L::Object>();
        if L::ALIAS {
            // Boxed, so that the future of a hit by the primary key stays small.
            return Box::pin(read_by_alias(engine, self.context, state, &lookup)).await;
        }
        let key = lookup.key().key();
        let judge = |document: &Bytes| judge(engine, state, &lookup, document);
        match engine.look(key, state, judge).await {
            Ok(object) => Ok(Read::new(object.map(Arc::new), Source::Cache, Fill::Skipped)),
            // Boxed, so that the future of a hit stays small.
            Err(read) => Box::pin(load(engine, self.context, state, &lookup, read)).await,
        }
    }

    /// The objects, in the order asked for, each as often as asked for; `None` for those that do
    /// not exist.
    ///
    /// What the cache lacks is fetched by one call of `fetch_many`, or by calls of `fetch`, a
    /// bounded number at a time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), if any fetch failed; the objects that were fetched are cached all the
    /// same.
    ///
    /// # Round trips
    ///
    /// As [`get`](Self::get), for any number of objects. (A pipeline carries commands of up to 512
    /// keys.)
    pub async fn get_many<L: Lookup<Context = C>>(
        self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        let lookups: Vec<L> = lookups.into_iter().collect();
        Box::pin(batch::get_many(self.engine, self.context, &lookups)).await
    }
}

async fn read_by_alias<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
    lookup: &L,
) -> Result<Read<L::Object>, Error> {
    match engine::look(engine, state, lookup).await {
        Ok(object) => Ok(Read::new(object.map(Arc::new), Source::Cache, Fill::Skipped)),
        Err(read) => load(engine, context, state, lookup, read).await,
    }
}

/// A read that is no plain hit.
async fn load<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
    lookup: &L,
    read: Unfinished<Option<L::Object>>,
) -> Result<Read<L::Object>, Error> {
    let loader = TypedLoader::one(engine, state, context, lookup);
    let ended = engine::run(engine, loader, vec![read.map(loaded)]).await.pop();
    let (object, outcome) = ended.expect("one read in, one read out")?;
    let (source, fill) = match outcome {
        Outcome::Hit => (Source::Cache, Fill::Skipped),
        Outcome::Shared(fill) | Outcome::Fetched(fill) => (Source::Fetched, fill),
        Outcome::Stale => (Source::Stale, Fill::Skipped),
        Outcome::Failed => unreachable!("a failed read ends with its error"),
    };
    Ok(Read::new(object.map(typed::<L>), source, fill))
}
