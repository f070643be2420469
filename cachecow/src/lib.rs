//! Cache model structs in Redis in front of any database: a read after an invalidation is never
//! stale.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The derives emit absolute `::cachecow` paths, also where this crate's own tests use them.
extern crate self as cachecow;

mod error;
mod key;
mod lookup;
mod schema;
mod stats;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

#[cfg(feature = "derive")]
pub use cachecow_derive::{CacheSchema, Cached, KeyPart};

pub use error::{Error, ErrorKind};
pub use key::{Key, KeyEncoder, KeyPart};
pub use lookup::{CacheKeys, Cached, Lookup, TypePolicy};
pub use schema::CacheSchema;
