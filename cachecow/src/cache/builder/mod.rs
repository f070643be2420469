//! The settings of a `CacheCow`, and the ways to open one.

mod open;
#[cfg(any(feature = "encryption", feature = "zstd"))]
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
use crate::engine::settings::{LONGEST, Settings};

/// Settings of a [`CacheCow`]; every one has a default.
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

/// A text with a password in it, perhaps.
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
    /// A name that stands before every Redis key, so that several applications may share one
    /// database. Default: none. It may hold neither control characters nor braces.
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = namespace.into();
        self
    }

    /// How long an object may be served, where its type does not say (`ttl`). Default: 10 minutes.
    pub fn default_ttl(mut self, ttl: Duration) -> Self {
        self.settings.ttl = ttl;
        self
    }

    /// By how much of itself each time to live is shortened at the most, at random, so that what was
    /// cached together does not expire together: 0.0 to 1.0. Default: 0.1.
    pub fn ttl_jitter(mut self, fraction: f64) -> Self {
        self.settings.ttl_jitter = fraction;
        self
    }

    /// How long it may be remembered that the backing store has no such object, where the type does
    /// not say (`negative_ttl`). Default: not at all.
    pub fn negative_ttl(mut self, ttl: Duration) -> Self {
        self.settings.negative_ttl = Some(ttl);
        self
    }

    /// How long beyond its time to live an object may be served while its fetch fails, where the type
    /// does not say (`stale_if_error`); its source is then [`Source::Stale`](crate::Source::Stale). Default: not at all.
    ///
    /// # Consistency
    ///
    /// An object that was invalidated is never served. Which one is past its time to live is told by
    /// the clocks of the process that stored it and the one that reads it.
    pub fn stale_if_error(mut self, window: Duration) -> Self {
        self.settings.stale_if_error = Some(window);
        self
    }

    /// How long a read of [`CacheCow::with_shared`] waits for a fetch before it is served an object that is past its
    /// time to live and within [`stale_if_error`](Self::stale_if_error), where the type does not say
    /// (`soft_timeout`). The fetch goes on in the background, and what it brings is stored. Default: as long as
    /// [`fill_wait`](Self::fill_wait) and [`load_wait`](Self::load_wait) together, after which a fetch counts as
    /// hanging.
    ///
    /// It has no effect on types without `stale_if_error`, and none on reads of several objects at once.
    ///
    /// # Consistency
    ///
    /// An object that was invalidated is never served: the cache is asked for it once more.
    pub fn soft_timeout(mut self, time: Duration) -> Self {
        self.settings.soft_timeout = Some(time);
        self
    }

    /// How many loads of [`CacheCow::with_shared`] run at a time in this process that may outlive their callers.
    /// When there are as many, further reads load as if their context were not shared, and objects are refreshed
    /// ahead by later reads. Default: 100.
    pub fn background_loads(mut self, loads: usize) -> Self {
        self.settings.background_loads = loads;
        self
    }

    /// Whether an object is fetched anew shortly before its time to live is over, by one caller,
    /// while the others are served the present one, where the type does not say (`refresh_ahead`).
    /// How early is a matter of chance, and of how long the last fetch took. Default: no.
    pub fn refresh_ahead(mut self, on: bool) -> Self {
        self.settings.refresh_ahead = on;
        self
    }

    /// How long the right to fill lasts for a reader that died. A fetch that takes longer is not
    /// stored. Default: 60 s.
    pub fn lease(mut self, lease: Duration) -> Self {
        self.settings.lease = lease;
        self
    }

    /// How long a write's hold lasts if the writer died. A write that takes longer is invalidated
    /// all the same, and not protected against its own death. Default: 60 s.
    pub fn hold(mut self, hold: Duration) -> Self {
        self.settings.hold = hold;
        self
    }

    /// How long [`CacheCow::close`](crate::CacheCow::close) waits at the most. Default: 5 s.
    pub fn close_timeout(mut self, timeout: Duration) -> Self {
        self.settings.close_timeout = timeout;
        self
    }

    /// For how long after an invalidation nothing is stored, where the type does not say (`settle`):
    /// for fetch functions that read a replica which lags behind by up to this time. Reads fetch
    /// meanwhile, and store nothing. Default: zero, not at all.
    ///
    /// It counts from when the cache carries the invalidation out; a write's counts from its end. It
    /// also holds for what has no type, such as the keys of a `CacheDecorator` on this cache.
    pub fn settle(mut self, time: Duration) -> Self {
        self.settings.settle = time;
        self
    }

    /// How long a read waits for the value that another process is fetching, before it fetches
    /// itself without storing. Zero: it fetches at once. Default: 200 ms.
    ///
    /// It waits for all of a process's readers of that key, and the cache wakes it when there is
    /// something to read; where the cache cannot, it asks every 2 to 40 ms.
    pub fn fill_wait(mut self, wait: Duration) -> Self {
        self.settings.fill_wait = wait;
        self
    }

    /// How long a read waits for another caller of its process that is loading the same key, counted from
    /// the beginning of the load and beyond [`fill_wait`](Self::fill_wait). Then one of the callers that wait loads instead, and
    /// the others wait for that one. Default: 10 s, longer than nearly every query behind a cached
    /// object takes, and well below the 30 s after which callers of HTTP and gRPC servers commonly give up.
    ///
    /// It matters where a caller keeps a read and stops polling it: beside a slow branch of a `select!`, or
    /// after `mem::forget`. Callers that come after this time do not wait for such a read at all. Where fetches
    /// are just slow, this time bounds how many of one key there are: each one that is given up and still
    /// under way doubles it for the next, up to sixteenfold.
    ///
    /// # Consistency
    ///
    /// A load that was given up goes on as soon as it is polled. It stores what it fetched only if its
    /// claim still stands.
    pub fn load_wait(mut self, wait: Duration) -> Self {
        self.settings.load_wait = wait;
        self
    }

    /// The longest value that is stored, in bytes, encoded and with its header, before it is compressed or
    /// encrypted. A longer one is returned and not stored. Default: 1 MiB.
    pub fn max_value_size(mut self, bytes: usize) -> Self {
        self.settings.max_value_len = bytes;
        self
    }

    /// For how many keys this process remembers what it needs besides, so that a hit takes one round trip: where
    /// an alias leads, which tags an object has, and the members of a list, which count as a key each. A key takes
    /// about 180 bytes; those that are asked for most stay. What is remembered is never trusted: where it is wrong, or there is none, a hit takes a
    /// round trip more. Default: 65,536.
    pub fn hints(mut self, keys: usize) -> Self {
        self.settings.hints = keys;
        self
    }

    /// How many fetches of one `get_many` run at a time, where there is no `fetch_many`. Default: 16.
    pub fn fetch_concurrency(mut self, fetches: usize) -> Self {
        self.settings.fetch_concurrency = fetches;
        self
    }

    /// How many fetches this process runs at a time while the cache is out of reach (the circuit is
    /// open), so that an outage of the cache is none of the database. A call of `fetch_many` counts as
    /// one; the others wait. Default: 100, as many as the largest usual pool of database connections.
    ///
    /// A fetch that has run for 10 s no longer counts, since it may hang. A fetch that another fetch
    /// makes in the same task does not count either.
    pub fn outage_fetch_concurrency(mut self, fetches: usize) -> Self {
        self.settings.outage_fetch_concurrency = fetches;
        self
    }

    /// How old a value of another version of its type must be before this version replaces it,
    /// while both run. Default: 10 s.
    pub fn replace_after(mut self, age: Duration) -> Self {
        self.settings.replace_after = age;
        self
    }

    /// How long one round trip to the cache may take before a read goes past it. It counts from when
    /// the command is sent, or a connection for it is looked for. A batch of more than 4096 keys or
    /// 4 MiB takes several round trips. Default: 500 ms.
    pub fn operation_timeout(mut self, timeout: Duration) -> Self {
        self.operation_timeout = timeout.min(LONGEST);
        self
    }

    /// How long one attempt to connect may take. The operation that needs the connection still ends
    /// at the operation timeout. Default: 1 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.min(LONGEST);
        self
    }

    /// How many bytes of memory the embedded cache takes at the most, with everything that it keeps for
    /// a value: about 310 bytes beyond the value's length. Default: 64 MiB. It is divided among a few
    /// shards for each processor, and a value that is larger than a shard is not kept.
    ///
    /// What is under way comes on top, some 100 bytes for each load and each write of a key, and up to an
    /// eighth for the tags of cached objects.
    pub fn memory_capacity(mut self, bytes: u64) -> Self {
        self.memory_capacity = bytes;
        self
    }

    /// Keeps decoded objects in this process's memory as well, in front of the cache: about so many
    /// bytes, each object counting with its size, its stored length (for what it owns besides) and about
    /// 160 bytes more. What is read most stays. An object that takes far more memory than its stored form
    /// (a list of small numbers, say) takes more than it counts. Default: none are kept.
    ///
    /// A hit there takes no round trip and no decoding: [`Source::Near`](crate::Source::Near). The server tells of every
    /// change to a cached value, whoever made it — also of expiry, eviction and a flush — and the
    /// object is dropped. It takes a connection more, and every process hears of every change in the
    /// namespace: worth it where objects are read far more often than they change. An object that was read by
    /// an alias, or that has tags, is dropped as well when its primary key or one of its tags changes. A type
    /// leaves the tier with `near = false`, a reader with [`View::past_near`](crate::View::past_near).
    ///
    /// # Consistency
    ///
    /// Never stale for the process that invalidated. In other processes an invalidated object may be
    /// served until the news has arrived: usually well below a millisecond, and at most
    /// [`near_lag`](Self::near_lag) where the connection is dead without anyone knowing. When the
    /// connection breaks, everything near is dropped at once.
    pub fn near(mut self, capacity: u64) -> Self {
        self.settings.near.capacity = Some(capacity);
        self
    }

    /// How long an object is kept near at the most, where its type does not say (`near_ttl`): then it
    /// is read from the cache again, which thereby learns that it is in use. Default: 1 minute.
    pub fn near_ttl(mut self, ttl: Duration) -> Self {
        self.settings.near.ttl = ttl;
        self
    }

    /// How far the near tier may lag behind the cache while the connection that it hears of changes on
    /// is dead without anyone knowing. A quarter of it is how often that connection is probed.
    /// Default: 1 s.
    pub fn near_lag(mut self, lag: Duration) -> Self {
        self.settings.near.lag = lag;
        self
    }

    /// The server behind a connection that was made elsewhere: the near tier hears of changes on a
    /// connection of its own.
    #[cfg(feature = "redis")]
    pub fn near_url(mut self, url: impl Into<String>) -> Self {
        self.near_url = Some(Secret(url.into()));
        self
    }

    /// How many replicas of the Redis server must have acknowledged an invalidation, a hold or a
    /// release, within this time, which is at most half of the operation timeout; see
    /// [`RedisBackend::with_replica_acks`]. With too few, an invalidation is
    /// [`ErrorKind::NotInvalidated`](crate::ErrorKind::NotInvalidated) and is retried in the background. Default: none; what a failover
    /// loses may then be served for its time to live.
    ///
    /// # Consistency
    ///
    /// Ask for as many as a master has replicas. With fewer, one that has not acknowledged an
    /// invalidation may become the master, also at a switch on purpose, and serve the old value. With
    /// all of them, invalidations fail while one is away: after a failover, until the former master has
    /// become a replica.
    #[cfg(feature = "redis")]
    pub fn replica_acks(mut self, replicas: usize, timeout: Duration) -> Self {
        self.replica_acks = Some((replicas, timeout));
        self
    }

    /// The clock that tells the time of day, and how long a value may be served: the cache writes its time into each
    /// value that it stores, and the embedded cache and the near tier end values by it. (In Redis they also end by the
    /// server's own clock.) No promise rests on it: what protects a load or a write, and what is waited for, is
    /// measured by the time that passes, whatever this clock does. Default: the system's clock, and for the embedded
    /// cache and the near tier the time that passes.
    ///
    /// For a test in which everything follows tokio's clock, which it pauses and moves, see `testing::TestCache`
    /// (feature `testing`).
    pub fn clock(mut self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        self.settings.clock = Some(Arc::new(clock));
        self
    }
}
