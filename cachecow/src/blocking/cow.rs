//! `CacheCow`, whose methods wait.

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
/// Each method waits for the one of its name of [`cachecow::CacheCow`](crate::CacheCow), whose documentation says what
/// it promises.
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
/// Besides those of its own, each method that waits for the cache gives
/// [`ErrorKind::Unsupported`](crate::ErrorKind::Unsupported) inside of an async runtime, whose thread it would block;
/// [`write`](Self::write) does not.
/// In a fetch function in `blocking(…)`, and in the work of a write, all of them may be used.
///
/// # Runtime
///
/// The cache has a runtime of its own, of one thread that is called `cachecow`. On that thread connections are driven,
/// and what goes on in the background, such as the retries of an invalidation, also between two calls. Fetch functions
/// that are async are polled on the caller's thread; those in `blocking(…)` run on a pool of threads. With the last
/// clone the runtime ends, and it waits for nothing: [`close`](Self::close) does.
#[derive(Clone, Debug)]
pub struct CacheCow {
    // Before its runtime, which it may still use when it is dropped.
    cow: cow::CacheCow,
    runtime: Runtime,
}

impl CacheCow {
    /// [`CacheCow::open`](crate::CacheCow::open).
    ///
    /// # Errors
    ///
    /// As those of it; [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable) if the operating system gives no
    /// thread.
    pub fn open(url: &str) -> Result<Self, Error> {
        Self::open_with(Builder::default(), url)
    }

