//! What a read tells about itself.

use std::sync::Arc;

pub use crate::protocol::Fill;
use crate::protocol::Outcome;

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

    /// What a read that ended like this returns. One that failed has its error instead.
    pub(crate) fn by(outcome: Outcome, value: Option<Arc<T>>) -> Self {
        let (source, fill) = Source::by(outcome);
        Self::new(value, source, fill)
    }
}

impl Source {
    /// Where a value came from, and what became of it, by how its read ended.
    pub(crate) fn by(outcome: Outcome) -> (Self, Fill) {
        match outcome {
            Outcome::Hit => (Self::Cache, Fill::Skipped),
            Outcome::Shared(fill) | Outcome::Fetched(fill) => (Self::Fetched, fill),
            Outcome::Stale => (Self::Stale, Fill::Skipped),
            Outcome::Failed => unreachable!("a failed read ends with its error"),
        }
    }
}

impl<T> Clone for Read<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), source: self.source, fill: self.fill }
    }
}

/// How one read is done, where it differs from the view's; what
/// [`View::read_with`](crate::View::read_with) takes.
///
/// ```
/// use cachecow::ReadOptions;
///
/// let options = ReadOptions::new().past_near();
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ReadOptions {
    pub(crate) past_near: bool,
}

impl ReadOptions {
    /// As the cache is set up.
    pub fn new() -> Self {
        Self::default()
    }

    /// Makes no use of this process's memory: what is returned is no older than the cache.
    pub fn past_near(mut self) -> Self {
        self.past_near = true;
        self
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
