//! The counters of a type, declared once.

use std::fmt;

use serde::Serialize;

/// Declares the counters: for each one the variant that counts it, the field that shows it, and the words that
/// `Display` writes after the number.
macro_rules! counters {
    ($($(#[doc = $doc:literal])* $variant:ident => $field:ident, $words:literal;)*) => {
        /// The counters of one type.
        ///
        /// ```
        /// # #[cfg(feature = "derive")]
        /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
        /// # #[cfg(feature = "derive")]
        /// # #[tokio::main(flavor = "current_thread")]
        /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
        /// # let (cow, db) = (CacheCow::memory(), Db);
        /// use cachecow::TypeStats;
        ///
        /// /// The share of the reads that the database had nothing to do with.
        /// fn hit_rate(stats: TypeStats) -> f64 {
        ///     let hits = stats.hits + stats.near_hits;
        ///     hits as f64 / (hits + stats.misses).max(1) as f64
        /// }
        ///
        /// cow.with(&db).get(User::by_id(1)).await?;
        /// cow.with(&db).get(User::by_id(1)).await?;
        /// assert_eq!(hit_rate(cow.stats().of("User")), 0.5);
        /// # Ok(())
        /// # }
        /// # #[cfg(not(feature = "derive"))] fn main() {}
        /// ```
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
        #[non_exhaustive]
        pub struct TypeStats {
            $($(#[doc = $doc])* pub $field: u64,)*
        }

        /// What is counted.
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub(crate) enum Counter {
            $($variant,)*
        }

        /// How many counters there are.
        pub(super) const COUNTERS: usize = [$(Counter::$variant),*].len();

        impl TypeStats {
            pub(super) fn read(mut count: impl FnMut(Counter) -> u64) -> Self {
                Self { $($field: count(Counter::$variant),)* }
            }

            pub(crate) fn add(&mut self, other: &Self) {
                $(self.$field += other.$field;)*
            }

            fn each(&self) -> impl Iterator<Item = (Counter, u64, &'static str)> {
                [$((Counter::$variant, self.$field, $words)),*].into_iter()
            }
        }
    };
}

counters! {
    /// Reads served from the cache.
    Hits => hits, "hits";
    /// Reads served from this process's memory.
    NearHits => near_hits, "near hits";
    /// Reads served from the backing store, by their own fetch or another caller's.
    Misses => misses, "misses";
    /// Of the misses, those whose value was stored.
    MissesStored => misses_stored, "misses that were stored";
    /// Of the misses, those whose value the cache refused to store: the right to store it had ended, usually because of an
    /// invalidation meanwhile.
    MissesRefused => misses_refused, "misses that were refused";
    /// Of the misses, those whose value should not or could not be stored.
    MissesSkipped => misses_skipped, "misses that were not to be stored";
    /// Of the misses, those whose value was not stored because the cache could not be reached.
    MissesUnreachable => misses_unreachable, "misses without the cache";
    /// Fetched values that were stored.
    FillsStored => fills_stored, "fills stored";
    /// Fetched values that the cache refused to store: the right to store them had ended, usually because of an
    /// invalidation meanwhile, but also by an eviction, or because the fetch took longer than the lease.
    FillsRefused => fills_refused, "refused";
    /// Reads that found another process about to fill.
    Contended => contended, "contended";
    /// How often a read followed another caller's load.
    Joins => joins, "joins";
    /// Reads that bypassed the cache, because it failed, the circuit was open, an invalidation was outstanding, or
    /// it held a recent value of another version.
    Bypasses => bypasses, "bypasses";
    /// Commands to which the cache gave no answer, or an invalid one.
    BackendErrors => backend_errors, "backend errors";
    /// Stored values that were malformed, undecodable, too large or of another key.
    DecodeFailures => decode_failures, "decode failures";
    /// Stored values of another version of the type, or stored with other settings of compression and encryption.
    OtherVersions => other_versions, "of other versions";
    /// Fetched values that were too large to be stored (event `value_too_large`), and lists longer than their `max_len`
    /// (event `list_too_long`, once for each kind of list).
    Oversized => oversized, "oversized";
    /// Fetched objects that were not stored, because decoding would have given a different object. The first one of
    /// each type is logged at the level `error`, with the field and the reason. After three in a row, the type's
    /// reads bypass the cache for a while: first for a second, later for up to a minute.
    Unfaithful => unfaithful, "unfaithful";
    /// Fetched objects that were not stored, because their own fields differ from the requested key, as may happen
    /// with a case-insensitive column. The first one of each type is logged at the level `warn`, with the lookup.
    /// `#[cache(normalize = …)]` on the field makes both equal.
    Mismatched => mismatched, "mismatched";
    /// Fetches that ended with an error.
    FetchErrors => fetch_errors, "fetch errors";
    /// Loads that ended when no caller waited for them any more: refreshes ahead, fetches that took longer than the
    /// soft timeout, and loads whose callers were cancelled; see
    /// [`CacheCow::with_shared`](crate::CacheCow::with_shared). They count neither as hits nor as misses.
    BackgroundLoads => background_loads, "loaded in the background";
    /// Objects served past their time to live, because their fetch failed or took too long.
    Stale => stale, "stale";
    /// Reads that an [`Auditor`](crate::Auditor) compared with the backing store. Those not counted in the next
    /// four were equal to it.
    Audited => audited, "audited";
    /// Of these, objects that were certainly stale: not invalidated, and for longer than the auditor's grace.
    ConfirmedStale => confirmed_stale, "confirmed stale";
    /// Of these, objects that differed, but were no longer served at the second check.
    AuditRaces => audit_races, "raced with a change";
    /// Of these, objects for which the backing store returned something else at each check.
    AuditUndecided => audit_undecided, "undecided";
    /// Of these, reads that could not be compared, because a fetch or the cache failed.
    AuditErrors => audit_errors, "failed to be audited";
    /// Reads that were picked but not audited, because the auditor was behind, or could not fetch by this lookup.
    AuditSkipped => audit_skipped, "skipped by the auditor";
}

impl fmt::Display for TypeStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_usual = |counter| {
            use Counter::{FillsRefused, FillsStored, Hits, Misses};
            matches!(counter, Hits | Misses | FillsStored | FillsRefused)
        };
        // For exporters only: `Display` shows the same as fills and bypasses.
        let is_detail = |counter| {
            use Counter::{MissesRefused, MissesSkipped, MissesStored, MissesUnreachable};
            matches!(counter, MissesStored | MissesRefused | MissesSkipped | MissesUnreachable)
        };
        // The common counters come first; of the others, zeros are left out.
        let usual = self.each().filter(|(counter, ..)| is_usual(*counter));
        let is_other = |counter| !is_usual(counter) && !is_detail(counter);
        let others = self.each().filter(|(counter, count, _)| is_other(*counter) && *count > 0);
        for (at, (_, count, words)) in usual.chain(others).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{count} {words}")?;
        }
        Ok(())
    }
}
