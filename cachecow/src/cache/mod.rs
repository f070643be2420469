//! What a program calls: the cache, its views and its builder.

mod ask;
pub(crate) mod builder;
pub(crate) mod cow;
pub(crate) mod get_or_fetch;
pub(crate) mod list;
pub(crate) mod peek;
pub(crate) mod read;
pub(crate) mod shared;
pub(crate) mod view;
pub(crate) mod write;
