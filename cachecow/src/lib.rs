//! Cache model structs in Redis, in front of any database, with one derive; a read after an
//! invalidation is never stale.
//!
//! [`#[derive(Cached)]`](derive@Cached) gives a struct its keys and lookups, [`CacheCow`] reads through
//! the cache and invalidates, and the [`protocol`] keeps the promise.
//!
//! # The promise
//!
//! - **P1, no stale fill.** Once [`CacheCow::invalidate`] of a key has returned `Ok`, no read of that
//!   key that starts afterwards, in any process on the same cache, returns a value that was read
//!   from the backing store before that invalidation began. It holds by key, in batches, for
//!   callers that join another caller's load, and for all objects and all answers to [queries] that carry an
//!   invalidated [tag](CacheCow::invalidate_tag).
//! - **P2, crash-safe write.** With [`CacheCow::write`], P1 holds even if the writer dies at any
//!   point, and for any number of concurrent writers, as long as the work ends within the hold's
//!   time to live. It covers lookups, objects and tags.
//! - **P3, the cache is never the reason for a failure.** With the cache down, slow, full, read-only
//!   or answering rubbish, reads are served by the fetch functions: after the operation timeout at
//!   first, at once when the circuit breaker has opened, and with one load a key and process at a
//!   time, and one more for each `write` of the key meanwhile. A work that was carried out comes back as it is: `write`
//!   never turns its `Ok` into an error. What the cache missed is retried in the background; [`CacheCow::invalidate`], which has
//!   no other result, returns the error.
//! - **P5, a hit equals what was fetched.** What the cache returns is equal, field by field, to what the fetch
//!   function returned, whatever serde attributes the struct carries for its JSON, and whatever version of the
//!   program stored it. What cannot be stored faithfully is not stored, and told. Left out are the fields that ask
//!   for it, by `#[cache(skip)]`.
//! - **P6, changes made elsewhere are seen**, where a change log is followed (feature `log`, `change_logs`): once a change
//!   of a row is visible in the database, every cached object and list that depends on it is invalidated soon,
//!   usually within milliseconds; at least once, through restarts of anything. `Follower::lag` tells how far behind it is.
//!
//! # What is not promised
//!
//! - A write that Redis acknowledged and then lost (an asynchronous failover, a restart from an older
//!   snapshot, an eviction of a hold) takes its invalidation or protection with it. The bound is the
//!   value's time to live.
//! - A fetch function that reads a lagging replica may read what is older than the invalidation;
//!   `settle` holds fills off for a while.
//! - The near tier of another process may serve an invalidated object until the news has arrived.
//!   `settle` keeps that from being stored, for a replica that lags by no more than the given time.
//! - Contexts are not told apart: of two that lead to different data, one gets the other's object or error. Tenants
//!   read by handles of different scopes (`CacheCow::scoped`), or by caches of different namespaces.
//! - An invalidation issued before the database's commit does not cover that commit; `write` does.
//! - A work that ends while its transaction may still commit is not covered beyond its end.
//! - A [`Write`] that is dropped keeps its keys out of the cache until its hold ends. Keys that are named after the work
//!   are not held before it.
//!
//! What each operation gives under each fault of the cache, and how long it takes, is listed in
//! `faults`.
//!
//! # Stored types
//!
//! A field of a cached struct is of one of these, or of a type with a derive of [`CacheSchema`](derive@CacheSchema);
//! or it is marked `#[cache(opaque)]` and of a type with serde's traits.
//!
//! | from | types |
//! |---|---|
//! | the language | integers, floats, `bool`, `char`, `()`, arrays, tuples of up to 12 |
//! | `std` | `String`, `Option`, `Result`, `Vec`, `VecDeque`, `LinkedList`, maps and sets, `Box`, `Rc`, `Arc` (also of `str` and slices), `Cow` of `str` and slices, `NonZero…`, `Wrapping`, `Saturating`, ranges and `Bound`, `Ordering`, `Duration`, `SystemTime`, IP and socket addresses, `PathBuf` that is UTF-8, `PhantomData` |
//! | `uuid` | `Uuid` |
//! | `chrono` | `DateTime<Utc>`, `DateTime<FixedOffset>`, `NaiveDate`, `NaiveTime`, `NaiveDateTime`, `TimeDelta`, `FixedOffset`, `Weekday`, `Month` |
//! | `time` | `OffsetDateTime`, `PrimitiveDateTime`, `Date`, `Time`, `UtcOffset`, `Duration`, `Weekday`, `Month` |
//! | `rust_decimal` | `Decimal` |
//! | `serde_json` | `Value`, `Map`, `Number` |
//! | `url`, `bytes` | `Url`; `Bytes`, `BytesMut` |
//! | `bson` | `Bson` (no code with a scope), `Document`, `ObjectId`, `DateTime`, `Decimal128` |
//! | `indexmap`, `smallvec` | `IndexMap`, `IndexSet`; `SmallVec` |
//!
//! What serde stores, it stores as MessagePack that says it is human-readable, with structs as maps: so types come
//! back that look at the format inside of `flatten`, `tag` or `untagged`, such as `IpAddr`. Not stored, since they
//! would not come back, are among others: fields with `skip_serializing`, or with other names for writing than for
//! reading; a `Serialize` that redacts; times with nanoseconds by `ts_seconds`; `Some(None)`, `Some(())` and
//! `Some(Value::Null)` inside of an opaque type; `Box<RawValue>`; a `u128` behind `tag`; what nests
//! deeper than 128 levels of MessagePack.
//!
//! `stored_types` lists each type that was tried, and what comes back.
//!
//! A release that changes a type, or this crate's encoding, costs a running cache misses and no errors.
//!
//! # In production
//!
//! [`CacheCow::health`] says what a person should look at, why and since when; a load balancer need not ask, since the
//! cache is never the reason for a failure. [`CacheCow::stats`] counts by type, and `CacheCow::metrics` (feature `metrics`) exports
//! that, with the durations of reads and fetches. Events go to `tracing`, each with a name and something to do about
//! it, and so do the spans of loads: `logged_events` lists them. `walk_through` shows all of it at work, while Redis is down
//! and after somebody changed a row by hand.
//!
//! # Features
//!
//! | feature | what it adds |
//! |---|---|
//! | `derive` (default) | [`Cached`](derive@Cached), [`KeyPart`](derive@KeyPart), [`CacheSchema`](derive@CacheSchema) |
//! | `redis` (default) | `RedisBackend`, `redis://` and `redis+unix://`; with `store`, `RedisStore` |
//! | `cluster` | `redis+cluster://`, `Builder::redis_cluster_connection` |
//! | `tls` | `rediss://`, `rediss+sentinel://`, `rediss+cluster://` |
//! | `uuid` | `uuid::Uuid` as a [`KeyPart`] and in stored objects |
//! | `bson`, `bytes`, `chrono`, `indexmap`, `rust_decimal`, `serde_json`, `smallvec`, `time`, `url` | the types of the crate of this name in stored objects |
//! | `zstd` | [`Builder::compress`]: values compressed by zstd |
//! | `encryption` | [`Builder::encrypt`]: values encrypted by XChaCha20-Poly1305 |
//! | `async-graphql-7` | the module `dataloader`: `CacheCow::loader`, for the `DataLoader` of async-graphql 7 |
//! | `blocking` | the module `blocking`: the cache for programs without an async runtime |
//! | `scopes` | `CacheCow::scoped`: one cache for many tenants |
//! | `store` | the module `store`: `KeyValueStore`, `MemoryStore`, `CacheDecorator` and the other wrappers |
//! | `fs`, `sql`, `mongodb`, `cloud`, `git` | `FilesystemStore`, `SqlStore`, `MongoStore`, `CloudStore`, `GitStore` |
//! | `log` | the module `log`: which rows of a database the cached objects are, for change logs |
//! | `postgres-log` | `log::PostgresLog`: PostgreSQL's own log, by logical replication |
//! | `mongodb-log` | `log::MongoLog`: the change streams of MongoDB |
//! | `outbox` | `log::Outbox`: a table that triggers fill, with `postgres`, `mysql` or `sqlite` |
//! | `metrics` | the module `metrics`: [`CacheCow::stats`] and durations by the crate `metrics`, for Prometheus, OpenTelemetry and others |
//! | `cli` | the program `cachecow`, which looks into a cache and invalidates: `command` |
//! | `hmac` | `Hmac`, and keys by the content's hash |
//! | `testing` | the module `testing`: a cache for your own tests, on a clock that they pause, and a Redis server |
//! | `conformance` | the suites for backends (`conformance`) and stores (`store::conformance`) of your own |

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

