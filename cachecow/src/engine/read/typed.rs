//! The loader of one type.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, StreamExt as _};

use super::Query as _;
use super::judge::{Judgement, open, unpack};
use super::known::Known;
use super::lifetime::{Age, age, lifetimes};
use super::loader::{Aliases, LoadOptions, Loader, Sealed};
use super::primary::Primary;
use super::query::{ObjectQuery, Tags};
use crate::document::{self, Header};
use crate::engine::background::Attendance;
use crate::engine::{Engine, read_back};
use crate::error::Error;
use crate::events::say;
use crate::key::{Key, KeyMap, Scope};
use crate::model::cached::Cached as _;
use crate::model::lookup::Lookup;
use crate::model::object::{Loaded, Object};
use crate::model::schema::CacheSchema;
use crate::protocol::{Compared, PointerHint, Purpose, SeenValue, Verdict};
use crate::stats::TypeState;

/// The lookups of one call, all different, with their context.
pub(crate) struct TypedLoader<'a, L: Lookup> {
    engine: &'a Engine,
    state: &'a TypeState,
    context: &'a L::Context,
    /// The scope of all queries.
    scope: Scope,
    queries: Vec<&'a ObjectQuery<'a, L>>,
    /// Whether `fetch_many` may be called.
    together: bool,
    options: LoadOptions,
    /// `None`: the reads end with their caller.
    attendance: Option<&'a Attendance>,
}

impl<'a, L: Lookup> TypedLoader<'a, L> {
    /// For a read of one object.
    pub(crate) fn one(
        engine: &'a Engine,
        state: &'a TypeState,
        context: &'a L::Context,
        query: &'a ObjectQuery<'a, L>,
        options: LoadOptions,
    ) -> Self {
        Self {
            engine,
            state,
            context,
            scope: query.scope,
            queries: vec![query],
            together: false,
            options,
            attendance: None,
        }
    }

    /// For a batch.
    pub(crate) fn many(
        engine: &'a Engine,
        state: &'a TypeState,
        context: &'a L::Context,
        queries: Vec<&'a ObjectQuery<'a, L>>,
        options: LoadOptions,
    ) -> Self {
        let scope = queries.first().map_or_else(Scope::default, |query| query.scope);
        Self { engine, state, context, scope, queries, together: true, options, attendance: None }
    }

    /// The same loader, for reads that go on when their caller is gone.
    pub(crate) fn attended(self, attendance: &'a Attendance) -> Self {
        Self { attendance: Some(attendance), ..self }
    }

    /// Runs a fetch, with limited concurrency during an outage of the cache. A read that never uses the cache is
    /// not limited: an outage does not make such reads more frequent.
    async fn limited<F: Future>(&self, fetch: F) -> F::Output {
        match self.options.purpose {
            Purpose::Fetch => fetch.await,
            _ => self.engine.limited(fetch).await,
        }
    }

    async fn fetch_one(&self, place: usize) -> Result<Loaded, Error> {
        let fetch = self.queries[place].lookup.fetch(self.context);
        let object = self.limited(fetch).await?;
        Ok(loaded(object))
    }

    async fn fetch_together(&self, places: &[usize]) -> Option<Result<Vec<L::Object>, Error>> {
        if !self.together {
            return None;
        }
        let lookups: Vec<&L> = places.iter().map(|&place| self.queries[place].lookup).collect();
        Some(self.limited(L::fetch_many(&lookups, self.context)?).await)
    }

    /// Assigns the objects to places by the objects' own fields. If an object matches no place (as
    /// with a case-insensitive column), the places without an object are fetched one by one;
    /// otherwise they might be treated as absent.
    async fn match_up(
        &self,
        places: &[usize],
        objects: Vec<L::Object>,
    ) -> Vec<Result<Loaded, Error>> {
        let mut found: KeyMap<Vec<L::Object>> = KeyMap::default();
        for object in objects {
            found.entry(self.scope.key(L::key_of(&object).key())).or_default().push(object);
        }
        let mut results: Vec<Result<Loaded, Error>> = Vec::with_capacity(places.len());
        for &place in places {
            let ObjectQuery { lookup, key, .. } = self.queries[place];
            let object = found.get_mut(key).and_then(|same_hash| {
                let at = same_hash.iter().position(|object| lookup.finds(object))?;
                Some(same_hash.swap_remove(at))
            });
            results.push(Ok(loaded(object)));
        }
        found.retain(|_, left| !left.is_empty());
        if self.fits_nobody(places, &found) {
            let is_missing = |result: &Result<Loaded, Error>| matches!(result, Ok(None));
            let missing: Vec<usize> =
                (0..results.len()).filter(|&at| is_missing(&results[at])).collect();
            let fetched = self.fetch_each(missing.iter().map(|&at| places[at])).await;
            for (at, result) in missing.into_iter().zip(fetched) {
                results[at] = result;
            }
        }
        results
    }

