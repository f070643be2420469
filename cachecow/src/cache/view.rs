//! Reading through the cache.

use std::sync::Arc;
use std::time::Duration;

use crate::cache::peek::{self, Peek};
use crate::cache::read::{Read, ReadOptions, Source};
use crate::engine::Engine;
use crate::engine::read::{
    ObjectQuery, TypedLoader, Unfinished, batch, load_one, loaded_arc, look_one, near_hit, typed,
};
use crate::error::Error;
use crate::key::Scope;
use crate::model::lookup::{Lookup, SameContext};
use crate::near::{Near, NearHit};
use crate::protocol::{Fill, Outcome, Purpose};

/// A [`CacheCow`](crate::CacheCow) together with what the fetch functions need.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// let users = cow.with(&db);                                  // a view, which is `Copy`
/// let ann = users.get(User::by_id(1)).await?;
/// let team = users.get_many([1, 2].map(User::by_id)).await?;
/// let reread = users.fresh().get(User::by_id(1)).await?;      // an option for the reads of this view
/// assert_eq!((ann, team.len()), (reread, 2));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug)]
pub struct View<'a, C: ?Sized> {
    pub(crate) engine: &'a Arc<Engine>,
    pub(crate) scope: Scope,
    pub(super) context: &'a C,
    pub(super) options: ReadOptions,
}

impl<'a, C: ?Sized> View<'a, C> {
    pub(crate) fn new(engine: &'a Arc<Engine>, scope: Scope, context: &'a C) -> Self {
        Self { engine, scope, context, options: ReadOptions::new() }
    }

    /// Returns the same view, with reads that bypass this process's memory (the near tier): their results are as
    /// fresh as the cache.
    #[must_use]
    pub fn past_near(self) -> Self {
        Self { options: self.options.past_near(), ..self }
    }

    /// Returns the same view, with reads that always fetch and replace the cached object; see
    /// [`ReadOptions::fresh`].
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
    /// use cachecow::{CacheCow, Cached};
    ///
    /// #[derive(Cached)]
    /// #[cache(context = AtomicU32)]
    /// #[cache(key = "visits:{page}", fetch = Visits::count)]
    /// struct Visits { page: String, count: u32 }
    /// # impl Visits {
    /// #     async fn count(visits: &AtomicU32, page: &str) -> Result<Visits, std::io::Error> {
    /// #         Ok(Visits { page: page.to_owned(), count: visits.fetch_add(1, Relaxed) + 1 })
    /// #     }
    /// # }
    /// # let database = AtomicU32::new(0);
    ///
    /// let cow = CacheCow::memory();
    /// let view = cow.with(&database);
    /// assert_eq!(view.get(Visits::by_page("/")).await?.unwrap().count, 1);
    /// assert_eq!(view.get(Visits::by_page("/")).await?.unwrap().count, 1);
    /// assert_eq!(view.fresh().get(Visits::by_page("/")).await?.unwrap().count, 2);
    /// assert_eq!(view.get(Visits::by_page("/")).await?.unwrap().count, 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    #[must_use]
    pub fn fresh(self) -> Self {
        Self { options: self.options.fresh(), ..self }
    }

    /// Returns the same view, with reads that store with this time to live; see [`ReadOptions::ttl`].
    #[must_use]
    pub fn ttl(self, ttl: Duration) -> Self {
        Self { options: self.options.ttl(ttl), ..self }
    }

    /// Returns the same view, with reads that store nothing; see [`ReadOptions::no_store`].
    #[must_use]
    pub fn no_store(self) -> Self {
        Self { options: self.options.no_store(), ..self }
    }

