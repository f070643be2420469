//! What a read tells about itself.

use std::sync::Arc;

pub use crate::protocol::Fill;

/// An object, and how it was had; what [`View::read`](crate::View::read) returns.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read<T> {
    /// The object, or `None` if the backing store has none.
    pub value: Option<Arc<T>>,
    /// Where it came from.
    pub source: Source,
    /// What became of it, if it was fetched.
    pub fill: Fill,
}

impl<T> Read<T> {
    pub(crate) fn new(value: Option<Arc<T>>, source: Source, fill: Fill) -> Self {
        Self { value, source, fill }
    }
}

impl<T> Clone for Read<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), source: self.source, fill: self.fill }
    }
}

/// Where a value came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Source {
    /// This process's memory.
    Near,
    /// The cache.
    Cache,
    /// The backing store, by this read's fetch or by that of another caller in this process.
    Fetched,
    /// The cache, past its time to live, because the backing store failed.
    Stale,
}
