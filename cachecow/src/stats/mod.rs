//! What is counted, by type.

mod slot;
mod striped;
mod table;

use std::collections::BTreeMap;
use std::fmt;

pub use self::slot::StaticSlot;
pub(crate) use self::slot::generic_slot;
pub(crate) use self::table::{Counter, TypeState, TypeTable};

/// What a [`CacheCow`](crate::CacheCow) and its clones have done since it was opened.
///
/// Counters only grow. They are read one by one while others count, so that sums may be off by what
/// happens meanwhile. `Display` prints a table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// By type name, as written at the struct; types of one name are counted together.
    pub types: BTreeMap<&'static str, TypeStats>,
    /// Keys whose invalidation failed and is being retried.
    pub pending_invalidations: usize,
    /// Whether reads go past the cache at the moment, because it kept failing.
    pub circuit_open: bool,
}

/// The counters of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TypeStats {
    /// Reads served from the cache.
    pub hits: u64,
    /// Reads served from this process's memory.
    pub near_hits: u64,
    /// Reads served from the backing store, by their own fetch or another caller's.
    pub misses: u64,
    /// Fetched values that were stored.
    pub fills_stored: u64,
    /// Fetched values that the cache refused, each a stale value that was not served.
    pub fills_refused: u64,
    /// Reads that found another process about to fill.
    pub contended: u64,
    /// Times a read followed another caller's load.
    pub joins: u64,
    /// Reads that made no use of the cache, because it failed, was left alone after failures, had an
    /// invalidation outstanding, or held the fresh value of another version.
    pub bypasses: u64,
    /// Commands that the cache did not answer, or not properly.
    pub backend_errors: u64,
    /// Stored values that were malformed, undecodable, too large or of another key.
    pub decode_failures: u64,
    /// Stored values of another version of the type.
    pub other_versions: u64,
    /// Fetched values that were too large to be stored.
    pub oversized: u64,
    /// Fetches that ended with an error.
    pub fetch_errors: u64,
    /// Objects served past their time to live, because their fetch failed.
    pub stale: u64,
}

impl Stats {
    /// The counters of the type with this name; all zero if it was never used.
    pub fn of(&self, type_name: &str) -> TypeStats {
        self.types.get(type_name).copied().unwrap_or_default()
    }
}

impl TypeStats {
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            hits,
            near_hits,
            misses,
            fills_stored,
            fills_refused,
            contended,
            joins,
            bypasses,
            backend_errors,
            decode_failures,
            other_versions,
            oversized,
            fetch_errors,
            stale,
        } = self;
        *hits += other.hits;
        *near_hits += other.near_hits;
        *misses += other.misses;
        *fills_stored += other.fills_stored;
        *fills_refused += other.fills_refused;
        *contended += other.contended;
        *joins += other.joins;
        *bypasses += other.bypasses;
        *backend_errors += other.backend_errors;
        *decode_failures += other.decode_failures;
        *other_versions += other.other_versions;
        *oversized += other.oversized;
        *fetch_errors += other.fetch_errors;
        *stale += other.stale;
    }
}

impl fmt::Display for Stats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, stats) in &self.types {
            writeln!(f, "{name}: {stats}")?;
        }
        write!(f, "pending invalidations: {}", self.pending_invalidations)?;
        if self.circuit_open { write!(f, "; the circuit is open") } else { Ok(()) }
    }
}

impl fmt::Display for TypeStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { hits, misses, fills_stored, fills_refused, .. } = self;
        write!(
            f,
            "{hits} hits, {misses} misses, {fills_stored} fills stored, {fills_refused} refused"
        )?;
        let rare = [
            (self.near_hits, "near hits"),
            (self.joins, "joins"),
            (self.contended, "contended"),
            (self.bypasses, "bypasses"),
            (self.backend_errors, "backend errors"),
            (self.decode_failures, "decode failures"),
            (self.other_versions, "of other versions"),
            (self.oversized, "oversized"),
            (self.fetch_errors, "fetch errors"),
            (self.stale, "stale"),
        ];
        rare.iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