    /// Opens the cache at `url` with the builder's settings: [`Builder::open`].
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
    /// As those of [`open`](Self::open), and [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn open_with(builder: Builder, url: &str) -> Result<Self, Error> {
        let runtime = Runtime::start()?;
        let cow = runtime.wait("open", builder.open(url))?;
        Ok(Self { cow, runtime })
    }

    /// [`CacheCow::memory`](crate::CacheCow::memory).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable): the operating system gives no thread.
    ///
    /// # Panics
    ///
    /// If the operating system gives no random numbers.
    pub fn memory() -> Result<Self, Error> {
        let runtime = Runtime::start()?;
        let cow = runtime.enter(cow::CacheCow::memory);
        Ok(Self { cow, runtime })
    }

    /// The async cache below, for what this one has no method for. [`block_on`](Self::block_on) waits for its futures, and
    /// [`spawn`](Self::spawn) leaves them to run.
    pub fn as_async(&self) -> &cow::CacheCow {
        &self.cow
    }

    /// Waits for a future of the [async cache](Self::as_async), with this cache's runtime: to follow a change log, say.
    /// What it spawns goes on until the last clone of this cache is dropped.
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
    /// The future's own.
    pub fn block_on<T>(&self, future: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        self.runtime.wait("block_on", future)
    }

    /// Runs a future of the [async cache](Self::as_async) on the cache's own thread, which it must not block, until it is
    /// over or the last clone of this cache is dropped: an auditor, or the exporter of metrics.
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

    /// [`CacheCow::scope`](crate::CacheCow::scope).
    pub fn scope(&self) -> Scope {
        self.cow.scope()
    }

    /// [`CacheCow::scoped`](crate::CacheCow::scoped).
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn scoped(&self, scope: impl crate::key::KeyPart) -> Self {
        Self { cow: self.cow.scoped(scope), runtime: self.runtime.clone() }
    }

    /// [`CacheCow::with`](crate::CacheCow::with).
    pub fn with<'a, C: ?Sized>(&'a self, context: &'a C) -> View<'a, C> {
        View { runtime: &self.runtime, view: self.cow.with(context) }
    }

    /// [`CacheCow::with_shared`](crate::CacheCow::with_shared).
    pub fn with_shared<'a, C: ?Sized>(&'a self, context: &'a Arc<C>) -> SharedView<'a, C> {
        SharedView { runtime: &self.runtime, view: self.cow.with_shared(context) }
    }

    /// [`CacheCow::get`](crate::CacheCow::get).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn get<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        self.with(&()).get(lookup)
    }

    /// [`CacheCow::get_many`](crate::CacheCow::get_many).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn get_many<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        self.with(&()).get_many(lookups)
    }

    /// [`CacheCow::list`](crate::CacheCow::list).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn list<L: ListLookup<Context: SameContext<()>>>(
        &self,
        list: L,
    ) -> Result<Vec<Arc<L::Object>>, Error> {
        self.with(&()).list(list)
    }

    /// [`CacheCow::read`](crate::CacheCow::read).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn read<L: Lookup<Context: SameContext<()>>>(
        &self,
        lookup: L,
    ) -> Result<Read<L::Object>, Error> {
        self.with(&()).read(lookup)
    }

    /// [`CacheCow::ask`](crate::CacheCow::ask).
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
    /// A cached function is async, and is polled on this thread. For a synchronous function there is
    /// [`get_or_fetch`](Self::get_or_fetch).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn ask<Q>(&self, query: Q) -> Result<Q::Output, Error>
    where
        Q: QueryLookup<Needs: SameContext<()>>,
    {
        self.with(&()).ask(query)
    }

    /// [`CacheCow::get_or_fetch`](crate::CacheCow::get_or_fetch), by a function that blocks. It begins with
    /// [`run`](GetOrFetch::run).
    pub fn get_or_fetch<F>(&self, key: EncodedKey, ttl: Duration, fetch: F) -> GetOrFetch<'_, F> {
        self.with(&()).get_or_fetch(key, ttl, fetch)
    }

    /// [`CacheCow::peek`](crate::CacheCow::peek).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn peek<L: Lookup>(&self, lookup: L) -> Result<Peek<L::Object>, Error> {
        self.runtime.wait("peek", self.cow.peek(lookup))
    }

    /// [`CacheCow::invalidate`](crate::CacheCow::invalidate).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate<K: CacheKeys>(&self, keys: K) -> Result<(), Error> {
        self.runtime.wait("invalidate", self.cow.invalidate(keys))
    }

    /// [`CacheCow::invalidate_many`](crate::CacheCow::invalidate_many).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate_many<K: CacheKeys>(
        &self,
        lookups: impl IntoIterator<Item = K>,
    ) -> Result<(), Error> {
        self.runtime.wait("invalidate_many", self.cow.invalidate_many(lookups))
    }

    /// [`CacheCow::invalidate_object`](crate::CacheCow::invalidate_object).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate_object<T: Cached>(&self, object: &T) -> Result<(), Error> {
        self.runtime.wait("invalidate_object", self.cow.invalidate_object(object))
    }

    /// [`CacheCow::invalidate_tag`](crate::CacheCow::invalidate_tag).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate_tag<T: Cached>(&self, tag: Tag<T>) -> Result<(), Error> {
        self.runtime.wait("invalidate_tag", self.cow.invalidate_tag(tag))
    }

    /// [`CacheCow::invalidate_tags`](crate::CacheCow::invalidate_tags).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate_tags<T: Cached>(
        &self,
        tags: impl IntoIterator<Item = Tag<T>>,
    ) -> Result<(), Error> {
        self.runtime.wait("invalidate_tags", self.cow.invalidate_tags(tags))
    }

    /// [`CacheCow::invalidate_type`](crate::CacheCow::invalidate_type).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn invalidate_type<T: Clearable>(&self) -> Result<(), Error> {
        self.runtime.wait("invalidate_type", self.cow.invalidate_type::<T>())
    }

    /// [`CacheCow::write`](crate::CacheCow::write), carried out at once. The work runs on this thread, and may use the
    /// cache. What else a write can do, [`writing`](Self::writing) does.
    ///
    /// # Errors
    ///
    /// The work's own.
    ///
    /// # Consistency
    ///
    /// A work that panics counts as died: its holds stay until they expire.
    ///
    /// # Runtime
    ///
    /// Inside of an async runtime it blocks the thread, as the work does, and is carried out all the same.
    pub fn write<R, E>(
        &self,
        keys: impl CacheKeys,
        work: impl FnOnce() -> Result<R, E>,
    ) -> Result<R, E> {
        self.writing(keys, work).run()
    }

    /// [`write`](Self::write), not begun yet: say what else is to be done, then [`run`](Write::run) it.
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

    /// [`CacheCow::ping`](crate::CacheCow::ping).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn ping(&self) -> Result<(), Error> {
        self.runtime.wait("ping", self.cow.ping())
    }

    /// [`CacheCow::close`](crate::CacheCow::close).
    ///
    /// # Errors
    ///
    /// As those of it.
    pub fn close(&self) -> Result<(), Error> {
        self.runtime.wait("close", self.cow.close())
    }

    /// [`CacheCow::health`](crate::CacheCow::health).
    pub fn health(&self) -> Health {
        self.cow.health()
    }

    /// [`CacheCow::stats`](crate::CacheCow::stats).
    pub fn stats(&self) -> Stats {
        self.cow.stats()
    }
}
