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
    /// Reads that an [`Auditor`](crate::Auditor) compared with the backing store; what is in none of the
    /// four below was as the backing store had it.
    pub audited: u64,
    /// Of these, objects that were stale beyond doubt: without an invalidation, and for longer than the
    /// auditor's grace.
    pub confirmed_stale: u64,
    /// Of these, objects that differed and were served no more at the second look.
    pub audit_races: u64,
    /// Of these, objects that the backing store had differently at each look.
    pub audit_undecided: u64,
    /// Of these, reads that could not be compared, because a fetch or the cache failed.
    pub audit_errors: u64,
    /// Reads that were picked and not audited, because the auditor was behind, or could not fetch by
    /// this lookup.
    pub audit_skipped: u64,
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
            audited,
            confirmed_stale,
            audit_races,
            audit_undecided,
            audit_errors,
            audit_skipped,
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
        *audited += other.audited;
        *confirmed_stale += other.confirmed_stale;
        *audit_races += other.audit_races;
        *audit_undecided += other.audit_undecided;
        *audit_errors += other.audit_errors;
        *audit_skipped += other.audit_skipped;
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
            (self.audited, "audited"),
            (self.confirmed_stale, "confirmed stale"),
            (self.audit_races, "raced with a change"),
            (self.audit_undecided, "undecided"),
            (self.audit_errors, "failed to be audited"),
            (self.audit_skipped, "skipped by the auditor"),
        ];
        rare.iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
