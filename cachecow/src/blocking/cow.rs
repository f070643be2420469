//! `CacheCow`, whose methods block.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::get_or_fetch::GetOrFetch;
use super::runtime::Runtime;
use super::view::{SharedView, View};
use super::write::Write;
use crate::cache::builder::Builder;
use crate::cache::cow;
use crate::cache::peek::Peek;
use crate::cache::read::Read;
use crate::error::Error;
use crate::health::Health;
use crate::key::{EncodedKey, Scope};
use crate::model::cached::{Cached, Clearable};
use crate::model::keys::CacheKeys;
use crate::model::list::ListLookup;
use crate::model::lookup::{Lookup, SameContext};
use crate::model::query::QueryLookup;
use crate::model::tag::Tag;
use crate::stats::Stats;

/// A cache in front of a backing store, for programs without an async runtime. Cheap to clone; all clones are one
/// cache, and any number of threads may use it.
///
/// Each method calls the method of the same name of the async [`cachecow::CacheCow`](crate::CacheCow), and blocks until it
/// is done. Consistency and round trips are the same: see there.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # fn main() -> Result<(), cachecow::Error> {
/// use cachecow::Cached;
/// use cachecow::blocking::CacheCow;
///
/// #[derive(Clone, Debug, PartialEq, Cached)]
/// #[cache(key = "square:{root}", fetch = blocking(Square::compute))]
/// struct Square { root: u32, value: u64 }
///
/// impl Square {
///     fn compute(root: u32) -> Result<Square, std::io::Error> {
///         Ok(Square { root, value: u64::from(root).pow(2) })
///     }
/// }
///
/// let cow = CacheCow::open("memory://")?;
/// let square = cow.get(Square::by_root(12))?.expect("every number has a square");
/// assert_eq!(square.value, 144);
///
/// cow.invalidate(Square::by_root(12))?;
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Errors
///
/// Inside an async runtime, every method that waits for the cache returns
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported), because it would block the runtime's thread. Only writes
/// ([`write`](Self::write), [`writing`](Self::writing)) are carried out there. Fetch functions in `blocking(…)`, and the work of a
/// write, may call all methods.
///
/// # Cancellation
///
/// A call cannot be cancelled: it returns when it is done.
///
/// # Runtime
///
/// The cache has its own runtime, with one thread named `cachecow`. This thread runs the connections and the background
/// work, such as retried invalidations, also between your calls. Async fetch functions are polled on the caller's thread,
/// those of [`with_shared`](Self::with_shared) on the cache's thread. Fetch functions in `blocking(…)` run on a pool of
/// threads. Dropping the last clone ends the runtime at once. Call [`close`](Self::close) first to wait for outstanding
/// invalidations.
#[derive(Clone, Debug)]
pub struct CacheCow {
    // Before its runtime, which it may still use when it is dropped.
    cow: cow::CacheCow,
    runtime: Runtime,
}

