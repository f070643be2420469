//! Reading through the cache, with loads that may outlive their callers.

use std::mem;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use crate::cache::peek::{self, Peek};
use crate::cache::read::{Fill, Read, ReadOptions, Source};
use crate::cache::view::View;
use crate::engine::Engine;
use crate::engine::background::{Place, Waiting};
use crate::engine::read::batch::{self, Left, Loads};
use crate::engine::read::{
    Detached, DetachedLeft, DetachedQuery, ObjectQuery, Unfinished, find, loaded_arc,
    look_further_for, typed,
};
use crate::error::Error;
use crate::key::Scope;
use crate::model::cached::Cached as _;
use crate::model::lookup::Lookup;
use crate::model::object::Loaded;
use crate::protocol::{Outcome, Purpose};

/// A [`CacheCow`](crate::CacheCow) together with what the fetch functions need, whose loads may outlive their
/// callers; what [`CacheCow::with_shared`](crate::CacheCow::with_shared) returns.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use std::sync::Arc;
///
/// # let db = Arc::new(db);
/// let users = cow.with_shared(&db);                           // `db` is an `Arc`: a load may outlive its caller
/// let ann = users.get(User::by_id(1)).await?;
/// assert_eq!(ann.unwrap().name, "Ann");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct SharedView<'a, C: ?Sized> {
    pub(super) view: View<'a, C>,
    context: &'a Arc<C>,
}

impl<C: ?Sized> Clone for SharedView<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for SharedView<'_, C> {}

impl<'a, C: ?Sized> SharedView<'a, C> {
    pub(crate) fn new(engine: &'a Arc<Engine>, scope: Scope, context: &'a Arc<C>) -> Self {
        Self { view: View::new(engine, scope, context), context }
    }

    /// [`View::past_near`].
    #[must_use]
    pub fn past_near(self) -> Self {
        Self { view: self.view.past_near(), ..self }
    }

    /// [`View::fresh`].
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { view: self.view.fresh(), ..self }
    }

    /// [`View::ttl`].
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { view: self.view.ttl(ttl), ..self }
    }

    /// [`View::no_store`]. Nobody else uses such a fetch, so it ends with its caller.
    #[must_use]
    pub fn no_store(self) -> Self {
        Self { view: self.view.no_store(), ..self }
    }
}

