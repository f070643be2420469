//! Reads that go on without the borrows of their callers.

use std::sync::Arc;

use super::batch::{self, Left};
use super::query::ObjectQuery;
use super::{LoadOptions, Reads, TypedLoader, Unfinished};
use crate::backend::Place;
use crate::engine::Engine;
use crate::engine::background::Attendance;
use crate::error::Error;
use crate::key::{Key, KeyEncoder, Scope};
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::near::Watched;
use crate::protocol::{Outcome, PointerHint};
use crate::stats::TypeState;

use super::primary::Primary;

/// A query without its lookup.
pub(crate) struct DetachedQuery {
    key: Key,
    scope: Scope,
    parts: KeyEncoder,
    keeps_near: bool,
    renews: bool,
    hinted: Vec<Place>,
    pointer: Option<Arc<PointerHint<Primary>>>,
    watched: Option<Watched>,
}

impl<'a, L: Lookup> ObjectQuery<'a, L> {
    pub(crate) fn detach(self) -> DetachedQuery {
        let Self { parts, key, scope, near, renews, hinted, pointer, watched, .. } = self;
        DetachedQuery {
            key,
            scope,
            parts,
            keeps_near: near.is_some(),
            renews,
            hinted,
            pointer,
            watched,
        }
    }

    /// The query again, for an equal lookup.
    pub(crate) fn attach(
        engine: &'a Engine,
        state: &'a TypeState,
        lookup: &'a L,
        detached: DetachedQuery,
    ) -> Self {
        let DetachedQuery { key, scope, parts, keeps_near, renews, hinted, pointer, watched } =
            detached;
        let near = if keeps_near { engine.near::<L::Object>() } else { None };
        Self { engine, state, lookup, parts, key, scope, near, renews, hinted, pointer, watched }
    }
}

/// What the loads of a call need, owned.
pub(crate) struct Detached<L: Lookup> {
    pub(crate) engine: Arc<Engine>,
    pub(crate) context: Arc<L::Context>,
    pub(crate) options: LoadOptions,
}

impl<L: Lookup> Detached<L> {
    /// A read of one object.
    pub(crate) async fn load_one(
        self,
        lookup: Arc<L>,
        (query, unfinished): (DetachedQuery, Unfinished<Loaded>),
        attendance: Attendance,
    ) -> Result<(Loaded, Outcome), Error> {
        let Self { engine, context, options } = self;
        let state = engine.types.of::<L::Object>();
        let query = ObjectQuery::attach(&engine, state, &*lookup, query);
        let loader = TypedLoader::one(&engine, state, &*context, &query, options);
        let loader = loader.attended(&attendance);
        load_one(&engine, &loader, unfinished).await
    }

    /// Reads of several.
    pub(crate) async fn load_many(
        self,
        lookups: Arc<[L]>,
        left: Vec<DetachedLeft>,
        attendance: Attendance,
    ) -> Result<batch::Loads<L>, Error> {
        let Self { engine, context, options } = self;
        let state = engine.types.of::<L::Object>();
        let attach = |DetachedLeft { place, lookup, query, unfinished }| {
            let query = ObjectQuery::attach(&engine, state, &lookups[lookup], query);
            Left { place, query, unfinished }
        };
        let left = left.into_iter().map(attach).collect();
        batch::load((&engine, &*context, state), left, options, Some(&attendance)).await
    }
}

/// A read of a batch.
pub(crate) struct DetachedLeft {
    pub(crate) place: usize,
    /// The index of its lookup.
    pub(crate) lookup: usize,
    pub(crate) query: DetachedQuery,
    pub(crate) unfinished: Unfinished<Loaded>,
}

/// Drives one read to its end.
pub(crate) async fn load_one<L: Lookup>(
    engine: &Arc<Engine>,
    loader: &TypedLoader<'_, L>,
    unfinished: Unfinished<Loaded>,
) -> Result<(Loaded, Outcome), Error> {
    let ended = Reads::new(engine, loader, std::iter::once(unfinished)).run().await.pop();
    ended.expect("one read in, one read out")
}
