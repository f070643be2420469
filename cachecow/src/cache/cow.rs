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

/// A cache in front of a backing store. Cheap to clone; all clones are one cache.
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
/// Once [`invalidate`](Self::invalidate) of a key has returned `Ok`, no read of that key that
/// starts afterwards, in any process that uses the same cache, returns a value that was read from
/// the backing store before that invalidation began. [The promise](crate::guide::promise) lists
/// what is not promised.
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
    /// Opens the cache at `url`: `memory://` for the embedded one, `redis://[user:password@]host[:port][/db]`,
    /// `rediss://…` (feature `tls`), `redis+unix:///path`, `redis+sentinel://a,b,c/name` for the master
    /// that sentinels name, or `redis+cluster://a,b,c` (feature `cluster`); `RedisBackend` has their
    /// forms in full. A backend of your own is opened by a scheme of its own, which
    /// [`Builder::backend_scheme`] gives it.
    ///
    /// A cache that cannot be reached is no error: reads are served by the fetch functions, and the
    /// connection is attempted again. [`ping`](Self::ping) tells whether it can be reached.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`].
    pub async fn open(url: &str) -> Result<Self, Error> {
        Self::builder().open(url).await
    }

    /// An embedded cache in this process's memory, with the same protocol.
    ///
    /// # Panics
    ///
    /// If the operating system gives no random numbers.
    pub fn memory() -> Self {
        Self::builder().memory().expect("the default settings are valid")
    }

    /// A builder with the default settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) fn new(engine: Engine) -> Self {
        Self { engine: Arc::new(engine), scope: Scope::default() }
    }

    /// This cache for another tenant: what is read, written and invalidated by the handle is of the scope that `scope`
    /// names, within this handle's, and of no other. The handle without a scope has one of its own, too.
    ///
    /// Callers of one key share a load and what it brings, whatever contexts they have. Where two contexts lead to
    /// different data, each gets a handle of its own:
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
    /// A handle costs one SHA-256, and is made for each request: it opens nothing, and the cache keeps nothing for it.
    /// All of them share the connection, this process's memory, the limits and the statistics; `close` and `stats` are
    /// of the whole cache. A number and a text that looks like it name different scopes, as in keys.
    ///
    /// # Consistency
    ///
    /// An invalidation, also of a tag, reaches its own scope alone. What changes for all tenants at once is invalidated
    /// in each, or is of a type that is read without a scope. An [`Auditor`] audits the reads of the scope of the handle
    /// that it is from, whose contexts it is given; there is one at a time.
    ///
    /// A [`Key`](crate::Key) that is invalidated by the handle is taken for one without a scope, too. The names in Redis
    /// do not show whose they are; [`Scope`] tells them, and the handle without a scope takes them as they are.
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn scoped(&self, scope: impl crate::key::KeyPart) -> Self {
        Self { scope: self.scope.within(scope), ..self.clone() }
    }

    /// The scope of this handle.
    pub fn scope(&self) -> Scope {
        self.scope
    }

    /// A view for reading objects whose fetch functions need `context`.
    ///
    /// # Consistency
    ///
    /// The context is no part of the key, and callers of one key share one load: a caller is returned the object, or
    /// the error, that the fetch with another caller's context gave. So all contexts of a type must lead to the
    /// same data, with the same rights to read it. Contexts that lead to different data (two tenants' databases,
    /// say) need handles of different scopes: `cow.scoped(tenant).with(&db)` (feature `scopes`); or caches with
    /// different namespaces.
    ///
    /// An open transaction leads to other data than its database: see [`View::uncached`].
    pub fn with<'a, C: ?Sized>(&'a self, context: &'a C) -> View<'a, C> {
        View::new(&self.engine, self.scope, context)
    }

    /// A view like that of [`with`](Self::with), whose loads may outlive the caller. The context is shared with
    /// them, and lookups must own their parts (`'static`), as the derive's do. Then:
    ///
    /// - A caller that is cancelled leaves its load to the others that ask for the object, and to the cache.
    /// - With `refresh_ahead`, an object is fetched anew in the background. No reader waits for that.
    /// - With `stale_if_error` and `soft_timeout`, a reader that has waited for so long is served the object that
    ///   is past its time to live ([`Source::Stale`](crate::Source::Stale)). The fetch goes on in the background,
    ///   and what it brings is stored. A fetch that hangs counts as one that failed.
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
    /// As with [`with`](Self::with), also of the contexts. What a load brings is stored only if no invalidation
    /// came in between, whoever waits for it. An invalidated object is never served.
    ///
    /// # Runtime
    ///
    /// Loads run as tasks of the caller's runtime and end with it. At most
    /// [`background_loads`](crate::Builder::background_loads) run at a time; further reads load as those of
    /// [`with`](Self::with). [`TypeStats::background_loads`](crate::TypeStats::background_loads) counts those that
    /// nobody waited for.
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

    /// What is cached for the lookup, and for how long; never fetches. The lookup may be of any context.
    ///
    /// It tells what a read would be served from the cache at this moment: verified like any hit, not past its
    /// time to live, and not past an invalidation. This process's memory is not asked, and the look counts
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
    /// [`ErrorKind::Unavailable`]: the cache did not answer, or not properly. A read would fetch.
    ///
    /// # Round trips
    ///
    /// As a hit of [`View::get`]: one, if this process knows where an alias leads and which tags an object has.
    pub async fn peek<L: Lookup>(&self, lookup: L) -> Result<Peek<L::Object>, Error> {
        peek::look(&self.engine, self.scope, &lookup).await
    }

    /// Removes what `keys` name from the cache, and keeps every fetch of it that is under way from
    /// storing what it read: a lookup's object, all of an object's keys, all objects that carry a tag; and the
    /// answers to [queries](crate::guide::queries) that carry the tag, or one of the object's.
    ///
    /// Call it after the change is committed to the backing store; [`write`](Self::write) also
    /// covers a process that dies in between.
    ///
    /// # Consistency
    ///
    /// A fetch function that reads a lagging replica may read what is older than the invalidation.
    /// Where the type or the builder has a time to settle (`settle`), nothing is stored for that
    /// long after the invalidation: what a lagging replica gives is returned and not kept.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache was not told. The invalidation is retried in the
    /// background for as long as the process lives; after the end of the runtime it was retried on, from
    /// the next use of this cache on another.
    ///
    /// # Cancellation
    ///
    /// Dropped, the invalidation may or may not have happened, and is not retried.
    ///
    /// # Round trips
    ///
    /// One.
    pub async fn invalidate<K: CacheKeys>(&self, keys: K) -> Result<(), Error> {
        self.engine.invalidate(self.engine.targets(self.scope, &keys)).await
    }

    /// [`invalidate`](Self::invalidate) for several lookups, in one round trip.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`], if the cache was not told about some of them; the others are
    /// invalidated.
    pub async fn invalidate_many<K: CacheKeys>(
        &self,
        lookups: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        let lookups: Vec<K> = lookups.into_iter().collect();
        self.engine.invalidate(self.engine.targets(self.scope, &lookups)).await
    }

    /// [`invalidate`](Self::invalidate) for every key that the object is found by, every list that it is in, and the
    /// answers to [queries](crate::guide::queries) that carry a tag of it, in one round trip.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`].
    pub async fn invalidate_object<T: Cached>(&self, object: &T) -> Result<(), Error> {
        let mut keys = KeySet::default();
        keys.add_object(object);
        self.engine.invalidate(self.engine.targets_of(self.scope, keys)).await
    }

    /// [`invalidate`](Self::invalidate) for all objects that carry the tag, however many: those in
    /// the cache are read no more, and no fetch that is under way stores one.
    ///
    /// Where a change gives an object another tag, as when a user moves to another organisation, the
    /// object itself is to be invalidated: the tag that it had is the one it is stored under.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: the cache was not told. The invalidation is retried in the
    /// background for as long as the process lives; until it succeeds, this process reads all objects
    /// of the type past the cache.
    ///
    /// # Consistency
    ///
    /// As with [`invalidate`](Self::invalidate), no read that starts after it returned, in any
    /// process, returns an object with this tag that was read from the backing store before it
    /// began. That an object is absent is remembered without tags: invalidate an object that comes to
    /// be by its keys.
    ///
    /// No fetch of the type that is under way at the time is stored, whatever its tags: tags that are
    /// invalidated again and again without a pause keep the whole type out of the cache. With a time
    /// to settle (`settle`), nothing of the type is stored for as long.
    ///
    /// # Cancellation
    ///
    /// Dropped, the invalidation may or may not have happened, and is not retried.
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
    /// [`ErrorKind::NotInvalidated`], if the cache was not told about some of them.
    pub async fn invalidate_tags<T: Cached>(
        &self,
        tags: impl IntoIterator<Item = Tag<T>>,
    ) -> Result<(), Error> {
        self.invalidate_many(tags).await
    }

    /// Invalidates everything of a type at once, in constant time: all objects, every absence that is cached, and the
    /// answers to queries that carry a tag of the type; what other caches call "clear".
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
    /// The struct has `#[cache(clearable = true)]`, or a `table`; of any other type it does not compile. What is stored
    /// of such a type carries one epoch, and a hit reads that epoch in its one round trip. Nothing is deleted: what has
    /// lost its epoch is replaced when it is read, and ends with its time to live. A type without the setting pays
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`], if the cache was not told. It is retried in the background, and until it succeeds
    /// this process reads the type past the cache.
    ///
    /// # Consistency
    ///
    /// As [`invalidate`](Self::invalidate): what was read from the backing store before this call began is not served by
    /// any read that begins after it, in any process on the same cache, and not stored. To cover the change itself,
    /// as `TRUNCATE`, use [`write`](Self::write) with [`AllOf`](crate::AllOf).
    ///
    /// # Round trips
    ///
    /// One.
    pub async fn invalidate_type<T: Clearable>(&self) -> Result<(), Error> {
        self.invalidate(AllOf::<T>::new()).await
    }

    /// Runs `work`, which changes the backing store, so that what it names is never stale afterwards, even if
    /// the process dies at any point.
    ///
    /// Before the work begins, the keys' values are removed and a hold is placed that keeps every
    /// reader from filling; it ends after the work, with another removal. Meanwhile reads fetch. The
    /// work runs as it would without a cache, and **its result is returned as it is**, of whatever types: a
    /// work that was carried out never becomes an error. Whether it succeeds or fails, the keys are
    /// invalidated. Several writes of one key may overlap.
    ///
    /// `keys` are a lookup, a tag, a cached object (all of its keys, and the answers to
    /// [queries](crate::guide::queries) that carry a tag of it), or several in an array, a `Vec` or a
    /// tuple: `(&old, &new, Post::tag_author_id(7))`. Where a write changes a field that an object is looked
    /// up by, name the object before and after. What is known only afterwards is named by
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
    /// The work's own. What the cache missed is counted, logged and retried in the background;
    /// [`Write::outcome`] tells it, and [`Write::require_hold`] does not begin the work without a hold.
    ///
    /// # Consistency
    ///
    /// The work must be over (committed or rolled back) when its future completes, and that
    /// within the hold's time to live (60 s by default). Where there is a time to settle (`settle`), it
    /// counts from the work's end.
    ///
    /// Where the cache could be told neither before the work nor after it, this process reads the keys past
    /// the cache until the retries succeed, and other processes may be served the old value for its time to live.
    ///
    /// While a write that names a tag is under way, no object of its type is stored; what is cached under
    /// other tags is served.
    ///
    /// # Cancellation
    ///
    /// See [`Write`]: dropped while the work is under way, it counts as died.
    ///
    /// # Round trips
    ///
    /// One before the work and one after it, for any number of keys; with tags one more each.
    pub fn write<'a, F, R, E>(&self, keys: impl CacheKeys, work: F) -> Write<'a, F>
    where
        F: Future<Output = Result<R, E>>,
    {
        Write::new(&self.engine, self.scope, &keys, work)
    }

    /// Asks the cache whether it can be reached; for health checks.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`].
    pub async fn ping(&self) -> Result<(), Error> {
        self.engine.pending.resume();
        self.engine.client.ping().await.map_err(|error| {
            let message = "ping: the cache cannot be used; reads are served by the fetch functions";
            Error::caused_by(ErrorKind::Unavailable, message, error)
        })
    }

    /// Ends the use of the cache, before the program ends: waits for the writes under way, and tells the cache of
    /// the invalidations that are outstanding, for up to [`close_timeout`](Builder::close_timeout) (5 s).
    ///
    /// From the call on, reads of all clones are served by the fetch functions and store nothing. Writes and
    /// invalidations are still carried out; what fails then is not retried. Call it when requests have been
    /// drained and before the runtime is shut down.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::NotInvalidated`]: how much is left. Other processes may serve those objects as they were, for
    /// their time to live.
    pub async fn close(&self) -> Result<(), Error> {
        self.engine.close().await
    }

    /// An auditor with the default settings: spawn its [`run`](Auditor::run) to learn whether this
    /// process is served stale objects.
    pub fn auditor(&self) -> Auditor {
        Auditor::new(&self.engine, self.scope)
    }

    /// What was counted since the cache was opened, by type.
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