impl<C: ?Sized + Send + Sync + 'static> SharedView<'_, C> {
    /// [`View::get`], with a load that may outlive this caller.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the fetch function's own error; nothing is cached then.
    /// The cache itself is never the reason for an error. [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable)
    /// while the runtime shuts down.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, its load goes on. The load is dropped when its lease ends
    /// ([`lease`](crate::Builder::lease)), or with its runtime; its claim is then given back.
    ///
    /// # Round trips
    ///
    /// As [`View::get`]; one more if the soft timeout has passed.
    pub async fn get<L: Lookup<Context = C> + 'static>(
        self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        Ok(self.read(lookup).await?.value)
    }

    /// Reads like [`get`](Self::get), and also says where the object came from.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn read<L: Lookup<Context = C> + 'static>(
        self,
        lookup: L,
    ) -> Result<Read<L::Object>, Error> {
        let engine = self.view.engine;
        let timer = engine.timings.begin();
        let read = match self.view.begin(&lookup).await {
            Ok(read) => {
                engine.sample(self.view.scope, &lookup, read.value.as_ref());
                Ok(read)
            }
            Err(begun) => {
                // The query borrows the lookup, but the load must share it.
                let (query, unfinished) = *begun;
                let begun = (query.detach(), unfinished);
                Box::pin(self.go_on(Arc::new(lookup), begun)).await
            }
        };
        timer.end(engine, |engine| engine.types.of::<L::Object>(), &read, |read| read.source);
        read
    }

    /// [`read`](Self::read), with options for this read alone.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    pub async fn read_with<L: Lookup<Context = C> + 'static>(
        self,
        lookup: L,
        options: ReadOptions,
    ) -> Result<Read<L::Object>, Error> {
        let view = View { options: options.or(self.view.options), ..self.view };
        Self { view, ..self }.read(lookup).await
    }

    /// [`CacheCow::peek`](crate::CacheCow::peek). The options of the view have no effect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn peek<L: Lookup>(self, lookup: L) -> Result<Peek<L::Object>, Error> {
        peek::look(self.view.engine, self.view.scope, &lookup).await
    }

    /// [`View::get_many`], with loads that may outlive this caller. It waits for all of the fetches: the soft
    /// timeout does not apply.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get), if any fetch failed. Objects that were fetched are cached nevertheless.
    ///
    /// # Round trips
    ///
    /// As [`View::get_many`].
    pub async fn get_many<L: Lookup<Context = C> + 'static>(
        self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        let lookups: Arc<[L]> = lookups.into_iter().collect();
        let engine = self.view.engine;
        let timer = engine.timings.begin_many(lookups.len());
        let read = Box::pin(self.read_many(lookups)).await;
        timer.end(engine, |engine| engine.types.of::<L::Object>(), &read, |read| read.1);
        read.map(|(objects, _)| objects)
    }

    /// Continues a read that was not a plain hit.
    pub(super) async fn go_on<L: Lookup<Context = C> + 'static>(
        self,
        lookup: Arc<L>,
        (query, unfinished): DetachedRead<L>,
    ) -> Result<Read<L::Object>, Error> {
        let View { engine, scope, options, .. } = self.view;
        let options = options.load();
        let state = engine.types.of::<L::Object>();
        let query = ObjectQuery::attach(engine, state, &*lookup, query);
        // To know whether there is an object to serve at once.
        let unfinished = match look_further_for(engine, state, &query, unfinished).await {
            Ok(object) => {
                engine.sample(scope, &*lookup, object.as_ref());
                return Ok(Read::by(Outcome::Hit, object));
            }
            Err(unfinished) => unfinished,
        };
        let ageing = unfinished.ageing().cloned();
        let place = if options.purpose.fills() { engine.background_place() } else { None };
        let mut load = match (place, &ageing) {
            (Some(place), _) => {
                let detached = self.detached::<L>();
                let read = (query.detach(), unfinished.map(loaded_arc));
                let lookup = Arc::clone(&lookup);
                place.run(|attendance| detached.load_one(lookup, read, attendance))
            }
            // No place for a background load: the next read may refresh it.
            (None, Some(_)) => return Ok(self.hit(&*lookup, ageing.flatten())),
            (None, None) => return self.view.load((query, unfinished)).await,
        };
        if let Some(object) = ageing {
            return Ok(self.hit(&*lookup, object));
        }
        if options.purpose == Purpose::Serve
            && let Some(late) = engine.settings.lateness(&L::Object::POLICY)
        {
            match timeout(late, load.ended()).await {
                Ok(ended) => return read_of::<L>(ended?),
                Err(_elapsed) => {
                    if let Some(read) = self.what_is_left(&*lookup).await {
                        return Ok(read);
                    }
                }
            }
        }
        read_of::<L>(load.ended().await?)
    }

    /// [`get_many`](Self::get_many) as a part of another read, which is timed as a whole. Also returns the slowest
    /// of the objects' sources.
    pub(super) async fn read_many<L: Lookup<Context = C> + 'static>(
        self,
        lookups: Arc<[L]>,
    ) -> Result<(Vec<Option<Arc<L::Object>>>, Source), Error> {
        let View { engine, scope, context, options } = self.view;
        let (near, options) = (self.view.near::<L>(), options.load());
        let state = engine.types.of::<L::Object>();
        let mut begun = batch::begin((engine, scope), near, &lookups, options).await;
        if begun.left.is_empty() {
            return Ok(begun.finish());
        }
        let by_place = begun.lookups();
        let (ageing, left): (Vec<_>, Vec<_>) = mem::take(&mut begun.left)
            .into_iter()
            .partition(|left| left.unfinished.ageing().is_some());
        let place = |count| {
            let is_wanted = count > 0 && options.purpose.fills();
            if is_wanted { engine.background_place() } else { None }
        };
        state.record_hits(ageing.len() as u64);
        let served = ageing.iter().map(|left| (left.place, served::<L>(left), Source::Cache));
        begun.take(served.collect());
        if let Some(place) = place(ageing.len()) {
            drop(self.load_many(place, &lookups, &by_place, ageing));
        }
        let loads = match place(left.len()) {
            Some(place) => self.load_many(place, &lookups, &by_place, left).ended().await??,
            None => batch::load((engine, context, state), left, options, None).await?,
        };
        begun.take(loads);
        Ok(begun.finish())
    }

    fn load_many<L: Lookup<Context = C> + 'static>(
        self,
        place: Place,
        lookups: &Arc<[L]>,
        by_place: &[usize],
        left: Vec<Left<'_, L>>,
    ) -> Waiting<Result<Loads<L>, Error>> {
        let detach = |Left { place, query, unfinished }| {
            let lookup = by_place[place];
            DetachedLeft { place, lookup, query: ObjectQuery::<L>::detach(query), unfinished }
        };
        let left: Vec<DetachedLeft> = left.into_iter().map(detach).collect();
        let (detached, lookups) = (self.detached::<L>(), Arc::clone(lookups));
        place.run(|attendance| detached.load_many(lookups, left, attendance))
    }

    fn detached<L: Lookup<Context = C>>(self) -> Detached<L> {
        let View { engine, options, .. } = self.view;
        let context = Arc::clone(self.context);
        Detached { engine: Arc::clone(engine), context, options: options.load() }
    }

    /// Records and returns a cached object.
    fn hit<L: Lookup>(self, lookup: &L, object: Option<Arc<L::Object>>) -> Read<L::Object> {
        let View { engine, scope, .. } = self.view;
        engine.types.of::<L::Object>().record(Outcome::Hit, false);
        engine.sample(scope, lookup, object.as_ref());
        Read::by(Outcome::Hit, object)
    }

    /// What the cache holds when the fetch takes too long: an object past its time to live, or one that another
    /// process has stored meanwhile.
    async fn what_is_left<L: Lookup>(self, lookup: &L) -> Option<Read<L::Object>> {
        let View { engine, scope, .. } = self.view;
        let found = find(engine, scope, lookup).await.ok()??;
        if !found.expired {
            return Some(self.hit(lookup, found.object));
        }
        engine.types.of::<L::Object>().served_stale();
        Some(Read::new(found.object, Source::Stale, Fill::Skipped))
    }
}

/// A read whose first round was a miss, without the borrow of its lookup.
pub(super) type DetachedRead<L> = (DetachedQuery, Unfinished<Option<Arc<<L as Lookup>::Object>>>);

fn read_of<L: Lookup>(ended: Result<(Loaded, Outcome), Error>) -> Result<Read<L::Object>, Error> {
    let (object, outcome) = ended?;
    Ok(Read::by(outcome, object.map(typed::<L>)))
}

/// The cached object of a read that only refreshes it.
fn served<L: Lookup>(left: &Left<'_, L>) -> Option<Arc<L::Object>> {
    left.unfinished.ageing().cloned().flatten().map(typed::<L>)
}
