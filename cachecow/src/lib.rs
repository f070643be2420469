//! Cache model structs in Redis in front of any database: a read after an invalidation is never
//! stale.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The derives emit absolute `::cachecow` paths, also where this crate's own tests use them.
extern crate self as cachecow;

mod backend;
mod builder;
mod cow;
mod document;
mod engine;
mod error;
mod key;
mod lookup;
pub mod protocol;
mod read;
mod schema;
mod settings;
mod stats;
mod view;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "derive")]
pub use cachecow_derive::{CacheSchema, Cached, KeyPart};

#[cfg(feature = "redis")]
pub use backend::RedisBackend;
pub use backend::{BackendError, BackendErrorKind, CacheBackend, MemoryBackend, Request};
pub use builder::Builder;
pub use cow::CacheCow;
pub use error::{Error, ErrorKind};
pub use key::{Key, KeyEncoder, KeyPart};
pub use lookup::{CacheKeys, Cached, Lookup, TypePolicy};
pub use protocol::HoldPolicy;
pub use read::{Fill, Read, Source};
pub use schema::CacheSchema;
pub use stats::{Stats, TypeStats};
pub use view::View;
