//! A cache for tests.

use std::future::Future;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::faults::{Condition, Faults};
use crate::backend::CacheBackend;
#[cfg(feature = "redis")]
use crate::backend::RedisBackend;
use crate::cache::builder::Builder;
use crate::cache::cow::CacheCow;
use crate::engine::recorder::Recorder;
use crate::error::Error;

/// How long an operation may take on a real server. It is long, so that no test fails because a machine is slow.
#[cfg(feature = "redis")]
const PATIENCE: Duration = Duration::from_secs(60);
/// How long an attempt to connect may take there.
#[cfg(feature = "redis")]
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// A [`CacheCow`] for tests. It derefs to the cache, which is embedded in this process unless [`over`](Self::over) gives
/// it a backend; [`cow`](Self::cow) is the handle for the tested code.
///
/// It records the operations of all its handles, for its `assert_…` methods. It can simulate faults: see
/// [`go_down`](Self::go_down). Clones are one cache.
///
/// # Time
///
/// All its parts use tokio's clock: the time to live of values, also in the near tier and for `stale_if_error`;
/// leases, holds and `settle`; timeouts, retries and the circuit breaker. Pause it with
/// `#[tokio::test(start_paused = true)]` (tokio's feature `test-util`), and move it with `tokio::time::advance`. If no
/// task can run, tokio moves a paused clock to the next timer, so waiting takes no time:
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread", start_paused = true)]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::testing::TestCache;
/// use cachecow::{Cached, Source};
///
/// #[derive(Cached)]
/// #[cache(ttl = "10m")]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64 }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id }) }
/// # }
///
/// let cache = TestCache::new();
/// assert_eq!(cache.read(User::by_id(42)).await?.source, Source::Fetched);
/// assert_eq!(cache.read(User::by_id(42)).await?.source, Source::Cache);
/// tokio::time::advance(Duration::from_secs(600)).await;
/// assert_eq!(cache.read(User::by_id(42)).await?.source, Source::Fetched);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// Do not pause the clock in a test with real sockets. While a task waits for a database, tokio has nothing else to
/// do and moves the paused clock to the next timer, and that may be a timeout.
///
/// The cache has no jitter ([`Builder::ttl_jitter`]), so that a time to live is exact, unless you pass a builder. If you set
/// [`Builder::clock`], values expire by that clock, not by tokio's.
#[derive(Clone, Debug)]
pub struct TestCache {
    cow: CacheCow,
    faults: Arc<Faults>,
    pub(super) recorder: Arc<Recorder>,
}

impl TestCache {
    /// An empty embedded cache with the default settings, without jitter.
    ///
    /// # Panics
    ///
    /// If the operating system cannot provide random numbers.
    pub fn new() -> Self {
        let builder = CacheCow::builder().ttl_jitter(0.0);
        Self::with(builder).expect("the default settings are valid")
    }

