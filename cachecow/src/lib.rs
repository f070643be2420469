//! Cache model structs in Redis, in front of any database, with one derive; a read after an
//! invalidation is never stale.
//!
//! ```
//! # #[cfg(feature = "derive")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use cachecow::{CacheCow, Cached};
//!
//! # #[derive(Default)]
//! # struct Db(std::sync::Mutex<Vec<User>>);
//! # impl Db {
//! #     async fn rename(&self, _: i64, _: &str) -> Result<(), std::io::Error> { Ok(()) }
//! # }
//! #[derive(Clone, Debug, Cached)]
//! #[cache(context = Db, ttl = "10m")]
//! #[cache(key  = "user:{id}",          fetch = User::find)]
//! #[cache(key  = "user:email:{email}", fetch = User::find_by_email)]
//! #[cache(list = "user:org:{org_id}",  fetch = User::find_by_org)]
//! struct User { id: i64, email: String, org_id: i64, name: String }
//!
//! # impl User {
//! #     async fn find(db: &Db, id: i64) -> Result<Option<User>, std::io::Error> {
//! #         Ok(db.0.lock().unwrap().iter().find(|user| user.id == id).cloned())
//! #     }
//! #     async fn find_by_email(db: &Db, email: &str) -> Result<Option<User>, std::io::Error> {
//! #         Ok(db.0.lock().unwrap().iter().find(|user| user.email == email).cloned())
//! #     }
//! #     async fn find_by_org(db: &Db, org_id: i64) -> Result<Vec<User>, std::io::Error> {
//! #         Ok(db.0.lock().unwrap().iter().filter(|user| user.org_id == org_id).cloned().collect())
//! #     }
//! # }
//! # let db = Db::default();
//! let cow = CacheCow::open("memory://").await?;                    // or "redis://127.0.0.1/"
//! let user = cow.with(&db).get(User::by_id(42)).await?;            // Option<Arc<User>>
//! let all = cow.with(&db).list(User::list_by_org_id(7)).await?;    // Vec<Arc<User>>
//! cow.write(User::by_id(42), db.rename(42, "Ann")).await?;         // the database's own result
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "derive"))] fn main() {}
//! ```
//!
//! `User::find` and the others are your own functions, which query the database.
//! [`#[derive(Cached)]`](derive@Cached) gives the struct its keys and lookups. [`CacheCow`] reads through the cache and
//! invalidates. The [`protocol`] keeps the promise.
//!
//! # Where to go
//!
//! | you want to | read |
//! |---|---|
//! | start | [Getting started](guide::getting_started) |
//! | understand why reads are never stale | [How it stays consistent](guide::consistency), with pictures |
//! | change the database | [Writes](guide::writes) |
//! | cache more than single objects | [Lists](guide::lists), [queries](guide::queries) |
//! | follow changes that others make | [Change logs](guide::change_logs) |
//! | test your service | [Testing](guide::testing_guide) |
//! | run it | [In production](guide::production), [At scale](guide::scale), [Faults by name](guide::faults) |
//! | replace another cache | [Coming from another cache](guide::coming_from) |
//! | look something up | [Settings](guide::settings), [Features](guide::features), [Stored types](guide::stored_types) |
//! | find a quick answer | [Frequently asked questions](guide::faq) |
//!
//! [The guide](guide) has all pages in order.
//!
//! # The promise
//!
//! - **P1, no stale fill.** Once [`CacheCow::invalidate`] of a key has returned `Ok`, later reads of that key, in
//!   any process, never return a value that was fetched before that invalidation began.
//! - **P2, crash-safe write.** With [`CacheCow::write`], P1 holds even if the writer dies at any point, if the cache granted
//!   the hold before the work, and the work ends within a minute.
//! - **P3, the cache is never the reason for a failure.** With Redis down, slow or full, the fetch functions serve the reads, and
//!   a write returns the database's own result.
//! - **P4, what is not promised is written down.**
//! - **P5, a hit equals what was fetched**, field by field, whatever serde attributes the struct has, and whatever version of the
//!   program stored it.
//! - **P6, changes made elsewhere are seen**, where a change log is followed.
//!
//! [The promise](guide::promise) has the exact wording, and lists what is not promised: data that Redis itself
//! loses, a database replica that lags, an invalidation before the commit.
//! [How the promise is checked](guide::evidence) describes the tests behind it.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]
// docs.rs sets `docsrs`, and builds with nightly: each item says which feature it needs.
#![cfg_attr(docsrs, feature(doc_cfg))]

// The derives emit absolute `::cachecow` paths, also where this crate's own tests use them.
extern crate self as cachecow;

mod audit;
mod backend;
#[cfg(feature = "blocking")]
pub mod blocking;
mod cache;
mod clock;
pub mod codec;
#[cfg(feature = "async-graphql-7")]
pub mod dataloader;
mod document;
mod engine;
mod error;
mod events;
#[cfg(doc)]
pub mod guide;
mod health;
mod hex;
mod key;
#[cfg(feature = "log")]
pub mod log;
#[cfg(feature = "metrics")]
pub mod metrics;
mod model;
mod near;
mod packing;
pub mod protocol;
mod stats;
#[cfg(feature = "store")]
pub mod store;
#[cfg(feature = "testing")]
pub mod testing;

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
pub use model::query::{Answer, Query, QueryLookup};
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