// The derives emit absolute `::cachecow` paths, also where this crate's own tests use them.
extern crate self as cachecow;

mod audit;
mod backend;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cache;
#[cfg(all(doc, feature = "log"))]
#[doc = include_str!("../docs/change_logs.md")]
pub mod change_logs {}
pub mod codec;
#[cfg(feature = "async-graphql-7")]
pub mod dataloader;
mod document;
mod engine;
mod error;
mod events;
mod health;
mod hex;
#[cfg(doc)]
#[doc = include_str!("../docs/events.md")]
pub mod logged_events {}
#[cfg(doc)]
#[doc = include_str!("../docs/faults.md")]
pub mod faults {}
mod key;
#[cfg(doc)]
#[doc = include_str!("../docs/lists.md")]
pub mod lists {}
#[cfg(all(doc, feature = "cli"))]
#[doc = include_str!("../docs/command.md")]
pub mod command {}
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
mod model;
mod near;
mod packing;
pub mod protocol;
mod stats;
#[cfg(doc)]
#[doc = include_str!("../docs/queries.md")]
pub mod queries {}
#[cfg(doc)]
#[doc = include_str!("../docs/stored_types.md")]
pub mod stored_types {}
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;
#[cfg(all(doc, feature = "testing", feature = "derive", feature = "redis"))]
#[doc = include_str!("../docs/testing.md")]
pub mod testing_guide {}

