//! Reading through the cache.

use std::sync::Arc;

use bytes::Bytes;

use crate::cache::read::{Read, Source};
use crate::engine::batch;
use crate::engine::{self, Engine, TypedLoader, Unfinished, judge, keeping, loaded, typed};
use crate::error::Error;
use crate::model::cached::Cached as _;
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::near::Near;
use crate::protocol::{Fill, Outcome};
use crate::stats::TypeState;

/// A [`CacheCow`](crate::CacheCow) together with what the fetch functions need.
#[derive(Debug)]
pub struct View<'a, C: ?Sized> {
    engine: &'a Arc<Engine>,
    context: &'a C,
    past_near: bool,
}

impl<'a, C: ?Sized> View<'a, C> {
    pub(crate) fn new(engine: &'a Arc<Engine>, context: &'a C) -> Self {
        Self { engine, context, past_near: false }
    }

    /// The same view, whose reads make no use of this process's memory: what they return is no older
    /// than the cache.
    #[must_use]
    pub fn past_near(self) -> Self {
        Self { past_near: true, ..self }
    }

    /// The near tier, if this view's reads may use it; those by an alias do not.
    #[inline]
    fn near<L: Lookup>(&self) -> Option<&'a Near> {
        if L::ALIAS || self.past_near { None } else { self.engine.near::<L::Object>() }
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
    /// over. Where its runtime ends with it, a thread does so on a connection that it makes. The
    /// last clone of the cache waits for that thread when it is dropped: a fifth of a second, and for as
    /// long as two operations may take where the cache does not answer. Where the process ends before, or the cache cannot be reached, the claim ends with its
    /// lease: until then other processes fetch the object and do not store it.
    ///
    /// A read that is kept and not polled any more, as beside a slow branch of a `select!`, holds callers
    /// of the same key up for [`load_wait`](crate::Builder::load_wait) at the most.
    ///
    /// # Round trips
    ///
    /// A hit one. A miss two, or three while most reads of the type are hits. Of a type with tags, a
    /// hit takes one more, for the epochs of its tags, and a miss two more.
    ///
    /// By an alias a hit takes two, one for the pointer and one for the object. A miss takes four, or
    /// five while most reads are hits, and calls the fetch function twice, or once if the object is
    /// cached under its primary key: what was fetched before that key was claimed is not stored.
    /// Where the pointer is there and the object is not, one call and up to six round trips. Reads by
    /// an alias make no use of this process's memory.
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
        let read = self.read_unaudited(&lookup).await?;
        if matches!(read.source, Source::Near | Source::Cache) {
            self.engine.sample(&lookup, read.value.as_ref());
        }
        Ok(read)
    }

    /// [`read`](Self::read), for the auditor, who does not look into what it looks at itself.
    pub(crate) async fn read_unaudited<L: Lookup<Context = C>>(
        self,
        lookup: &L,
    ) -> Result<Read<L::Object>, Error> {
        match self.look_near(lookup) {
            Some(read) => Ok(read),
            // Not boxed: that costs a hit of the cache a tenth, and would spare a near hit next to nothing.
            None => self.look(lookup).await,
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
        let near = self.near::<L>();
        Box::pin(batch::get_many(self.engine, near, self.context, &lookups)).await
    }

    /// What is in this process's memory.
    #[inline]
    fn look_near<L: Lookup<Context = C>>(self, lookup: &L) -> Option<Read<L::Object>> {
        let near = self.near::<L>()?;
        let parts = lookup.key();
        let key = parts.key();
        // First: what a later success of the retry drops must not have been taken before.
        if self.engine.pending.contains(key) {
            return None;
        }
        let read = near.get::<L>(key, &parts)?;
        self.engine.types.of::<L::Object>().near_hits(1);
        Some(read)
    }

    /// What is in the cache, or else in the backing store.
    async fn look<L: Lookup<Context = C>>(self, lookup: &L) -> Result<Read<L::Object>, Error> {
        let engine = self.engine;
        let state = engine.types.of::<L::Object>();
        let parts = lookup.key();
        let key = parts.key();
        if L::Object::TAGGED {
            let read = engine.read_of::<L::Object>(key, state).into();
            return Box::pin(load(engine, self.context, state, None, lookup, read)).await;
        }
        if L::ALIAS {
            return Box::pin(read_by_alias(engine, self.context, state, lookup)).await;
        }
        let near = self.near::<L>();
        let mark = near.and_then(|near| near.mark(key));
        let judge = |document: &Bytes| {
            judge(engine, state, lookup, document).map(|object| {
                let keeping = mark.map(|mark| keeping(engine, mark, object.as_ref(), document));
                (object, keeping)
            })
        };
        let load = match engine.look(key, state, judge).await {
            Ok((object, keeping)) => {
                let object = object.map(Arc::new);
                if let (Some(near), Some(keeping)) = (near, keeping) {
                    near.keep(key, &parts, object.as_ref(), keeping);
                }
                return Ok(Read::new(object, Source::Cache, Fill::Skipped));
            }
            // Boxed, and nothing else kept meanwhile, so that the future of a hit stays small.
            Err(unfinished) => {
                let unfinished = unfinished.map(|(object, _)| loaded(object));
                Box::pin(load(engine, self.context, state, near, lookup, unfinished))
            }
        };
        load.await
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
        Err(read) => load(engine, context, state, None, lookup, read.map(loaded)).await,
    }
}

/// A read that is no plain hit.
async fn load<L: Lookup>(
    engine: &Arc<Engine>,
    context: &L::Context,
    state: &TypeState,
    near: Option<&Near>,
    lookup: &L,
    unfinished: Unfinished<Loaded>,
) -> Result<Read<L::Object>, Error> {
    let loader = TypedLoader::one(engine, state, context, near, lookup);
    let ended = engine::run(engine, loader, vec![unfinished]).await.pop();
    let (object, outcome) = ended.expect("one read in, one read out")?;
    let (source, fill) = match outcome {
        Outcome::Hit => (Source::Cache, Fill::Skipped),
        Outcome::Shared(fill) | Outcome::Fetched(fill) => (Source::Fetched, fill),
        Outcome::Stale => (Source::Stale, Fill::Skipped),
        Outcome::Failed => unreachable!("a failed read ends with its error"),
    };
    Ok(Read::new(object.map(typed::<L>), source, fill))
}
