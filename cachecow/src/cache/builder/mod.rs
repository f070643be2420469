//! The settings of a `CacheCow`, and the ways to open one.

mod open;
mod packing;
mod scheme;
mod validate;

#[cfg(feature = "redis")]
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

pub use self::scheme::BackendConfig;
use self::scheme::Schemes;
use crate::backend::MemoryBackend;
#[cfg(all(doc, feature = "redis"))]
use crate::backend::RedisBackend;
#[cfg(doc)]
use crate::cache::cow::CacheCow;
use crate::clock::LONGEST;
use crate::engine::settings::Settings;

/// Settings of a [`CacheCow`]. Each one has a default.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::CacheCow;
///
/// let cow = CacheCow::builder()
///     .namespace("shop")
///     .default_ttl(Duration::from_secs(300))
///     .negative_ttl(Duration::from_secs(5))
///     .open("memory://")
///     .await?;
/// # drop(cow);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "a builder does nothing until it opens a cache"]
pub struct Builder {
    settings: Settings,
    namespace: String,
    operation_timeout: Duration,
    connect_timeout: Duration,
    memory_capacity: u64,
    replica_acks: Option<(usize, Duration)>,
    schemes: Schemes,
    #[cfg(feature = "redis")]
    near_url: Option<Secret>,
}

/// A text that may hold a password.
#[cfg(feature = "redis")]
#[derive(Clone)]
struct Secret(String);

#[cfg(feature = "redis")]
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            namespace: String::new(),
            operation_timeout: Duration::from_millis(500),
            connect_timeout: Duration::from_secs(1),
            memory_capacity: MemoryBackend::DEFAULT_CAPACITY,
            #[cfg(feature = "redis")]
            near_url: None,
            replica_acks: None,
            schemes: Schemes::default(),
        }
    }
}

impl Builder {
    /// Sets a prefix for every Redis key, so that several applications can share one database.
    /// Default: none. It must not contain control characters or braces.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// Sets the time to live of objects whose type has no `ttl`. Default: 10 minutes.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// Sets the largest fraction by which each time to live is shortened at random, so that objects cached together
    /// do not expire together: 0.0 to 1.0. Default: 0.1.
    pub fn ttl_jitter(mut self, fraction: f64) -> Self {
        self.settings.ttl_jitter = fraction;
        self
    }

