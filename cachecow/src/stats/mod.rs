//! What is counted, by type.

mod counters;
mod durations;
mod histogram;
mod read_back;
mod slot;
mod striped;
mod table;
mod templates;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

pub(crate) use self::counters::Counter;
pub use self::counters::TypeStats;
pub(crate) use self::durations::FetchEnd;
#[cfg(feature = "metrics")]
pub(crate) use self::histogram::Histogram;
#[doc(hidden)]
pub use self::slot::StaticSlot;
pub(crate) use self::slot::{generic_slot, template_slot};
pub(crate) use self::table::{TypeState, TypeTable};

/// The statistics of a [`CacheCow`](crate::CacheCow) and its clones since it was opened.
///
/// Counters only grow. They are read one by one while other threads count, so sums may be slightly off. `Display`
/// prints one line for each type; `Serialize` writes the fields by their names, and durations in seconds.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// cow.with(&db).get(User::by_id(1)).await?;
/// cow.with(&db).get(User::by_id(1)).await?;
/// let stats = cow.stats();
/// assert_eq!((stats.of("User").hits, stats.of("User").misses), (1, 1));
/// println!("{stats}");                                                // a table
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// By type name: the struct's name, or that of `#[cache(name = "…")]`. Types with the same name are counted
    /// together. Queries are counted by their functions' names, and `get_or_fetch` by its keys' templates.
    pub types: BTreeMap<&'static str, TypeStats>,
    /// The results of invalidations.
    pub invalidations: InvalidationStats,
    /// Keys whose invalidation failed and is being retried.
    pub pending_invalidations: usize,
    /// How long the oldest of these has been outstanding; zero, if there are none.
    #[serde(serialize_with = "seconds")]
    pub oldest_pending: Duration,
    /// Whether reads bypass the cache at the moment, because it kept failing.
    pub circuit_open: bool,
    /// How often the circuit was opened.
    pub circuit_openings: u64,
    /// The near tier in this process's memory, if [`Builder::near`](crate::Builder::near) is set.
    pub near: Option<NearStats>,
    /// The followers of change logs (feature `log`), by name, in all scopes. If several have the same name, the
    /// later ones have a number: `log`, `log (2)`.
    #[cfg(feature = "log")]
    pub followers: BTreeMap<String, crate::log::FollowerStatus>,
}

/// The results of invalidations, including those of writes. A key counts as one, and so do the tags of one type
/// that are invalidated together.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::InvalidationStats;
///
/// cow.invalidate([1, 2].map(User::by_id)).await?;
/// let InvalidationStats { confirmed, failed, retried, .. } = cow.stats().invalidations;
/// assert_eq!((confirmed, failed, retried), (2, 0, 0));
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct InvalidationStats {
    /// Confirmed by the cache at the first attempt.
    pub confirmed: u64,
    /// Not confirmed, and then retried in the background.
    pub failed: u64,
    /// Confirmed by a later retry.
    pub retried: u64,
}

/// The near tier: what is in this process's memory.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::NearStats;
///
/// let cow = CacheCow::builder().near(64 << 20).memory()?;
/// cow.with(&db).get(User::by_id(1)).await?;
/// let near: NearStats = cow.stats().near.expect("there is a near tier");
/// println!("{} objects take {:.0} % of the memory", near.entries, 100.0 * near.bytes as f64 / near.capacity as f64);
/// # assert!(near.bytes <= near.capacity);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NearStats {
    /// The number of objects and cached absences.
    pub entries: u64,
    /// The approximate memory of these, in bytes.
    pub bytes: u64,
    /// The limit for that memory, in bytes.
    pub capacity: u64,
    /// How many were evicted, or were too large to be kept.
    pub evictions: u64,
}

impl Stats {
    /// Returns the counters of the type with this name; all zero if it was never used.
    pub fn of(&self, type_name: &str) -> TypeStats {
        self.types.get(type_name).copied().unwrap_or_default()
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, stats) in &self.types {
            writeln!(f, "{name}: {stats}")?;
        }
        write!(f, "pending invalidations: {}", self.pending_invalidations)?;
        if self.circuit_open {
            write!(f, "; the circuit is open")?;
        }
        #[cfg(feature = "log")]
        for (name, follower) in &self.followers {
            write!(f, "\nfollower {name}: {follower}")?;
        }
        Ok(())
    }
}

/// Durations are numbers of seconds.
pub(crate) fn seconds<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(duration.as_secs_f64())
}
