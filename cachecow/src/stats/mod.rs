//! What is counted, by type.

mod counters;
mod read_back;
mod slot;
mod striped;
mod table;
mod templates;

use std::collections::BTreeMap;
use std::fmt;

pub(crate) use self::counters::Counter;
pub use self::counters::TypeStats;
pub use self::slot::StaticSlot;
pub(crate) use self::slot::{generic_slot, template_slot};
pub(crate) use self::table::{TypeState, TypeTable};

/// What a [`CacheCow`](crate::CacheCow) and its clones have done since it was opened.
///
/// Counters only grow. They are read one by one while others count, so that sums may be off by what
/// happens meanwhile. `Display` prints a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// By type name, as written at the struct; types of one name are counted together. Queries are counted by their
    /// functions' names, and `get_or_fetch` by its keys' templates.
    pub types: BTreeMap<&'static str, TypeStats>,
    /// Keys whose invalidation failed and is being retried.
    pub pending_invalidations: usize,
    /// Whether reads go past the cache at the moment, because it kept failing.
    pub circuit_open: bool,
    /// By name, the followers of change logs (feature `log`), of all scopes. Of several with one name those that were
    /// started later have a number: `log`, `log (2)`.
    #[cfg(feature = "log")]
    pub followers: BTreeMap<String, crate::log::FollowerStatus>,
}

impl Stats {
    /// The counters of the type with this name; all zero if it was never used.
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
