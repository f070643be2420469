//! What a read tells about itself.

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

    /// Of two, the one that more was asked for: a call is timed under the last of its objects' sources.
    pub(crate) fn or_later(self, other: Self) -> Self {
        let rank = |source| match source {
            Self::Near => 0,
            Self::Cache => 1,
            Self::Fetched => 2,
            // Its fetch failed.
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

/// How one read is done, where it differs from the view's; what
/// [`View::read_with`](crate::View::read_with) takes. The methods of [`View`](crate::View) of the same names set
/// the same for all reads of a view.
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

/// What becomes of what a read fetches. Small, since every view carries it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Storing {
    /// It is stored, for as long as its type says.
    #[default]
    Usual,
    /// For so many milliseconds.
    For(NonZeroU32),
    Not,
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

    /// Calls the fetch function although the object may be cached, and stores what it returns in the place of
    /// the cached object. Other callers are served that object until then.
    ///
    /// The read shares the fetch of another caller only if that fetch began after this read.
    ///
    /// It is no invalidation: another caller's fetch that is under way may still be stored, and the near tiers
    /// of other processes keep what they have until they hear of the change. To tell the cache of a change of
    /// the backing store, call [`CacheCow::invalidate`](crate::CacheCow::invalidate).
    ///
    /// # Errors
    ///
    /// Where the fetch fails, so does the read, and the cached object stays. `stale_if_error` does not apply.
    ///
    /// # Consistency
    ///
    /// As any fill: what is fetched is stored only if no invalidation came in between. While a writer holds the
    /// key, and where another process goes on filling it, nothing is stored.
    ///
    /// # Round trips
    ///
    /// Three, of which one after the fetch; by an alias, or of an object with tags, up to two more for each.
    pub fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// How long what this read stores may be served, in the place of its type's `ttl` and of `ttl_with`. It is
    /// shortened at random like any other ([`ttl_jitter`](crate::Builder::ttl_jitter)). What is cached already
    /// keeps its time. Less than a millisecond is [`no_store`](Self::no_store); more than 49 days are 49 days.
    ///
    /// The absence of an object is kept no longer than this, nor than its `negative_ttl`.
    ///
    /// # Consistency
    ///
    /// The clocks of the process that stores the object and of the one that reads it tell its end.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        // A stored value's header has no room for more.
        let millis = u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX - 1);
        self.storing = NonZeroU32::new(millis).map_or(Storing::Not, Storing::For);
        self
    }

    /// Stores nothing that this read fetches, as for a report that reads once what nobody else asks for. A cached
    /// object is served. If there is none, the read claims nothing, and shares no fetch with other callers.
    ///
    /// Together with [`fresh`](Self::fresh), the read makes no use of the cache at all.
    pub fn no_store(mut self) -> Self {
        self.storing = Storing::Not;
        self
    }

    /// These, and where they say nothing, the view's.
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