    /// Whether one of the objects that are left over is none that was asked for; otherwise each was returned twice.
    fn fits_nobody(&self, places: &[usize], left: &KeyMap<Vec<L::Object>>) -> bool {
        if left.is_empty() {
            return false;
        }
        let mut asked: KeyMap<Vec<&L>> = KeyMap::default();
        for &place in places {
            let ObjectQuery { lookup, key, .. } = self.queries[place];
            asked.entry(*key).or_default().push(lookup);
        }
        let is_asked_for = |key: &Key, object: &L::Object| {
            asked.get(key).is_some_and(|lookups| lookups.iter().any(|lookup| lookup.finds(object)))
        };
        left.iter().any(|(key, objects)| objects.iter().any(|object| !is_asked_for(key, object)))
    }

    /// Fetches one by one, a bounded number at a time.
    async fn fetch_each(&self, places: impl Iterator<Item = usize>) -> Vec<Result<Loaded, Error>> {
        let fetches: Vec<_> = places.map(|place| self.fetch_one(place)).collect();
        stream::iter(fetches).buffered(self.engine.settings.fetch_concurrency).collect().await
    }
}

impl<L: Lookup> Loader for TypedLoader<'_, L> {
    fn key(&self, place: usize) -> Key {
        self.queries[place].key
    }

    fn state(&self) -> &TypeState {
        self.state
    }

    fn judge(&self, place: usize, document: &Bytes, known: &Known) -> Judgement<Loaded> {
        self.queries[place].judge(document, known).map(loaded_arc)
    }

    fn identity(&self, place: usize) -> (usize, &[u8]) {
        (L::Object::type_slot(), self.queries[place].parts.as_bytes())
    }

    fn is_unattended(&self) -> bool {
        self.attendance.is_some_and(Attendance::is_over)
    }

    fn refuse_cut_off(&self) -> Option<Error> {
        None
    }

    fn fetch<'a>(&'a self, places: &'a [usize]) -> BoxFuture<'a, Vec<Result<Loaded, Error>>> {
        async move {
            match self.fetch_together(places).await {
                Some(Ok(objects)) => self.match_up(places, objects).await,
                Some(Err(error)) => vec![Err(error); places.len()],
                None => self.fetch_each(places.iter().copied()).await,
            }
        }
        .boxed()
    }

    fn guards(&self, place: usize) -> Tags {
        self.queries[place].guards()
    }

    fn on_stored(&self, place: usize, loaded: &Loaded, pointer: Option<PointerHint<Primary>>) {
        let object = loaded.as_ref().and_then(|object| object.downcast_ref::<L::Object>());
        let query = self.queries[place];
        let primary = pointer.as_ref().map(|pointer| pointer.primary.key());
        if self.options.purpose == Purpose::Renew {
            // The server's message about the new value may arrive after the next read.
            self.engine.forget_near(primary.into_iter().chain([query.key]));
        }
        let keys = std::iter::once(query.key).chain(primary);
        self.engine.note_stored(keys, || query.tags_of(object).to_vec());
        query.remember(object, pointer);
    }

    fn aliases(&self) -> Option<&dyn Aliases> {
        L::ALIAS.then_some(self)
    }

    fn tags(&self, place: usize, loaded: &Loaded) -> Tags {
        let object = loaded.as_ref().and_then(|object| object.downcast_ref::<L::Object>());
        self.queries[place].tags_of(object)
    }

    fn seal(&self, place: usize, loaded: &Loaded, fetch_took: Duration) -> Sealed {
        let object = loaded.as_ref().and_then(|object| object.downcast_ref::<L::Object>());
        let lifetimes = lifetimes(&self.engine.settings, object, self.options.ttl);
        let Some((logical, ttl)) = lifetimes else { return Sealed::Unstorable };
        let ObjectQuery { lookup, parts, .. } = self.queries[place];
        let fingerprint = <L::Object as CacheSchema>::FINGERPRINT;
        let header = Header::new(fingerprint, self.engine.wall_clock(), fetch_took, logical);
        let sealed = match object {
            // If the object was found under other parts than its own (with a case-insensitive
            // column, for example), it would be rejected at every read, and no invalidation of it
            // would reach this key.
            Some(object) if !lookup.finds(object) => {
                fetched_another(self.state, L::NAME);
                return Sealed::Unstorable;
            }
            Some(object) => read_back::encode(self.engine, self.state, header, object),
            None => {
                let max_len = self.engine.settings.max_value_len;
                document::encode_absent(header, parts.as_bytes(), max_len).ok()
            }
        };
        match sealed {
            Some(document) => Sealed::Storable(Bytes::from(document), ttl),
            None => Sealed::Unstorable,
        }
    }
}