impl CacheCow {
    /// Opens the cache at `url` with the default settings, and starts its thread. The async
    /// [`open`](crate::CacheCow::open) lists the URLs.
    ///
    /// A cache that cannot be reached is not an error; [`ping`](Self::ping) tells whether it can be reached.
    ///
    /// # Errors
    ///
    /// The same as the async [`open`](crate::CacheCow::open)'s; and
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable), if the operating system provides no thread.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(Builder::default(), url)
    }

    /// Opens the cache at `url` with the builder's settings, as [`Builder::open`] does, and starts its thread.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::{Builder, blocking};
    ///
    /// let cow = blocking::CacheCow::open_with(Builder::default().near(64 << 20), "memory://")?;
    /// cow.ping()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// The same as [`open`](Self::open)'s; and [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig), for a setting
    /// that is not valid.
    pub fn open_with(builder: Builder, url: &str) -> Result<Self, Error> {
        let runtime = Runtime::start()?;
        let cow = runtime.wait("open", builder.open(url))?;
        Ok(Self { cow, runtime })
    }

    /// Opens an embedded cache in this process's memory, with the default settings, and starts its thread.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): the operating system provides no thread.
    ///
    /// # Panics
    ///
    /// If the operating system cannot provide random numbers.
    pub fn memory() -> Result<Self, Error> {
        let runtime = Runtime::start()?;
        let cow = runtime.enter(cow::CacheCow::memory);
        Ok(Self { cow, runtime })
    }

    /// Returns the async cache, for methods that this type lacks. [`block_on`](Self::block_on) waits for its futures, and
    /// [`spawn`](Self::spawn) runs them in the background.
    pub fn as_async(&self) -> &cow::CacheCow {
        &self.cow
    }

    /// Blocks until a future of the [async cache](Self::as_async) is done, for example one that starts to follow a change
    /// log. The future is polled on the caller's thread, inside this cache's runtime. Tasks that it spawns run until the last
    /// clone of this cache is dropped.
    ///
    /// ```no_run
    /// # #[cfg(all(feature = "derive", feature = "postgres-log"))]
    /// # fn main() -> Result<(), cachecow::Error> {
    /// # use cachecow::Cached;
    /// # #[derive(Cached)]
    /// # #[cache(table = "users")]
    /// # #[cache(key = "user:{id}", fetch = blocking(User::find))]
    /// # struct User { id: i64, name: String }
    /// # impl User {
    /// #     fn find(_: i64) -> Result<Option<User>, std::io::Error> { Ok(None) }
    /// # }
    /// use cachecow::blocking::CacheCow;
    /// use cachecow::log::PostgresLog;
    ///
    /// let cow = CacheCow::open("redis://127.0.0.1/")?;
    /// let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
    /// let follower = cow.block_on(cow.as_async().follow(log).types::<User>().start())?;
    /// println!("{}", follower.status());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(all(feature = "derive", feature = "postgres-log")))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// The future's own; and [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) inside an async runtime.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.wait("block_on", future)
    }

    /// Runs a future of the [async cache](Self::as_async) in the background, for example an auditor or the exporter of
    /// metrics. It runs on the cache's own thread, and must not block it. It ends at the latest when the last clone of this
    /// cache is dropped.
    ///
    /// ```
    /// # fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::blocking::CacheCow;
    ///
    /// let cow = CacheCow::open("memory://")?;
    /// let auditor = cow.as_async().auditor().one_in(1000);
    /// cow.spawn(auditor.run());
    /// # Ok(())
    /// # }
    /// ```
    pub fn spawn(&self, future: impl Future<Output = ()> + Send + 'static) {
        self.runtime.spawn(future);
    }

    /// Returns the scope of this handle.
    pub fn scope(&self) -> Scope {
        self.cow.scope()
    }

    /// Returns a handle of this cache for one tenant. See the async [`scoped`](crate::CacheCow::scoped).
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn scoped(&self, scope: impl crate::key::KeyPart) -> Self {
        Self { cow: self.cow.scoped(scope), runtime: self.runtime.clone() }
    }

    /// Returns a view that reads objects whose fetch functions need `context`. See the async
    /// [`with`](crate::CacheCow::with) for the rule about contexts.
    pub fn with<'a, C: ?Sized>(&'a self, context: &'a C) -> View<'a, C> {
        View { runtime: &self.runtime, view: self.cow.with(context) }
    }

    /// Returns a view like that of [`with`](Self::with), whose loads may outlive the call. See the async
    /// [`with_shared`](crate::CacheCow::with_shared).
    pub fn with_shared<'a, C: ?Sized>(&'a self, context: &'a Arc<C>) -> SharedView<'a, C> {
        SharedView { runtime: &self.runtime, view: self.cow.with_shared(context) }
    }

    /// Returns the object, from the cache or from its fetch function; `None` if it does not exist. The fetch function needs
    /// no context; for one that does, use [`with`](Self::with).
    ///
    /// # Errors
    ///
    /// The same as the async [`get`](crate::CacheCow::get)'s.
    pub fn get<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        self.with(&()).get(lookup)
    }

    /// Returns one entry for each lookup, in the same order, duplicates included; `None` for objects that do not exist.
    ///
    /// # Errors
    ///
    /// The same as the async [`get_many`](crate::CacheCow::get_many)'s.
    pub fn get_many<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        self.with(&()).get_many(lookups)
    }

    /// Returns the objects of a list, in the order in which its fetch function returned them.
    ///
    /// # Errors
    ///
    /// The same as the async [`list`](crate::CacheCow::list)'s.
    pub fn list<L: ListLookup<Context: SameContext<()>>>(
        &self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        self.with(&()).list(list)
    }

    /// Reads like [`get`](Self::get), and also says where the object came from.
    ///
    /// # Errors
    ///
    /// The same as the async [`read`](crate::CacheCow::read)'s.
    pub fn read<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Read<L::Object>, Error> {
        self.with(&()).read(lookup)
    }

    /// Returns the result of a [cached function](macro@crate::query), from the cache or by calling the function.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # fn main() -> Result<(), cachecow::Error> {
    /// use cachecow::blocking::CacheCow;
    ///
    /// #[cachecow::query(key = "primes:{below}", ttl = "5m")]
    /// async fn primes(below: u32) -> Result<Vec<u32>, std::io::Error> {
    ///     Ok((2..below).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).collect())
    /// }
    ///
    /// let cow = CacheCow::memory()?;
    /// assert_eq!(*cow.ask(primes::of(10))?, [2, 3, 5, 7]);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// A cached function is async, and is polled on the caller's thread. For a synchronous function use
    /// [`get_or_fetch`](Self::get_or_fetch).
    ///
    /// # Errors
    ///
    /// The same as the async [`ask`](crate::CacheCow::ask)'s.
    pub fn ask<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<()>>,
    {
        self.with(&()).ask(query)
    }

    /// Prepares a read of the value under `key`; on a miss, `fetch` is called, and its result is stored for `ttl`. The
    /// function is synchronous. Call [`run`](GetOrFetch::run) to read.
    pub fn get_or_fetch<F>(&self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'_, F> {
        self.with(&()).get_or_fetch(key, ttl, fetch)
    }

    /// Returns what is cached for the lookup, and for how long. It never fetches.
    ///
    /// # Errors
    ///
    /// The same as the async [`peek`](crate::CacheCow::peek)'s.
    pub fn peek<L: Lookup>(&self, lookup: L) -> Result<Peek<L::Object>, Error> {
        self.runtime.wait("peek", self.cow.peek(lookup))
    }

    /// Removes from the cache what `keys` name, and prevents fetches under way from storing what they have read. Call it
    /// after the change is committed.
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate`](crate::CacheCow::invalidate)'s.
    pub fn invalidate<K: CacheKeys>(&self, keys: K) -> Result<(), Error> {
        self.runtime.wait("invalidate", self.cow.invalidate(keys))
    }

    /// Invalidates several lookups, objects or tags in one call, like [`invalidate`](Self::invalidate).
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate_many`](crate::CacheCow::invalidate_many)'s.
    pub fn invalidate_many<K: CacheKeys>(
        &self,
        lookups: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        self.runtime.wait("invalidate_many", self.cow.invalidate_many(lookups))
    }

    /// Invalidates all keys of an object: its lookups, the lists it belongs to, and the results of queries that carry one
    /// of its tags.
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate_object`](crate::CacheCow::invalidate_object)'s.
    pub fn invalidate_object<T: Cached>(&self, object: &T) -> Result<(), Error> {
        self.runtime.wait("invalidate_object", self.cow.invalidate_object(object))
    }

    /// Invalidates all objects that carry the tag, and the results of queries that carry it.
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate_tag`](crate::CacheCow::invalidate_tag)'s.
    pub fn invalidate_tag<T: Cached>(&self, tag: Tag<T>) -> Result<(), Error> {
        self.runtime.wait("invalidate_tag", self.cow.invalidate_tag(tag))
    }

    /// Invalidates all objects that carry one of the tags, like [`invalidate_tag`](Self::invalidate_tag).
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate_tags`](crate::CacheCow::invalidate_tags)'s.
    pub fn invalidate_tags<T: Cached>(
        &self,
        tags: impl IntoIterator<Item = Tag<T>>,
    ) -> Result<(), Error> {
        self.runtime.wait("invalidate_tags", self.cow.invalidate_tags(tags))
    }

    /// Invalidates everything of a type, in constant time. The struct needs `#[cache(clearable = true)]` or a `table`.
    ///
    /// # Errors
    ///
    /// The same as the async [`invalidate_type`](crate::CacheCow::invalidate_type)'s.
    pub fn invalidate_type<T: Clearable>(&self) -> Result<(), Error> {
        self.runtime.wait("invalidate_type", self.cow.invalidate_type::<T>())
    }

    /// Runs `work`, which changes the backing store, so that reads of `keys` are never stale afterwards, even if this process
    /// dies at any point. The work runs on the caller's thread, and may use the cache. For more options use
    /// [`writing`](Self::writing).
    ///
    /// # Errors
    ///
    /// Only the work's own.
    ///
    /// # Consistency
    ///
    /// The same as the async [`write`](crate::CacheCow::write)'s. If the work panics, it is treated as if the process had
    /// died: the holds stay until they expire.
    ///
    /// # Runtime
    ///
    /// Inside an async runtime the write is carried out, too. It blocks the runtime's thread until it is done.
    pub fn write<R, E>(
        &self,
        keys: impl CacheKeys,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        self.writing(keys, work).run()
    }

    /// Prepares a [`write`](Self::write). Set its options, then call [`run`](Write::run).
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # use cachecow::{Cached, Source, blocking::CacheCow};
    /// # #[derive(Clone, Cached)]
    /// # #[cache(key = "user:{id}", fetch = blocking(User::find))]
    /// # struct User { id: i64, name: String }
    /// # impl User {
    /// #     fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id, name: "Ann".into() }) }
    /// #     fn rename(id: i64) -> Result<User, std::io::Error> { User::find(id) }
    /// # }
    /// # let cow = CacheCow::memory()?;
    /// // `UPDATE … RETURNING *`
    /// cow.writing(User::by_id(1), || User::rename(1)).storing(|user| Some(user)).run()?;
    /// assert_eq!(cow.read(User::by_id(1))?.source, Source::Cache);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    pub fn writing<R, E, W>(&self, keys: impl CacheKeys, work: W) -> Write<'_, W, R, E>
    where
        W: FnOnce() -> Result<R, E>,
    {
        Write::new(&self.runtime, |place| self.cow.write(keys, place), work)
    }

    /// Asks the cache whether it can be reached. If it answers, the circuit closes.
    ///
    /// # Errors
    ///
    /// The same as the async [`ping`](crate::CacheCow::ping)'s.
    pub fn ping(&self) -> Result<(), Error> {
        self.runtime.wait("ping", self.cow.ping())
    }

    /// Closes the cache before the program ends: waits for the writes under way, and sends the invalidations that have
    /// failed before, for up to [`close_timeout`](Builder::close_timeout) (5 s).
    ///
    /// # Errors
    ///
    /// The same as the async [`close`](crate::CacheCow::close)'s.
    pub fn close(&self) -> Result<(), Error> {
        self.runtime.wait("close", self.cow.close())
    }

    /// Returns the health of the cache, as far as this process knows it. It sends nothing to the cache.
    pub fn health(&self) -> Health {
        self.cow.health()
    }

    /// Returns the statistics since the cache was opened, by type.
    pub fn stats(&self) -> Stats {
        self.cow.stats()
    }
}