    /// An empty embedded cache with these settings, for example those of your service.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn with(builder: Builder) -> Result<Self, Error> {
        let backend = builder.memory_backend();
        Self::over(builder, backend)
    }

    /// A cache on the Redis at this URL, for a test with a real server. For the server it is one more process of the
    /// service. Operations of other caches are not recorded.
    ///
    /// It has the default settings, without jitter, and an operation may take a minute, so that what
    /// [`before_next_fill`](Self::before_next_fill) runs may use a real database. Like [`CacheCow::open`] it connects on
    /// first use. For other settings or another backend use [`over`](Self::over).
    ///
    /// ```no_run
    /// # #[cfg(feature = "derive")]
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let db = Db;
    /// use cachecow::Fill;
    /// use cachecow::testing::{TestCache, redis};
    ///
    /// let server = redis()?;
    /// let writer = CacheCow::open(&server.url()).await?;
    /// let reader = TestCache::open(&server.url())?;
    /// reader.before_next_fill(async move {
    ///     // UPDATE users SET … WHERE id = 1
    ///     writer.invalidate(User::by_id(1)).await.unwrap();
    /// });
    /// assert_eq!(reader.with(&db).read(User::by_id(1)).await?.fill, Fill::Refused);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidUrl`](crate::ErrorKind::InvalidUrl).
    #[cfg(feature = "redis")]
    pub fn open(url: &str) -> Result<Self, Error> {
        let builder = CacheCow::builder().ttl_jitter(0.0).operation_timeout(PATIENCE);
        Self::over(builder, RedisBackend::from_url(url, CONNECT_TIMEOUT)?)
    }

    /// A cache with these settings on a backend: for example a `RedisBackend`, or a backend in an `Arc` that other
    /// caches share, like several processes. Operations of other caches are not recorded.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`](crate::ErrorKind::InvalidConfig).
    pub fn over(builder: Builder, backend: impl CacheBackend) -> Result<Self, Error> {
        let (faults, recorder) = (Arc::new(Faults::of(backend)), Arc::new(Recorder::new()));
        let builder = builder.recorded_by(&recorder, clock::by_tokio());
        Ok(Self { cow: builder.backend(Arc::clone(&faults))?, faults, recorder })
    }

    /// Returns the cache, for the code that is tested.
    pub fn cow(&self) -> CacheCow {
        self.cow.clone()
    }

    /// Returns the same cache, with assertions about the operations of [handles of this scope](CacheCow::scoped).
    #[cfg(feature = "scopes")]
    #[must_use]
    pub fn scoped(&self, scope: impl crate::key::KeyPart) -> Self {
        Self { cow: self.cow.scoped(scope), ..self.clone() }
    }

    /// From now on the cache cannot be reached, until [`recover`](Self::recover): reads are served by the fetch functions,
    /// writes do their work, and `invalidate` returns an error. The cached values stay.
    pub fn go_down(&self) {
        self.faults.set(Condition::Down);
    }

    /// From now on each round trip takes this long, by tokio's clock. If that is more than
    /// [`operation_timeout`](Builder::operation_timeout) (500 ms), the operation fails and has no effect.
    pub fn slow_down(&self, round_trip: Duration) {
        self.faults.set(Condition::Slow(round_trip));
    }

    /// From now on the cache refuses to store anything new, like a Redis that is full and evicts nothing. Cached
    /// values are still served, and invalidations and writes succeed.
    pub fn fill_up(&self) {
        self.faults.set(Condition::Full);
    }

    /// Ends [`go_down`](Self::go_down), [`slow_down`](Self::slow_down) and [`fill_up`](Self::fill_up).
    ///
    /// After an outage the circuit breaker may still be open. Reads use the cache again after its pause, which is at
    /// most 10 s, or after a [`ping`](CacheCow::ping). Failed invalidations are retried within 5 s.
    /// `tokio::time::sleep` waits for both.
    pub fn recover(&self) {
        self.faults.set(Condition::Well);
    }

    /// Runs `work` after the next fetch, before the fetched value is stored: for example another request that changes
    /// the row. The reader still returns the fetched value. Such a test shows whether the value is stored.
    ///
    /// The work runs once, in its own task. It must not read the key that is being fetched: it would wait for the
    /// reader, and the reader waits for the work. If it takes longer than the
    /// [`operation_timeout`](Builder::operation_timeout) (500 ms), the reader continues without storing.
    ///
    /// ```
    /// # #[cfg(feature = "derive")]
    /// # #[tokio::main(flavor = "current_thread", start_paused = true)]
    /// # async fn main() -> Result<(), cachecow::Error> {
    /// # use std::sync::Arc;
    /// # use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
    /// use cachecow::testing::TestCache;
    /// use cachecow::Cached;
    ///
    /// #[derive(Cached)]
    /// #[cache(context = AtomicI64)]
    /// #[cache(key = "counter:{id}", fetch = Counter::find)]
    /// struct Counter { id: i64, count: i64 }
    /// # impl Counter {
    /// #     async fn find(db: &AtomicI64, id: i64) -> Result<Counter, std::io::Error> {
    /// #         Ok(Counter { id, count: db.load(SeqCst) })
    /// #     }
    /// # }
    ///
    /// let (cache, db) = (TestCache::new(), Arc::new(AtomicI64::new(1)));
    /// let (cow, row) = (cache.cow(), Arc::clone(&db));
    /// cache.before_next_fill(async move {
    ///     let increment = async { Ok::<_, std::io::Error>(row.fetch_add(1, SeqCst)) };
    ///     cow.write(Counter::by_id(7), increment).await.unwrap();
    /// });
    /// // It began before the write.
    /// assert_eq!(cache.with(&*db).get(Counter::by_id(7)).await?.unwrap().count, 1);
    /// // What it fetched was not stored.
    /// assert_eq!(cache.with(&*db).get(Counter::by_id(7)).await?.unwrap().count, 2);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "derive"))] fn main() {}
    /// ```
    pub fn before_next_fill(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.faults.before_next_fill(Some(Box::pin(work)));
    }

    /// Makes the next fetch lose a race: its key is invalidated before the fetched value is stored, as if by another process.
    /// The reader gets the value, with [`Fill::Refused`](crate::Fill::Refused), and the next reader fetches again. The
    /// assertions do not see that invalidation, because this process did not make it.
    pub fn lose_next_race(&self) {
        self.faults.before_next_fill(None);
    }
}

impl Default for TestCache {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for TestCache {
    type Target = CacheCow;

    fn deref(&self) -> &CacheCow {
        &self.cow
    }
}