    /// Returns the same view without the cache: every read calls the fetch function, and nothing is looked up,
    /// claimed or stored. Use it in an open transaction, for code that reads by the same lookups.
    ///
    /// Such code must not read through the cache. A hit may be older than what the transaction has seen or written.
    /// And what the transaction fetches may be rolled back later, or be older than what others have committed since
    /// the transaction began. If that were stored, other callers would be served it for its time to live, and no
    /// invalidation would remove it. So run the whole transaction as the work of
    /// [`CacheCow::write`](crate::CacheCow::write): then only its commit changes the cache.
    ///
    /// A lookup has one context type, and a transaction has another type than its pool. Make the context an enum of
    /// both. (The fetch functions take a shared reference, but only one query at a time can use a transaction: put
    /// the transaction into a mutex.)
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use std::io;
    /// # struct PgPool;
    /// # impl PgPool {
    /// #     async fn balance(&self, _: i64) -> Result<i64, io::Error> { Ok(100) }
    /// #     async fn begin(&self) -> Result<Transaction, io::Error> { Ok(Transaction(100)) }
    /// # }
    /// # struct Transaction(i64);
    /// # impl Transaction {
    /// #     async fn balance(&mut self, _: i64) -> Result<i64, io::Error> { Ok(self.0) }
    /// #     async fn pay(&mut self, _: i64, sum: i64) -> Result<(), io::Error> { self.0 -= sum; Ok(()) }
    /// #     async fn commit(self) -> Result<(), io::Error> { Ok(()) }
    /// # }
    /// # #[derive(Debug)] enum AppError { Cache(cachecow::Error), Database(io::Error) }
    /// # impl From<cachecow::Error> for AppError {
    /// #     fn from(error: cachecow::Error) -> Self { Self::Cache(error) }
    /// # }
    /// # impl From<io::Error> for AppError {
    /// #     fn from(error: io::Error) -> Self { Self::Database(error) }
    /// # }
    /// use cachecow::{CacheCow, Cached};
    /// use tokio::sync::Mutex;
    ///
    /// /// Where the fetch functions read. With sqlx: `PgPool`, and `Transaction<'static, Postgres>`.
    /// enum Db {
    ///     Pool(PgPool),
    ///     Transaction(Mutex<Transaction>),
    /// }
    ///
    /// #[derive(Cached)]
    /// #[cache(context = Db)]
    /// #[cache(key = "account:{id}", fetch = Account::find)]
    /// struct Account { id: i64, balance: i64 }
    ///
    /// impl Account {
    ///     async fn find(db: &Db, id: i64) -> Result<Account, io::Error> {
    ///         let balance = match db {
    ///             Db::Pool(pool) => pool.balance(id).await?,
    ///             Db::Transaction(transaction) => transaction.lock().await.balance(id).await?,
    ///         };
    ///         Ok(Account { id, balance })
    ///     }
    /// }
    ///
    /// # let (pool, cow) = (PgPool, CacheCow::memory());
    /// let paid = cow.write(Account::by_id(1), async {
    ///     let db = Db::Transaction(Mutex::new(pool.begin().await?));
    ///     let account = cow.with(&db).uncached().get(Account::by_id(1)).await?.unwrap();
    ///     let Db::Transaction(transaction) = db else { unreachable!("it was just made") };
    ///     let mut transaction = transaction.into_inner();
    ///     if account.balance >= 30 {
    ///         transaction.pay(1, 30).await?;
    ///     }
    ///     transaction.commit().await?;
    ///     Ok::<_, AppError>(account.balance >= 30)
    /// });
    /// assert!(paid.await.unwrap());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// Each read returns the fetch function's own errors.
    ///
    /// # Round trips
    ///
    /// None to the cache. `get_many` calls `fetch_many` once, as always.
    #[must_use]
    pub fn uncached(self) -> Self {
        self.fresh().no_store()
    }

    /// The near tier, if this view's reads may use it.
    #[inline]
    pub(super) fn near<L: Lookup>(&self) -> Option<&'a Near> {
        if self.options.uses_near() { self.engine.near::<L::Object>() } else { None }
    }
}

impl<C: ?Sized> Clone for View<'_, C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C: ?Sized> Copy for View<'_, C> {}