impl<L: Lookup> Aliases for TypedLoader<'_, L> {
    fn hinted_primary(&self, place: usize) -> Option<Primary> {
        self.queries[place].hinted_primary()
    }

    fn primary_of(&self, loaded: &Loaded) -> Option<Primary> {
        let object = loaded.as_ref()?.downcast_ref::<L::Object>()?;
        let parts = Bytes::copy_from_slice(L::primary_of(object).as_bytes());
        Some(Primary::of(parts, self.scope))
    }

    fn seal_pointer(&self, pointer: &PointerHint<Primary>, fetch_took: Duration) -> Option<Bytes> {
        let fingerprint = <L::Object as CacheSchema>::FINGERPRINT;
        // The cache itself expires it.
        let now = self.engine.wall_clock();
        let header = Header::new(fingerprint, now, fetch_took, Duration::MAX);
        let max_len = self.engine.settings.max_value_len;
        let PointerHint { stored_by, primary } = pointer;
        let document = document::encode_pointer(header, *stored_by, primary.parts(), max_len);
        document.ok().map(Bytes::from)
    }

    fn compare(&self, primary: &Primary, stored: &Bytes, fetched: &Bytes) -> Compared {
        let mut unpacked = None;
        let opened = unpack(self.engine, self.state, primary.key(), stored, &mut unpacked);
        let opened = opened.and_then(|opened| open::<L::Object>(self.engine, self.state, opened));
        let (header, body) = match opened {
            Ok(opened) => opened,
            Err(Verdict::Leave) => return Compared::Leave,
            Err(_) => return Compared::Different(SeenValue::of(stored)),
        };
        let fresh =
            matches!(age(self.engine, &L::Object::POLICY, header), Age::Fresh | Age::Ageing);
        let fetched = document::parse(fetched).ok().and_then(|(_, body)| body.object());
        match (body.object(), fetched) {
            (Some(stored_object), Some(fetched_object))
                if fresh && stored_object == fetched_object =>
            {
                Compared::Same(SeenValue::of(stored))
            }
            _ => Compared::Different(SeenValue::of(stored)),
        }
    }
}

/// Counts a fetched object that does not match the lookup, and logs it once for the type.
#[cold]
fn fetched_another(state: &TypeState, lookup: &'static str) {
    if state.fetched_another() {
        say!(
            MISMATCHED_OBJECT,
            r#type = state.name(),
            lookup,
            "a fetch returned an object whose own fields differ from what was asked for, so it is not \
             cached; if both mean the same, as in a case-insensitive column, normalize the field, for \
             example by `#[cache(normalize = str::to_lowercase)]`; further objects of the type are \
             counted as `mismatched`"
        );
    }
}

/// An object without its type.
pub(crate) fn loaded<T: Send + Sync + 'static>(object: Option<T>) -> Loaded {
    object.map(|object| Arc::new(object) as Object)
}

/// The same for an object in an `Arc`.
pub(crate) fn loaded_arc<T: Send + Sync + 'static>(object: Option<Arc<T>>) -> Loaded {
    object.map(|object| object as Object)
}

/// The object again with its type.
pub(crate) fn typed<L: Lookup>(object: Object) -> Arc<L::Object> {
    // Loads of the same identity have the same type.
    object.downcast().expect("the loader made this object, of its own type")
}
