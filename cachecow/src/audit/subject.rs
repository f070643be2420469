//! What the auditor needs of a lookup, without its type.

use std::any::Any;
use std::sync::Arc;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use super::content::Content;
use crate::cache::read::Source;
use crate::cache::view::View;
use crate::engine::Engine;
use crate::engine::read::loaded;
use crate::error::Error;
use crate::key::{Key, Scope};
use crate::model::audited::Audited;
use crate::model::cached::Cached as _;
use crate::model::cached::TypePolicy;
use crate::model::lookup::Lookup;
use crate::model::object::{Loaded, Object};
use crate::stats::TypeState;

/// The contexts that fetch functions may need, each an `Arc` of its type.
pub(super) type Contexts = Vec<Box<dyn Any + Send + Sync>>;

/// A lookup and its context, with erased types.
pub(super) trait Subject: Send + Sync {
    /// How events name the lookup.
    fn name(&self) -> &'static str;

    fn policy(&self) -> TypePolicy;

    fn state<'e>(&self, engine: &'e Engine) -> &'e TypeState;

    /// The requested key.
    fn key(&self) -> Key;

    /// The key under which the served object is stored.
    fn stored_under(&self, served: &Loaded) -> Key;

    /// The stored content of an object; `None` if it cannot be encoded.
    fn content(&self, object: &Loaded) -> Option<Content>;

    fn fetch(&self) -> BoxFuture<'_, Result<Loaded, Error>>;

    /// Reads the object as a reader does.
    fn read<'a>(
        &'a self,
        engine: &'a Arc<Engine>,
    ) -> BoxFuture<'a, Result<(Loaded, Source), Error>>;
}

/// The auditor lacks the context that a lookup needs.
pub(super) struct Lacking {
    pub(super) lookup: &'static str,
    pub(super) context: &'static str,
    pub(super) state: fn(&Engine) -> &TypeState,
}

type Bind =
    Box<dyn for<'a> FnOnce(Scope, &'a Contexts) -> Result<Box<dyn Subject + 'a>, Lacking> + Send>;

impl Audited {
    /// Makes one from an owned lookup, usually a clone of the original.
    ///
    /// ```compile_fail,E0310
    /// use cachecow::{Audited, Lookup};
    ///
    /// // It outlives the read, and so must all that it holds.
    /// fn audited<L: Lookup<Context = ()>>(lookup: L) -> Audited {
    ///     Audited::of(lookup)
    /// }
    /// ```
    pub fn of<L: Lookup + 'static>(lookup: L) -> Self
    where
        L::Context: 'static,
    {
        let bind: Bind = Box::new(|scope, contexts| bind(scope, lookup, contexts));
        Self(Box::new(bind))
    }

    pub(super) fn bind<'a>(
        self,
        scope: Scope,
        contexts: &'a Contexts,
    ) -> Result<Box<dyn Subject + 'a>, Lacking> {
        let bind: Box<Bind> = self.0.downcast().expect("it is made by `of` alone");
        bind(scope, contexts)
    }
}

fn bind<L: Lookup + 'static>(
    scope: Scope,
    lookup: L,
    contexts: &Contexts,
) -> Result<Box<dyn Subject + '_>, Lacking>
where
    L::Context: 'static,
{
    let context = contexts.iter().find_map(|context| context.downcast_ref::<Arc<L::Context>>());
    match context {
        Some(context) => Ok(Box::new(Bound { scope, lookup, context: &**context })),
        None => Err(Lacking {
            lookup: L::NAME,
            context: std::any::type_name::<L::Context>(),
            state: |engine| engine.types.of::<L::Object>(),
        }),
    }
}

struct Bound<'a, L: Lookup> {
    scope: Scope,
    lookup: L,
    context: &'a L::Context,
}

fn typed<L: Lookup>(object: &Loaded) -> Option<&L::Object> {
    object.as_ref().and_then(|object| object.downcast_ref())
}

impl<L: Lookup> Subject for Bound<'_, L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn policy(&self) -> TypePolicy {
        L::Object::POLICY
    }

    fn state<'e>(&self, engine: &'e Engine) -> &'e TypeState {
        engine.types.of::<L::Object>()
    }

    fn key(&self) -> Key {
        self.scope.key(self.lookup.key().key())
    }

    fn stored_under(&self, served: &Loaded) -> Key {
        let primary = |object| self.scope.key(L::primary_of(object).key());
        typed::<L>(served).map_or_else(|| self.key(), primary)
    }

    fn content(&self, object: &Loaded) -> Option<Content> {
        Content::of(typed::<L>(object))
    }

    fn fetch(&self) -> BoxFuture<'_, Result<Loaded, Error>> {
        async move { Ok(loaded(self.lookup.fetch(self.context).await?)) }.boxed()
    }

    fn read<'a>(
        &'a self,
        engine: &'a Arc<Engine>,
    ) -> BoxFuture<'a, Result<(Loaded, Source), Error>> {
        async move {
            let read =
                View::new(engine, self.scope, self.context).read_unaudited(&self.lookup).await?;
            Ok((read.value.map(|object| object as Object), read.source))
        }
        .boxed()
    }
}