// By value: a view is `Copy`, and `join!(cow.with(&db).get(a), …)` would otherwise borrow from a temporary.
impl<'a, C: ?Sized + Sync> View<'a, C> {
    /// Returns the object, from the cache or, on a miss, from the backing store; `None` if it does not exist.
    ///
    /// Callers in one process that ask for the same object at the same time share one fetch. If several processes
    /// fetch it, one of them fills the cache. The fetch uses the context of the first caller: if contexts lead to
    /// different data, use handles of different scopes (see [`CacheCow::with`](crate::CacheCow::with)).
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), with the fetch function's own error; nothing is cached then.
    /// The cache itself is never the reason for an error.
    ///
    /// # Consistency
    ///
    /// Never older than an invalidation that had returned before the read began; see
    /// [`CacheCow::with`](crate::CacheCow::with). A read that began before a write may return the old value.
    ///
    /// # Cancellation
    ///
    /// If the future is dropped, the read gives its claim back at once, and another caller that shared its fetch
    /// takes over. If its runtime ends at the same time, a thread gives the claim back, on a new connection. The
    /// last clone of the cache waits for that thread when it is dropped: a fifth of a second, or as long as two
    /// operations may take if the cache does not answer. If the process ends earlier, or the cache cannot be
    /// reached, the claim ends with its lease. Until then, other processes fetch the object and do not store it.
    ///
    /// A read that is kept but no longer polled (beside a slow branch of a `select!`, for example) blocks callers
    /// of the same key for at most [`load_wait`](crate::Builder::load_wait).
    ///
    /// # Round trips
    ///
    /// A hit takes one. A miss takes two, or three while most reads of the type are hits. For a type with tags, a
    /// miss takes two more.
    ///
    /// A hit by an alias takes one as well: it asks for the pointer, and at the same time for the object that the
    /// pointer led to last time. A hit of an object with tags takes one too: it asks for the value, and for the
    /// epochs of the tags that the object had last time. If this process does not remember these, or they have
    /// changed, a hit takes one more for each of the two; see [`Builder::hints`](crate::Builder::hints).
    ///
    /// A miss by an alias takes four, or five while most reads are hits. It calls the fetch function twice, because
    /// an object that was fetched before its primary key was claimed must not be stored there. It calls the
    /// function once if the object is cached under its primary key, or if this process remembers where the alias
    /// leads.
    pub async fn get<L: Lookup<Context: SameContext<C>>>(
        self,
        lookup: L,
    ) -> Result<Option<Arc<L::Object>>, Error> {
        Ok(self.read(lookup).await?.value)
    }

    /// Reads like [`get`](Self::get), with the same consistency, cancellation and round trips, and also says where the
    /// object came from.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch).
    pub async fn read<L: Lookup<Context: SameContext<C>>>(
        self,
        lookup: L,
    ) -> Result<Read<L::Object>, Error> {
        let read = self.read_unaudited(&lookup).await?;
        self.sample(&lookup, &read);
        Ok(read)
    }

    /// Offers the read to the auditor, if it is a hit.
    #[inline]
    pub(super) fn sample<L: Lookup>(self, lookup: &L, read: &Read<L::Object>) {
        if matches!(read.source, Source::Near | Source::Cache) {
            self.engine.sample(self.scope, lookup, read.value.as_ref());
        }
    }

    /// [`read`](Self::read), with options for this read alone.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch).
    pub async fn read_with<L: Lookup<Context: SameContext<C>>>(
        self,
        lookup: L,
        options: ReadOptions,
    ) -> Result<Read<L::Object>, Error> {
        Self { options: options.or(self.options), ..self }.read(lookup).await
    }

    /// [`read`](Self::read) for the auditor, which must not audit its own reads.
    pub(crate) async fn read_unaudited<L: Lookup<Context: SameContext<C>>>(
        self,
        lookup: &L,
    ) -> Result<Read<L::Object>, Error> {
        let timer = self.engine.timings.begin();
        // Not boxed: a box would make a hit of the cache a tenth slower, and a near hit hardly faster.
        let read = match self.begin(lookup).await {
            Ok(read) => Ok(read),
            // Boxed, so that the future of a hit stays small.
            Err(begun) => Box::pin(self.load(*begun)).await,
        };
        timer.end(self.engine, |engine| engine.types.of_lookup(lookup), &read, |read| read.source);
        read
    }

    /// [`CacheCow::peek`](crate::CacheCow::peek). The options of the view have no effect.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`](crate::ErrorKind::Unavailable).
    pub async fn peek<L: Lookup>(self, lookup: L) -> Result<Peek<L::Object>, Error> {
        peek::look(self.engine, self.scope, &lookup).await
    }

    /// Returns one entry for each lookup, in the same order, duplicates included; `None` for
    /// objects that do not exist.
    ///
    /// Misses are fetched by one call of `fetch_many`, or by calls of `fetch`, a bounded number at
    /// a time.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Fetch`](crate::ErrorKind::Fetch), if any fetch failed. Objects that were fetched are cached
    /// nevertheless.
    ///
    /// # Consistency
    ///
    /// As [`get`](Self::get), for each object. The objects may be of different moments: read them in one transaction
    /// if they must fit together.
    ///
    /// # Cancellation
    ///
    /// As [`get`](Self::get), for each object.
    ///
    /// # Round trips
    ///
    /// As [`get`](Self::get), for any number of objects. (A pipeline carries commands of up to 512
    /// keys each.)
    pub async fn get_many<L: Lookup<Context: SameContext<C>>>(
        self,
        lookups: impl IntoIterator<Item = L>,
    ) -> Result<Vec<Option<Arc<L::Object>>>, Error> {
        let lookups: Vec<L> = lookups.into_iter().collect();
        let timer = self.engine.timings.begin_many(lookups.len());
        let read = Box::pin(self.read_many(&lookups)).await;
        timer.end(self.engine, |engine| engine.types.of::<L::Object>(), &read, |read| read.1);
        read.map(|(objects, _)| objects)
    }

    /// [`get_many`](Self::get_many) as a part of another read, which is timed as a whole. Also returns the slowest
    /// of the objects' sources.
    pub(super) async fn read_many<L: Lookup<Context: SameContext<C>>>(
        self,
        lookups: &[L],
    ) -> Result<(Vec<Option<Arc<L::Object>>>, Source), Error> {
        let named = (self.engine, self.scope);
        let context = SameContext::of(self.context);
        batch::get_many(named, self.near::<L>(), context, lookups, self.options.load()).await
    }

    /// Looks into this process's memory, then asks the cache in one round trip. On a miss, returns the read to be
    /// continued.
    #[inline]
    pub(super) async fn begin<'l, L: Lookup<Context: SameContext<C>>>(
        self,
        lookup: &'l L,
    ) -> Result<Read<L::Object>, Box<Begun<'l, L>>>
    where
        'a: 'l,
    {
        let engine = self.engine;
        let state = engine.types.of_lookup(lookup);
        let near = self.near::<L>();
        let parts = lookup.key();
        let key = self.scope.key(parts.key());
        engine.note_read::<L>(self.scope, key);
        // Before anything else is built, which would make a near hit a fifth slower.
        if let Some(NearHit(object)) = near_hit(engine, near, lookup, key, &parts) {
            state.near_hits(1);
            return Ok(Read::new(object, Source::Near, Fill::Skipped));
        }
        let options = self.options.load();
        let mut query = ObjectQuery::new(engine, state, near, lookup, (self.scope, key, parts));
        let mut read = engine.read_of(self.scope, lookup, query.key, state);
        if options.purpose != Purpose::Serve {
            // Built in place: moving either would make a hit a few percent slower.
            query.set_purpose(options.purpose);
            read.set_purpose(options.purpose);
        }
        query.prepare();
        match look_one(engine, state, &mut query, read).await {
            Ok(object) => Ok(Read::by(Outcome::Hit, object)),
            Err(unfinished) => Err(Box::new((query, unfinished))),
        }
    }

    /// Continues a read that was not a plain hit.
    pub(super) async fn load<L: Lookup<Context: SameContext<C>>>(
        self,
        (query, unfinished): Begun<'_, L>,
    ) -> Result<Read<L::Object>, Error> {
        let loader = TypedLoader::one(
            self.engine,
            query.state,
            SameContext::of(self.context),
            &query,
            self.options.load(),
        );
        let ended = load_one(self.engine, &loader, unfinished.map(loaded_arc)).await;
        let (object, outcome) = ended?;
        Ok(Read::by(outcome, object.map(typed::<L>)))
    }
}

/// A read whose first round was a miss.
pub(super) type Begun<'l, L> = (ObjectQuery<'l, L>, Unfinished<Option<Arc<<L as Lookup>::Object>>>);
