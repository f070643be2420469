//! The result of a read, and the options of one.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::read::LoadOptions;
pub use crate::protocol::Fill;
use crate::protocol::{Outcome, Purpose};

/// An object, where it came from, and whether it was stored; what [`View::read`](crate::View::read) returns.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{Fill, Source};
///
/// let read = cow.with(&db).read(User::by_id(1)).await?;
/// assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
/// let read = cow.with(&db).read(User::by_id(1)).await?;
/// assert_eq!((read.source, read.fill), (Source::Cache, Fill::Skipped));
/// assert_eq!(read.value.unwrap().name, "Ann");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Read<T> {
    /// The object, or `None` if the backing store has none.
    pub value: Option<Arc<T>>,
    /// Where it came from.
    pub source: Source,
    /// Whether it was stored, if it was fetched.
    pub fill: Fill,
}

impl<T> Read<T> {
    pub(crate) fn new(value: Option<Arc<T>>, source: Source, fill: Fill) -> Self {
        Self { value, source, fill }
    }

    /// Returns the read for this outcome. A failed read has an error instead.
    pub(crate) fn by(outcome: Outcome, value: Option<Arc<T>>) -> Self {
        let (source, fill) = Source::by(outcome);
        Self::new(value, source, fill)
    }
}

impl Source {
    /// Returns the source of a value, and whether it was stored, for the outcome of its read.
    pub(crate) fn by(outcome: Outcome) -> (Self, Fill) {
        match outcome {
            Outcome::Hit => (Self::Cache, Fill::Skipped),
            Outcome::Shared(fill) | Outcome::Fetched(fill) => (Self::Fetched, fill),
            Outcome::Stale => (Self::Stale, Fill::Skipped),
            Outcome::Failed => unreachable!("a failed read ends with its error"),
        }
    }

    /// Returns the slower of two sources: a call for several objects is timed under the slowest of their sources.
    pub(crate) fn or_later(self, other: Self) -> Self {
        let rank = |source| match source {
            Self::Near => 0,
            Self::Cache => 1,
            Self::Fetched => 2,
            // Served only after the fetch failed, or took too long.
            Self::Stale => 3,
        };
        if rank(other) > rank(self) { other } else { self }
    }
}

impl<T> Clone for Read<T> {
    fn clone(&self) -> Self {
        Self { value: self.value.clone(), source: self.source, fill: self.fill }
    }
}

/// Options for a single read; what [`View::read_with`](crate::View::read_with) takes. They override those of the
/// view. The methods of [`View`](crate::View) with the same names set the options for all reads of a view.
///
/// ```
/// use std::time::Duration;
/// use cachecow::ReadOptions;
///
/// // What an administrator sees after the click on "reload": read from the database, and cached for a minute.
/// let options = ReadOptions::new().fresh().ttl(Duration::from_secs(60));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct ReadOptions {
    past_near: bool,
    fresh: bool,
    storing: Storing,
}

/// Whether, and for how long, a read stores what it fetches. It is small, since every view carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Storing {
    /// Store it for the time to live of its type.
    #[default]
    Usual,
    /// Store it for this number of milliseconds.
    For(NonZeroU32),
    Not,
}

impl ReadOptions {
    /// Returns the default options: those of the cache and the type.
    pub fn new() -> Self {
        Self::default()
    }

    /// Bypasses this process's memory (the near tier): the result is as fresh as the cache.
    pub fn past_near(mut self) -> Self {
        self.past_near = true;
        self
    }

    /// Calls the fetch function even if the object is cached, and replaces the cached object with the result. Until
    /// then, other callers are served the cached object.
    ///
    /// The read shares the fetch of another caller only if that fetch began after this read.
    ///
    /// It is not an invalidation: another caller's fetch that is under way may still be stored, and the near tiers
    /// of other processes keep their object until they hear of the change. When the backing store has changed, call
    /// [`CacheCow::invalidate`](crate::CacheCow::invalidate).
    ///
    /// # Errors
    ///
    /// If the fetch fails, the read fails too, and the cached object stays. `stale_if_error` does not apply.
    ///
    /// # Consistency
    ///
    /// As any fill: the result is stored only if no invalidation happened since the fetch began. While a writer
    /// holds the key, or another process keeps filling it, nothing is stored.
    ///
    /// # Round trips
    ///
    /// Three, one of them after the fetch. By an alias up to two more, and for an object with tags up to two more.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Sets the time to live of what this read stores, instead of the type's `ttl` and `ttl_with`. It is shortened
    /// at random like any other ([`ttl_jitter`](crate::Builder::ttl_jitter)). An object that is already cached
    /// keeps its time to live. Less than a millisecond means [`no_store`](Self::no_store); more than 49 days means
    /// 49 days.
    ///
    /// An absence is cached for this time or its `negative_ttl`, whichever is shorter.
    ///
    /// # Consistency
    ///
    /// When it expires is decided by the clocks of the process that stores the object and of the process that reads
    /// it.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        // The header of a stored value has 32 bits for it.
        let millis = u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX - 1);
        self.storing = NonZeroU32::new(millis).map_or(Storing::Not, Storing::For);
        self
    }

    /// Does not store what this read fetches: for a report that reads rarely used objects once, for example. A
    /// cached object is served. On a miss, the read claims nothing, and shares no fetch with other callers.
    ///
    /// Together with [`fresh`](Self::fresh), the read does not use the cache at all.
    pub fn no_store(mut self) -> Self {
        self.storing = Storing::Not;
        self
    }

    /// Returns these options, and those of the view where these are not set.
    pub(crate) fn or(self, view: Self) -> Self {
        Self {
            past_near: self.past_near || view.past_near,
            fresh: self.fresh || view.fresh,
            storing: if self.storing == Storing::Usual { view.storing } else { self.storing },
        }
    }

    #[inline]
    pub(crate) fn load(self) -> LoadOptions {
        let purpose = match (self.fresh, self.storing) {
            (false, Storing::Not) => Purpose::Look,
            (true, Storing::Not) => Purpose::Fetch,
            (false, _) => Purpose::Serve,
            (true, _) => Purpose::Renew,
        };
        let ttl = match self.storing {
            Storing::For(millis) => Some(Duration::from_millis(u64::from(millis.get()))),
            Storing::Usual | Storing::Not => None,
        };
        LoadOptions { purpose, ttl }
    }

    /// Whether an object in this process's memory may be served.
    #[inline]
    pub(crate) fn uses_near(self) -> bool {
        !self.past_near && !self.fresh
    }
}

/// Where a value came from.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::Source;
///
/// let read = cow.with(&db).read(User::by_id(1)).await?;
/// let how_fresh = match read.source {
///     Source::Fetched => "just read from the database",
///     Source::Near | Source::Cache => "cached, and not invalidated since",
///     Source::Stale => "past its time to live: the database does not answer",
///     _ => "unknown",
/// };
/// assert_eq!(how_fresh, "just read from the database");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
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
