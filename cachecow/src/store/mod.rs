//! Key-value stores: one interface to memory, files, databases and object storage.
//!
//! A store implements [`KeyValueStore`]; [`KeyValueStoreExt`] has further methods for its users.
//! Stores that wrap other stores add features, in any order; the most useful one is
//! [`CacheDecorator`].
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), cachecow::Error> {
//! use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
//!
//! let store = MemoryStore::new();
//! store.put("greeting", "hello").await?;
//! assert_eq!(store.get("greeting").await?, "hello");
//! assert_eq!(store.keys("gree").await?, ["greeting"]);
//! # Ok(())
//! # }
//! ```

mod blocking;
mod cache;
mod capabilities;
#[cfg(feature = "cloud")]
mod cloud;
#[cfg(feature = "conformance")]
pub mod conformance;
mod ext;
#[cfg(feature = "fs")]
mod fs;
#[cfg(feature = "git")]
mod git;
mod key_space;
mod kv;
mod listing;
mod memory;
#[cfg(feature = "mongodb")]
mod mongodb;
#[cfg(any(feature = "fs", feature = "git"))]
mod names;
mod reader;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "hmac")]
mod spool;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub(crate) mod sql;
mod target;
mod ttl;
mod url;
mod value;
mod wrap;

pub use self::cache::{CacheDecorator, DecoratorCache, OnCacheError, ReadValue, StoreBackend};
pub use self::capabilities::Capabilities;
#[cfg(feature = "cloud")]
pub use self::cloud::CloudStore;
pub use self::ext::KeyValueStoreExt;
#[cfg(feature = "fs")]
pub use self::fs::FilesystemStore;
#[cfg(feature = "git")]
pub use self::git::GitStore;
pub use self::key_space::KeySpace;
pub use self::kv::{KeyStream, KeyValueStore};
pub use self::listing::prefixes;
pub use self::memory::MemoryStore;
#[cfg(feature = "mongodb")]
pub use self::mongodb::MongoStore;
pub use self::reader::Reader;
#[cfg(feature = "redis")]
pub use self::redis::RedisStore;
#[cfg(all(
    feature = "sqlx-0_8",
    any(feature = "mysql", feature = "postgres", feature = "sqlite")
))]
pub use self::sql::SqlPool;
#[cfg(any(feature = "mysql", feature = "postgres", feature = "sqlite"))]
pub use self::sql::SqlStore;
pub use self::ttl::Ttl;
pub use self::url::open;
pub use self::value::Value;
#[cfg(feature = "hmac")]
pub use self::wrap::Hmac;
pub use self::wrap::{Prefix, ReadOnly, UrlEncode, WithIds};

/// The crate that [`CloudStore`] uses; pass its builders to the store.
#[cfg(feature = "object_store-0_14")]
#[doc(no_inline)]
pub use object_store;
