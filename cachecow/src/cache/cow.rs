//! `CacheCow` and its views.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use crate::audit::Auditor;
use crate::cache::builder::Builder;
use crate::cache::peek::{self, Peek};
use crate::cache::read::Read;
use crate::cache::shared::SharedView;
use crate::cache::view::View;
use crate::cache::write::Write;
use crate::engine::Engine;
use crate::error::{Error, ErrorKind};
use crate::key::Scope;
use crate::model::cached::{Cached, Clearable};
use crate::model::keys::{CacheKeys, KeySet};
use crate::model::lookup::{Lookup, SameContext};
use crate::model::tag::{AllOf, Tag};
use crate::stats::Stats;

/// A cache in front of a backing store. It is cheap to clone, and all clones share one cache.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{CacheCow, Cached};
///
/// #[derive(Clone, Debug, PartialEq, Cached)]
/// #[cache(key = "square:{root}", fetch = Square::compute)]
/// struct Square { root: u32, value: u64 }
///
/// impl Square {
///     async fn compute(root: u32) -> Result<Square, std::io::Error> {
///         Ok(Square { root, value: u64::from(root).pow(2) })
///     }
/// }
///
/// let cow = CacheCow::memory();
/// let square = cow.get(Square::by_root(12)).await?.expect("every number has a square");
/// assert_eq!(square.value, 144);
///
/// cow.invalidate(Square::by_root(12)).await?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Consistency
///
/// Once [`invalidate`](Self::invalidate) of a key has returned `Ok`, later reads of that key, in
/// any process that uses the same cache, never return a value that was read from the backing store
/// before that invalidation began. [The promise](crate::guide::promise) lists what is not promised.
///
/// # Runtime
///
/// Tokio, with its time driver enabled. Futures may be dropped at any point.
#[derive(Clone)]
pub struct CacheCow {
    pub(crate) engine: Arc<Engine>,
    pub(crate) scope: Scope,
}