#[cfg(all(doc, feature = "cli", feature = "metrics"))]
#[doc = include_str!("../docs/walk_through.md")]
pub mod walk_through {}

#[cfg(doc)]
#[doc = include_str!("../docs/writes.md")]
pub mod writes {}

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;
#[cfg(feature = "cli")]
#[doc(hidden)]
#[path = "tools.rs"]
pub mod __tools;

#[cfg(feature = "derive")]
pub use cachecow_derive::{CacheSchema, Cached, KeyPart, query};

pub use audit::Auditor;
#[cfg(feature = "redis")]
pub use backend::RedisBackend;
#[cfg(feature = "conformance")]
pub use backend::conformance;
pub use backend::{
    BackendError, BackendErrorKind, CacheBackend, ChangeListener, MemoryBackend, Place, Request,
    Watch,
};
pub use cache::builder::{BackendConfig, Builder};
pub use cache::cow::CacheCow;
pub use cache::get_or_fetch::GetOrFetch;
pub use cache::peek::Peek;
pub use cache::read::{Fill, Read, ReadOptions, Source};
pub use cache::shared::SharedView;
pub use cache::view::View;
pub use cache::write::{Write, WriteError, Written};
pub use error::{Error, ErrorKind};
pub use health::{Degradation, DegradedBy, Health};
pub use key::{EncodedKey, Key, KeyEncoder, KeyPart, KeyParts, Scope};
pub use model::audited::Audited;
pub use model::cached::{Cached, Clearable, TypePolicy};
pub use model::keys::{CacheKeys, KeySet};
pub use model::list::ListLookup;
pub use model::listed::Listed;
pub use model::lookup::{Lookup, SameContext};
pub use model::manifest::{ManifestTypes, manifest};
pub use model::query::{Answer, Query};
pub use model::schema::CacheSchema;
pub use model::tag::{AllOf, Tag, TaggedQueries};
#[cfg(feature = "zstd")]
pub use packing::Compression;
#[cfg(feature = "encryption")]
pub use packing::Keyring;
pub use stats::{InvalidationStats, NearStats, Stats, TypeStats};
#[cfg(feature = "cloud")]
pub use store::CloudStore;
#[cfg(feature = "fs")]
pub use store::FilesystemStore;
#[cfg(feature = "mongodb")]
pub use store::MongoStore;
#[cfg(all(feature = "store", feature = "redis"))]
pub use store::RedisStore;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use store::SqlStore;
#[cfg(feature = "store")]
pub use store::{CacheDecorator, KeyValueStore, KeyValueStoreExt, MemoryStore};