    /// Sets how long the absence of an object may be cached, for types without their own
    /// `negative_ttl`. Default: absences are not cached.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.settings.negative_ttl = Some(ttl);
        self
    }

    /// Sets how long beyond its time to live an object may be served while its fetch fails, for types without their
    /// own `stale_if_error`. Its source is then [`Source::Stale`](crate::Source::Stale). Default: not at all.
    ///
    /// # Consistency
    ///
    /// An invalidated object is never served. Whether an object is past its time to live is decided by the clocks
    /// of the process that stored it and of the process that reads it.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.settings.stale_if_error = Some(window);
        self
    }

    /// Sets how long a read of [`CacheCow::with_shared`] waits for a fetch, for types without their own
    /// `soft_timeout`. After that it is served an object that is past its time to live and within
    /// [`stale_if_error`](Self::stale_if_error), if the cache has one. The fetch goes on in the background, and its
    /// result is stored. Default: as long as [`fill_wait`](Self::fill_wait) and [`load_wait`](Self::load_wait)
    /// together, after which a fetch counts as hanging.
    ///
    /// It has no effect on types without `stale_if_error`, nor on reads of several objects at once.
    ///
    /// # Consistency
    ///
    /// An invalidated object is never served: the read asks the cache once more before it serves the object.
    pub fn soft_timeout(mut self, time: Duration) -> Self {
        self.settings.soft_timeout = Some(time);
        self
    }

    /// Limits how many loads of [`CacheCow::with_shared`] that may outlive their callers run at a time in this
    /// process. Beyond the limit, reads load as if their context were not shared, and objects are refreshed ahead
    /// by later reads. Default: 100.
    pub fn background_loads(mut self, loads: usize) -> Self {
        self.settings.background_loads = loads;
        self
    }

    /// Sets whether objects are refreshed shortly before they expire, for types without their own
    /// `refresh_ahead`. One caller fetches the object again, and the others are served the cached
    /// one. How early depends on chance, and on how long the last fetch took. Default: no.
    pub fn refresh_ahead(mut self, on: bool) -> Self {
        self.settings.refresh_ahead = on;
        self
    }

    /// Sets the lease: how long a reader's right to fill lasts if the reader dies. A fetch that
    /// takes longer is not stored. Default: 60 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// Sets how long a write's hold lasts if the writer dies. The keys of a write that takes longer
    /// are still invalidated at its end, but the write is not protected against a crash of its
    /// process. Default: 60 s.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.settings.hold = hold;
        self
    }

    /// Sets how long [`CacheCow::close`](crate::CacheCow::close) waits at most. Default: 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout;
        self
    }

    /// Sets the settle time: how long after an invalidation nothing is stored, for types without their own
    /// `settle`. Use it if fetch functions read a replica that may lag by up to this time. Meanwhile reads fetch,
    /// and store nothing. Default: zero.
    ///
    /// It counts from the moment the cache carries out the invalidation, and for a write from its end. It also
    /// applies to keys that have no type, such as those of a `CacheDecorator` on this cache.
    pub fn settle(mut self, time: Duration) -> Self {
        self.settings.settle = time;
        self
    }

    /// Sets how long a read waits for a value that another process is fetching. After that it
    /// fetches the value itself, without storing it. Zero: it fetches at once. Default: 200 ms.
    ///
    /// One read waits for all readers of that key in the process, and the cache wakes it when the
    /// value is there. If the cache cannot do that, the read polls every 2 to 40 ms.
    pub fn fill_wait(mut self, wait: Duration) -> Self {
        self.settings.fill_wait = wait;
        self
    }

    /// Sets how long a read waits for another caller in its process that is loading the same key. It counts from
    /// the beginning of the load, and in addition to [`fill_wait`](Self::fill_wait). After that, one of the waiting
    /// callers loads instead, and the others wait for that one. Default: 10 s. That is longer than nearly every
    /// query behind a cached object takes, and well below the 30 s after which callers of HTTP and gRPC servers
    /// commonly give up.
    ///
    /// It matters if a caller keeps a read but stops polling it: beside a slow branch of a `select!`, or after
    /// `mem::forget`. Callers that come after this time do not wait for such a read at all. If fetches are only
    /// slow, this time limits how many fetches of one key run at once: each load that is given up but still under
    /// way doubles the time for the next one, up to sixteenfold.
    ///
    /// # Consistency
    ///
    /// A load that the waiting callers gave up goes on as soon as it is polled. It stores its result only if its
    /// claim is still valid.
    pub fn load_wait(mut self, wait: Duration) -> Self {
        self.settings.load_wait = wait;
        self
    }

    /// Limits the size of a stored value in bytes: encoded, with its header, before compression and encryption. A
    /// larger value is returned and not stored. Default: 1 MiB.
    pub fn max_value_size(mut self, bytes: usize) -> Self {
        self.settings.max_value_len = bytes;
        self
    }

    /// Sets for how many keys this process keeps hints, so that a hit takes one round trip: where an alias leads,
    /// which tags an object has, and the members of a list (each member counts as a key). A key takes about 180
    /// bytes; the keys that are read most stay. Hints are always verified: if one is wrong or missing, a hit takes
    /// one more round trip. Default: 65,536.
    pub fn hints(mut self, keys: usize) -> Self {
        self.settings.hints = keys;
        self
    }

    /// Limits how many fetches of one `get_many` run at a time, for lookups without `fetch_many`. Default: 16.
    pub fn fetch_concurrency(mut self, fetches: usize) -> Self {
        self.settings.fetch_concurrency = fetches;
        self
    }

    /// Limits how many fetches this process runs at a time while the cache cannot be reached (the circuit is open),
    /// so that an outage of the cache does not overload the database. A call of `fetch_many` counts as one fetch.
    /// Further fetches wait. Default: 100, the size of a large pool of database connections.
    ///
    /// A fetch that has run for 10 s no longer counts, since it may hang. A nested fetch, made by another fetch in
    /// the same task, does not count either.
    pub fn outage_fetch_concurrency(mut self, fetches: usize) -> Self {
        self.settings.outage_fetch_concurrency = fetches;
        self
    }

    /// Sets how old a value stored by another version of its type must be before this version
    /// replaces it, while both versions run. Default: 10 s.
    pub fn replace_after(mut self, age: Duration) -> Self {
        self.settings.replace_after = age;
        self
    }

    /// Sets how long one round trip to the cache may take before a read bypasses the cache. It counts from sending
    /// the command, or from looking for a connection for it. A batch of more than 4096 keys or 4 MiB takes several
    /// round trips. Default: 500 ms.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout.min(LONGEST);
        self
    }

    /// Sets how long one attempt to connect may take. An operation that needs the connection still
    /// ends at its operation timeout. Default: 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// Limits the memory of the embedded cache, in bytes. The overhead counts too: about 270 bytes for each value,
    /// beyond its length. Default: 64 MiB. The memory is divided among a few shards for each processor, and a value
    /// larger than a shard is not kept.
    ///
    /// Operations under way need more memory: about 100 bytes for each load and each write of a key. The tags of
    /// cached objects need up to an eighth more.
    pub fn memory_capacity(mut self, bytes: u64) -> Self {
        self.memory_capacity = bytes;
        self
    }

    /// Keeps decoded objects in this process's memory too (the near tier), in front of the cache, up to about this
    /// many bytes. Each object counts with its size, its stored length (an estimate of what it owns on the heap)
    /// and about 180 bytes more. The objects that are read most stay. An object that takes far more memory than its
    /// stored form (a list of small numbers, for example) takes more than it counts. Default: no near tier.
    ///
    /// A hit there takes no round trip and no decoding: [`Source::Near`](crate::Source::Near). The server reports
    /// every change to a cached value by any client, and also expiry, eviction and a flush; the near tier then
    /// drops the object. An object that was read by an alias, or that has tags, is also dropped when its primary
    /// key or one of its tags changes. The near tier needs one more connection, and every process hears of every
    /// change in the namespace: use it if objects are read far more often than they change. `near = false` excludes
    /// a type from the near tier; [`View::past_near`](crate::View::past_near) bypasses it for a read.
    ///
    /// # Consistency
    ///
    /// The near tier is never stale in the process that invalidated. Other processes may serve an invalidated
    /// object until the server's message arrives: usually well below a millisecond, and at most
    /// [`near_lag`](Self::near_lag) if the connection is dead and this has not been noticed yet. When the
    /// connection breaks, the near tier drops everything at once.
    pub fn near(mut self, capacity: u64) -> Self {
        self.settings.near.capacity = Some(capacity);
        self
    }

    /// Sets how long the near tier keeps an object, for types without their own `near_ttl`. Then it is read from
    /// the cache again, so the cache also learns that the object is in use. Default: 1 minute.
    pub fn near_ttl(mut self, ttl: Duration) -> Self {
        self.settings.near.ttl = ttl;
        self
    }

    /// Limits how far the near tier may lag behind the cache if the connection that reports changes is dead and
    /// this has not been noticed yet. That connection is probed every quarter of this time. Default: 1 s.
    pub fn near_lag(mut self, lag: Duration) -> Self {
        self.settings.near.lag = lag;
        self
    }

    /// Sets the URL of the server behind an existing connection: the near tier needs a connection
    /// of its own to hear of changes.
    #[cfg(feature = "redis")]
    pub fn near_url(mut self, url: impl Into<String>) -> Self {
        self.near_url = Some(Secret(url.into()));
        self
    }

    /// Sets how many replicas of the Redis server must acknowledge an invalidation, a hold or a release within
    /// `timeout`, which is at most half of the operation timeout; see [`RedisBackend::with_replica_acks`]. With too
    /// few acknowledgements, an invalidation is [`ErrorKind::NotInvalidated`](crate::ErrorKind::NotInvalidated) and
    /// is retried in the background. Default: none. A failover may then lose an invalidation, and the old value may
    /// be served for its time to live.
    ///
    /// # Consistency
    ///
    /// Require as many as a master has replicas. With fewer, a replica that has not acknowledged an invalidation
    /// may become the master (also at a planned switch), and serve the old value. With all of them, invalidations
    /// fail while one replica is missing: after a failover, until the former master has become a replica.
    #[cfg(feature = "redis")]
    pub fn replica_acks(mut self, replicas: usize, timeout: Duration) -> Self {
        self.replica_acks = Some((replicas, timeout));
        self
    }

    /// Sets the clock for the time of day and for the expiry of values. The cache writes its time into each stored
    /// value, and the embedded cache and the near tier expire values by it. (In Redis, values also expire by the
    /// server's own clock.) No promise depends on this clock: leases, holds and timeouts are measured by a
    /// monotonic clock, whatever this clock does. Default: the system's clock, and for the embedded cache and the
    /// near tier a monotonic clock.
    ///
    /// In tests, `testing::TestCache` (feature `testing`) makes everything follow tokio's clock, which a test can
    /// pause and advance.
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.settings.clock = Some(Arc::new(clock));
        self
    }
}