impl CacheCow {
    /// Opens the cache at `url`: `memory://` for the embedded cache, `redis://[user:password@]host[:port][/db]`,
    /// `rediss://…` (feature `tls`), `redis+unix:///path`, `redis+sentinel://a,b,c/name` for the master that the
    /// sentinels name, or `redis+cluster://a,b,c` (feature `cluster`). `RedisBackend` documents the Redis forms in
    /// full. [`Builder::backend_scheme`] adds a scheme for a backend of your own.
    ///
    /// A cache that cannot be reached is not an error: the fetch functions serve the reads, and the
    /// connection is retried. [`ping`](Self::ping) tells whether the cache can be reached.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::builder().open(url).await
    }

    /// Opens an embedded cache in this process's memory, with the same protocol.
    ///
    /// # Panics
    ///
    /// If the operating system cannot provide random numbers.
    pub fn memory() -> Self {
        Self::builder().memory().expect("the default settings are valid")
    }

    /// Returns a builder with the default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine), scope: Scope::default() }
    }

    /// Returns a handle of this cache for one tenant: its reads, writes and invalidations concern only the scope
    /// that `scope` names, nested in the scope of this handle. A handle without a scope has its own set of keys,
    /// too.
    ///
    /// Callers of one key share a load and its result, even if their contexts differ. So if two contexts lead to
    /// different data, give each a handle of its own:
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use std::io;
    /// # struct Db(&'static str);
    /// use cachecow::{CacheCow, Cached};
    ///
    /// #[derive(Cached)]
    /// #[cache(context = Db)]
    /// #[cache(key = "user:{id}", fetch = User::find)]
    /// struct User { id: i64, name: String }
    /// # impl User {
    /// #     async fn find(db: &Db, id: i64) -> Result<User, io::Error> {
    /// #         Ok(User { id, name: db.0.to_owned() })
    /// #     }
    /// # }
    ///
    /// let cow = CacheCow::memory();
    /// let (acme, initech) = (Db("Ann"), Db("Bob"));
    /// let ann = cow.scoped("acme").with(&acme).get(User::by_id(1)).await?.unwrap();
    /// let bob = cow.scoped("initech").with(&initech).get(User::by_id(1)).await?.unwrap();
    /// assert_eq!((&*ann.name, &*bob.name), ("Ann", "Bob"));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// Make a handle for each request: it costs one SHA-256, opens nothing, and the cache stores nothing for it.
    /// All handles share the connection, this process's memory, the limits and the statistics. `close` and `stats`
    /// concern the whole cache. As in keys, the number `1` and the text `"1"` name different scopes.
    ///
    /// # Consistency
    ///
    /// An invalidation, also of a tag, concerns its own scope only. If data changes for all tenants at once,
    /// invalidate it in each scope, or read its type through a handle without a scope. An [`Auditor`] audits only
    /// reads of the scope of the handle that made it; give it contexts of that scope. Only one auditor runs at a
    /// time.
    ///
    /// The handle treats a [`Key`](crate::Key) as a key without a scope, and adds its own scope. The key names in
    /// Redis do not show the tenant. [`Scope`] computes them, and the handle without a scope accepts them as they
    /// are.
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn scoped(&self, scope: impl crate::key::KeyPart) -> Self {
        Self { scope: self.scope.within(scope), ..self.clone() }
    }

    /// Returns the scope of this handle.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// Returns a view that reads objects whose fetch functions need `context`.
    ///
    /// # Consistency
    ///
    /// The context is not part of the key, and callers of one key share one load. So a caller may get the object,
    /// or the error, of a fetch with another caller's context. All contexts of a type must therefore lead to the
    /// same data, with the same rights to read it. Contexts that lead to different data (two tenants' databases,
    /// for example) need handles of different scopes, `cow.scoped(tenant).with(&db)` (feature `scopes`), or caches
    /// with different namespaces.
    ///
    /// An open transaction sees other data than its database does: see [`View::uncached`].
    pub fn with<'a, C: ?Sized>(&'a self, context: &'a C) -> View<'a, C> {
        View::new(&self.engine, self.scope, context)
    }

    /// Returns a view like that of [`with`](Self::with), whose loads may outlive the caller. The loads share the
    /// context, and lookups must own their parts (`'static`), as those of the derive do. Then:
    ///
    /// - If a caller is cancelled, its load goes on: for other callers that wait for the object, and to fill the
    ///   cache.
    /// - With `refresh_ahead`, an object is fetched again in the background. No reader waits for that.
    /// - With `stale_if_error` and `soft_timeout`, a reader that has waited for the soft timeout is served the
    ///   object that is past its time to live ([`Source::Stale`](crate::Source::Stale)). The fetch goes on in the
    ///   background, and its result is stored. A fetch that hangs counts as a failed one.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// use std::sync::Arc;
    /// use cachecow::{CacheCow, Cached};
    ///
    /// # struct PgPool;
    /// #[derive(Cached)]
    /// #[cache(context = PgPool, ttl = "10m", refresh_ahead = true)]
    /// #[cache(stale_if_error = "1h", soft_timeout = "50ms")]
    /// #[cache(key = "page:{path}", fetch = Page::find)]
    /// struct Page { path: String, text: String }
    /// # impl Page {
    /// #     async fn find(_: &PgPool, path: &str) -> Result<Page, std::io::Error> {
    /// #         Ok(Page { path: path.to_owned(), text: String::new() })
    /// #     }
    /// # }
    ///
    /// let pool = Arc::new(PgPool);
    /// let cow = CacheCow::memory();
    /// let page = cow.with_shared(&pool).get(Page::by_path("/")).await?;
    /// assert!(page.is_some());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Consistency
    ///
    /// As [`with`](Self::with), including its rule about contexts. The result of a load is stored only if no
    /// invalidation happened since the load began. An invalidated object is never served.
    ///
    /// # Runtime
    ///
    /// Loads run as tasks of the caller's runtime and end with it. At most
    /// [`background_loads`](crate::Builder::background_loads) run at a time; beyond that, reads load like those of
    /// [`with`](Self::with). [`TypeStats::background_loads`](crate::TypeStats::background_loads) counts the loads
    /// that no caller waited for.
    pub fn with_shared<'a, C: ?Sized>(&'a self, context: &'a Arc<C>) -> SharedView<'a, C> {
        SharedView::new(&self.engine, self.scope, context)
    }

    /// [`View::get`], for a lookup whose fetch function needs no context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`].
    pub async fn get<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        self.with(&()).get(lookup).await
    }

    /// [`View::get_many`], for lookups whose fetch function needs no context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`].
    pub async fn get_many<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        self.with(&()).get_many(lookups).await
    }

    /// [`View::read`], for a lookup whose fetch function needs no context.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`].
    pub async fn read<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Read<L::Object>, Error> {
        self.with(&()).read(lookup).await
    }

    /// Returns what is cached for the lookup, and for how long. It never fetches, and the lookup may need any
    /// context.
    ///
    /// The result is what a read would get from the cache at this moment: verified like any hit, within its time to
    /// live, and not invalidated. `peek` does not look into this process's memory (the near tier), and counts
    /// neither as a hit nor as a miss.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::{CacheCow, Cached, Peek};
    ///
    /// #[derive(Cached)]
    /// #[cache(key = "square:{root}", fetch = Square::compute)]
    /// struct Square { root: u32, value: u64 }
    /// # impl Square {
    /// #     async fn compute(root: u32) -> Result<Square, std::io::Error> {
    /// #         Ok(Square { root, value: u64::from(root).pow(2) })
    /// #     }
    /// # }
    ///
    /// let cow = CacheCow::memory();
    /// assert!(matches!(cow.peek(Square::by_root(12)).await?, Peek::NotCached));
    /// cow.get(Square::by_root(12)).await?;
    /// match cow.peek(Square::by_root(12)).await? {
    ///     Peek::Object { object, expires_in } => {
    ///         println!("{} is cached for {expires_in:?} or more", object.value);
    ///     }
    ///     Peek::Absent { .. } | Peek::NotCached => unreachable!("it was just read"),
    /// }
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`]: the cache did not answer, or its answer was invalid. A read would fetch.
    ///
    /// # Round trips
    ///
    /// As a hit of [`View::get`]: one, if this process remembers where an alias leads and which tags an object has.
    ///
    /// # Cancellation
    ///
    /// A look claims nothing: if the future is dropped, nothing is left behind.
    pub async fn peek<L: Lookup>(&self, lookup: L) -> Result<Peek<L::Object>, Error> {
        peek::look(&self.engine, self.scope, &lookup).await
    }

    /// Removes from the cache what `keys` name, and prevents fetches under way from storing what they have read.
    /// `keys` name the object of a lookup, a list, all keys and lists of an object, all objects that carry a tag, a
    /// [query](crate::guide::queries), or everything of a type ([`AllOf`](crate::AllOf)). Results of queries that carry the
    /// tag, or one of the object's tags, are invalidated too.
    ///
    /// Call it after the change is committed to the backing store. [`write`](Self::write) also
    /// covers a process that dies between the commit and the invalidation.
    ///
    /// # Consistency
    ///
    /// A fetch function that reads a lagging replica may read data older than the invalidation.
    /// With a settle time (`settle`, of the type or the builder), nothing is stored for that long
    /// after the invalidation: data from a lagging replica is returned, but not cached.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache did not confirm the invalidation. It is retried in the background
    /// for as long as the process lives. If the runtime that retries it ends, the retries go on with the next use
    /// of this cache on another runtime.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the invalidation may or may not have happened, and is not retried.
    ///
    /// # Round trips
    ///
    /// One, for any number of keys; two if a tag is named.
    pub async fn invalidate<K: CacheKeys>(&self, keys: K) -> Result<(), Error> {
        self.engine.invalidate(self.engine.targets(self.scope, &keys)).await
    }

    /// Invalidates several lookups, objects or tags together, like [`invalidate`](Self::invalidate). Duplicates are sent
    /// once. Without any, it sends nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache did not confirm some of them. These are retried in the background, for as long
    /// as the process lives. The others are invalidated.
    ///
    /// # Consistency
    ///
    /// As [`invalidate`](Self::invalidate), for each of them. They are not invalidated in one step: until the call returns, a
    /// reader may find one of them invalidated and another one not.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, each of them may or may not be invalidated, and nothing is retried.
    ///
    /// # Round trips
    ///
    /// One, or two if a tag is among them. More than 4,096 keys are sent in several parts, four of them at a time.
    pub async fn invalidate_many<K: CacheKeys>(
        &self,
        lookups: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let lookups: Vec<K> = lookups.into_iter().collect();
        self.engine.invalidate(self.engine.targets(self.scope, &lookups)).await
    }

    /// Invalidates all keys of an object: its lookups, the lists it belongs to, and the results of
    /// [queries](crate::guide::queries) that carry one of its tags.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache did not confirm all of them. It is retried in the background, as with
    /// [`invalidate`](Self::invalidate).
    ///
    /// # Consistency
    ///
    /// The keys are those of the fields of this `object`. If a change moves the object to another key or list, invalidate it
    /// as it was and as it is: `invalidate((&old, &new))`. Other objects with the same tags stay cached:
    /// [`invalidate_tag`](Self::invalidate_tag) is for them.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, each key may or may not be invalidated, and nothing is retried.
    ///
    /// # Round trips
    ///
    /// One.
    pub async fn invalidate_object<T: Cached>(&self, object: &T) -> Result<(), Error> {
        let mut keys = KeySet::default();
        keys.add_object(object);
        self.engine.invalidate(self.engine.targets_of(self.scope, keys)).await
    }

    /// [`invalidate`](Self::invalidate) for all objects that carry the tag, however many. Cached
    /// ones are not served any more, and no fetch under way stores one.
    ///
    /// If a change gives an object another tag (a user moves to another organisation, for example), invalidate the
    /// object itself: the cached object still carries its old tag.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache did not confirm the invalidation. It is retried in the background
    /// for as long as the process lives. Until it succeeds, reads of this type in this process bypass the cache.
    ///
    /// # Consistency
    ///
    /// As with [`invalidate`](Self::invalidate): once this call has returned, later reads in any process never
    /// return an object with this tag that was read from the backing store before the call began. A cached absence
    /// carries no tags: when an object is created, invalidate it by its keys.
    ///
    /// No fetch of the type that is under way at that time is stored, whatever its tags. So if tags of a type are
    /// invalidated without a pause, nothing of that type gets into the cache. With a settle time (`settle`),
    /// nothing of the type is stored for that long.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the invalidation may or may not have happened, and is not retried.
    ///
    /// # Round trips
    ///
    /// Two, for any number of objects.
    pub async fn invalidate_tag<T: Cached>(&self, tag: Tag<T>) -> Result<(), Error> {
        self.invalidate(tag).await
    }

    /// [`invalidate_tag`](Self::invalidate_tag) for several tags of one type, in two round trips.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`], if some of them could not be invalidated.
    pub async fn invalidate_tags<T: Cached>(
        &self,
        tags: impl IntoIterator<Item = Tag<T>>,
    ) -> Result<(), Error> {
        self.invalidate_many(tags).await
    }

    /// Invalidates everything of a type at once, in constant time (other caches call this "clear"): all objects and
    /// lists, all cached absences, and the results of queries that carry a tag of the type.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # async fn example(cow: cachecow::CacheCow) -> Result<(), cachecow::Error> {
    /// use cachecow::Cached;
    ///
    /// #[derive(Cached)]
    /// #[cache(clearable = true)]
    /// #[cache(key = "user:{id}", fetch = User::find)]
    /// struct User { id: i64 }
    /// # impl User {
    /// #     async fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id }) }
    /// # }
    ///
    /// cow.invalidate_type::<User>().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The struct needs `#[cache(clearable = true)]`, or a `table`; with any other type the call does not compile.
    /// Each stored value of such a type carries the type's epoch, and a hit reads that epoch in the same round
    /// trip. The call deletes no values, it changes the epoch. A value with an old epoch is replaced at its next
    /// read, or expires with its time to live. Types without the setting have no extra cost.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`], if the cache did not confirm it. It is retried in the background. Until it
    /// succeeds, reads of the type in this process bypass the cache.
    ///
    /// # Consistency
    ///
    /// As [`invalidate`](Self::invalidate): reads that start after this call has returned, in any process on the
    /// same cache, never return data that was read from the backing store before the call began. Such data is not
    /// stored either. To protect the change itself (a `TRUNCATE`, for example), use [`write`](Self::write) with
    /// [`AllOf`](crate::AllOf).
    ///
    /// # Round trips
    ///
    /// One.
    pub async fn invalidate_type<T: Clearable>(&self) -> Result<(), Error> {
        self.invalidate(AllOf::<T>::new()).await
    }

    /// Runs `work`, which changes the backing store, so that reads of `keys` are never stale afterwards, even if
    /// this process dies at any point.
    ///
    /// Before the work begins, the write removes the cached values and places a hold on each key, which prevents
    /// readers from filling it. After the work, the write removes the values again and releases the hold. In
    /// between, reads of these keys fetch. The work runs as it would without a cache, and **its result is returned
    /// as it is**, whatever its types: the cache never turns a successful work into an error. Whether the work
    /// succeeds or fails, the keys are invalidated. Several writes of one key may overlap.
    ///
    /// `keys` are a lookup, a tag, a cached object (all of its keys, and the results of
    /// [queries](crate::guide::queries) that carry one of its tags), or several of these in an array, a `Vec` or a
    /// tuple: `(&old, &new, Post::tag_author_id(7))`. If a write changes a field that is part of a key, name the
    /// object before and after the change. Name keys that are known only after the work with
    /// [`Write::invalidating`].
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), std::io::Error> {
    /// # use cachecow::{CacheCow, Key};
    /// # async fn update() -> Result<u64, std::io::Error> { Ok(1) }
    /// # let (cow, user) = (CacheCow::memory(), Key::from_hash(1));
    /// let rows = cow.write(&user, async { update().await }).await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Only the work's own. An invalidation that the cache did not confirm is counted, logged and retried in the
    /// background. [`Write::outcome`] reports it, and [`Write::require_hold`] does not begin the work without a
    /// hold.
    ///
    /// # Consistency
    ///
    /// The work must be over (committed or rolled back) when its future completes, and must complete within the
    /// hold's time to live (60 s by default). A settle time (`settle`) counts from the end of the work.
    ///
    /// If the cache could not be reached before the work nor after it, reads of the keys in this process bypass the
    /// cache until a retry succeeds. Other processes may be served the old value for its time to live.
    ///
    /// While a write that names a tag is under way, no object of that tag's type is stored. Objects that are cached
    /// with other tags are still served.
    ///
    /// # Cancellation
    ///
    /// See [`Write`]: if it is dropped while the work is under way, it is treated as if the process had died.
    ///
    /// # Round trips
    ///
    /// One before the work and one after it, for any number of keys. If a tag is named, two each time.
    pub fn write<'a, F, R, E>(&self, keys: impl CacheKeys, work: F) -> Write<'a, F>
    where
        F: Future<Output = Result<R, E>>,
    {
        Write::new(&self.engine, self.scope, &keys, work)
    }

    /// Asks the cache whether it can be reached: on a cluster, every master. If it answers, the circuit closes.
    ///
    /// Use it at the start, in a test or for an alert. Do not use it as a readiness check: a service works without its
    /// cache. [`health`](Self::health) is for that.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`]: the cache did not answer within [`operation_timeout`](Builder::operation_timeout)
    /// (500 ms), or it refused. The cause says which.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the circuit stays as it is.
    ///
    /// # Round trips
    ///
    /// One; on a cluster one to each master, at the same time.
    pub async fn ping(&self) -> Result<(), Error> {
        self.engine.pending.resume();
        self.engine.client.ping().await.map_err(|error| {
            let message = "ping: the cache cannot be used; reads are served by the fetch functions";
            Error::caused_by(ErrorKind::Unavailable, message, error)
        })
    }

    /// Closes the cache before the program ends: waits for the writes under way, and meanwhile sends the invalidations
    /// that have failed before, for up to [`close_timeout`](Builder::close_timeout) (5 s).
    ///
    /// From the call on, the fetch functions serve the reads of all clones, and nothing is stored. Writes and
    /// invalidations still work, but failed ones are not retried. Call it when requests have been drained and
    /// before the runtime is shut down.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: says how many invalidations are left. Other processes may serve the old
    /// objects for their time to live.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the cache stays closed, and what is outstanding may or may not have been sent. Another
    /// call waits and sends again.
    pub async fn close(&self) -> Result<(), Error> {
        self.engine.close().await
    }

    /// Returns an auditor with the default settings. Spawn its [`run`](Auditor::run) to check
    /// whether this process is served stale objects.
    pub fn auditor(&self) -> Auditor {
        Auditor::new(&self.engine, self.scope)
    }

    /// Returns the statistics since the cache was opened, by type.
    pub fn stats(&self) -> Stats {
        self.engine.stats()
    }
}

impl fmt::Debug for CacheCow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheCow")
            .field("engine", &self.engine)
            .field("scope", &self.scope)
            .finish()
    }
}
