//! The state that one `CacheCow` keeps for each type, accessible without a lock.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};

use super::counters::{COUNTERS, Counter, TypeStats};
use super::durations::TypeDurations;
use super::read_back::ReadBack;
use super::striped::Striped;
use super::templates::Templates;
use crate::backend::BackendError;
use crate::events::{HIT, Rate, say};
use crate::model::cached::Cached;
use crate::model::lookup::Lookup;
use crate::protocol::{Fill, First, Lost, Outcome};

/// Doubling blocks: 32, 32, 64, 128, … types, up to 2^32.
const BLOCKS: usize = 28;
const FIRST_BLOCK: usize = 32;

/// The states of all types, by slot. The table grows, but never moves entries.
pub(crate) struct TypeTable {
    blocks: [OnceLock<Box<[OnceLock<TypeState>]>>; BLOCKS],
    templates: Templates,
}

impl TypeTable {
    #[inline]
    pub(crate) fn of<T: Cached>(&self) -> &TypeState {
        let slot = T::type_slot();
        self.place(slot).get_or_init(|| self.first_use::<T>(slot))
    }

    /// The state for the type that the lookup finds.
    #[inline]
    pub(crate) fn of_lookup<L: Lookup>(&self, lookup: &L) -> &TypeState {
        match lookup.series() {
            None => self.of::<L::Object>(),
            Some(series) => self.of_series::<L::Object>(series),
        }
    }

    fn of_series<T: Cached>(&self, (slot, template): (usize, &'static str)) -> &TypeState {
        let first_use = || {
            let emptied = crate::key::emptied(template);
            let emptied = emptied.as_ref().map_or(template, |(emptied, _)| emptied);
            let clashes = self.templates.clashes::<T>(slot, &[emptied]);
            TypeState { clashes, ..TypeState::new(template) }
        };
        self.place(slot).get_or_init(first_use)
    }

    #[cold]
    fn first_use<T: Cached>(&self, slot: usize) -> TypeState {
        TypeState {
            clashes: self.templates.clashes::<T>(slot, T::TEMPLATES),
            ..TypeState::new(T::NAME)
        }
    }

    /// The state in a slot, for the type `name`.
    #[cfg(feature = "store")]
    #[inline]
    pub(crate) fn at(&self, slot: usize, name: &'static str) -> &TypeState {
        self.place(slot).get_or_init(|| TypeState::new(name))
    }

    #[inline]
    fn place(&self, slot: usize) -> &OnceLock<TypeState> {
        let (block, len, at) = place(slot);
        let block = self.blocks[block].get_or_init(|| (0..len).map(|_| OnceLock::new()).collect());
        &block[at]
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &TypeState> {
        self.blocks.iter().filter_map(OnceLock::get).flatten().filter_map(OnceLock::get)
    }
}

/// The block, its length, and the position in it.
#[inline]
fn place(slot: usize) -> (usize, usize, usize) {
    let doublings = (slot / FIRST_BLOCK).checked_ilog2().map_or(0, |log| log as usize + 1);
    let start = if doublings == 0 { 0 } else { FIRST_BLOCK << (doublings - 1) };
    (doublings, start.max(FIRST_BLOCK), slot - start)
}

impl Default for TypeTable {
    fn default() -> Self {
        Self { blocks: std::array::from_fn(|_| OnceLock::new()), templates: Templates::default() }
    }
}

impl fmt::Debug for TypeTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(TypeState::name)).finish()
    }
}

/// The rate limits of one type's events.
#[derive(Default)]
pub(crate) struct TypeRates {
    pub(crate) stale_served: Rate,
    pub(crate) value_rejected: Rate,
    pub(crate) stale_object: Rate,
    pub(crate) audit_undecided: Rate,
}

/// One type's counters and recent hit rate.
pub(crate) struct TypeState {
    name: &'static str,
    /// When it was used first.
    used: Instant,
    counters: [AtomicU64; COUNTERS],
    /// Instead of the usual counter, which would be too slow for a near hit.
    near_hits: Striped,
    hit_rate: HitRate,
    pub(crate) rates: TypeRates,
    durations: TypeDurations,
    read_back: ReadBack,
    /// Whether it was logged that a fetch returned another object than the one asked for.
    mismatch_is_told: AtomicBool,
    /// Whether it was logged that a list was too long.
    too_long_is_told: AtomicBool,
    /// Whether another type has a key of the same template.
    clashes: bool,
}

impl TypeState {
    fn new(name: &'static str) -> Self {
        Self {
            name,
            used: Instant::now(),
            counters: std::array::from_fn(|_| AtomicU64::new(0)),
            near_hits: Striped::default(),
            hit_rate: HitRate::default(),
            rates: TypeRates::default(),
            durations: TypeDurations::default(),
            read_back: ReadBack::default(),
            mismatch_is_told: AtomicBool::new(false),
            too_long_is_told: AtomicBool::new(false),
            clashes: false,
        }
    }

    /// Notes that an object was decoded as it was fetched.
    pub(crate) fn came_back(&self) {
        self.read_back.succeeded();
    }

    /// Notes that an object was decoded differently; returns whether it is the type's first.
    pub(crate) fn came_back_different(&self, now: u64) -> bool {
        self.count(Counter::Unfaithful);
        self.read_back.failed(now, self.hit_rate.has_hits())
    }

    /// Notes that a fetch returned an object that does not match the requested key; returns whether it is the
    /// type's first.
    pub(crate) fn fetched_another(&self) -> bool {
        self.count(Counter::Mismatched);
        !self.mismatch_is_told.swap(true, Ordering::Relaxed)
    }

    /// Notes that a list was too long to be stored; returns whether it is the first of its kind.
    pub(crate) fn too_long(&self) -> bool {
        self.count(Counter::Oversized);
        !self.too_long_is_told.swap(true, Ordering::Relaxed)
    }

    #[inline]
    pub(crate) fn clashes(&self) -> bool {
        self.clashes
    }

    /// Whether the type bypasses the cache at the moment.
    #[inline]
    pub(crate) fn is_left_alone(&self, now: impl FnOnce() -> u64) -> bool {
        self.clashes || self.read_back.is_left_alone(now)
    }

    /// How long it has bypassed the cache, at this time in milliseconds since 1970.
    pub(crate) fn not_cached_for(&self, now: u64) -> Option<Duration> {
        if self.clashes {
            return Some(self.used.elapsed());
        }
        self.read_back.left_alone_for(now)
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn durations(&self) -> &TypeDurations {
        &self.durations
    }

    #[inline]
    pub(crate) fn count(&self, counter: Counter) {
        self.counters[counter as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts hits in this process's memory.
    #[inline]
    pub(crate) fn near_hits(&self, hits: u64) {
        self.say_hits("near", hits);
        self.near_hits.add(hits);
    }

    /// Counts hits that did not go through the driver.
    pub(crate) fn record_hits(&self, hits: u64) {
        self.say_hits("cache", hits);
        // More would not change the rate.
        (0..hits.min(64)).for_each(|_| self.hit_rate.hit());
        self.counters[Counter::Hits as usize].fetch_add(hits, Ordering::Relaxed);
    }

    /// Says that these reads were hits, if anybody wants to know.
    #[inline]
    fn say_hits(&self, source: &'static str, reads: u64) {
        // What `tracing` asks first as well; the rest of its code would be in every hit's way.
        if HIT.level <= STATIC_MAX_LEVEL && HIT.level <= LevelFilter::current() {
            self.hits_are_wanted(source, reads);
        }
    }

    #[cold]
    fn hits_are_wanted(&self, source: &'static str, reads: u64) {
        if reads > 0 {
            say!(HIT, r#type = self.name, source, reads, "served from the cache");
        }
    }

    /// Counts how a read ended.
    #[inline]
    pub(crate) fn record(&self, outcome: Outcome, bypassed: bool) {
        match outcome {
            Outcome::Hit => {
                self.say_hits("cache", 1);
                self.hit_rate.hit();
                self.count(Counter::Hits);
            }
            Outcome::Failed => self.count(Counter::FetchErrors),
            Outcome::Stale => self.count(Counter::Stale),
            Outcome::Shared(fill) => self.miss(fill),
            Outcome::Fetched(fill) => {
                self.miss(fill);
                match fill {
                    Fill::Stored => self.count(Counter::FillsStored),
                    Fill::Refused => self.count(Counter::FillsRefused),
                    Fill::Skipped | Fill::Unreachable => {}
                }
            }
        }
        if bypassed {
            self.count(Counter::Bypasses);
        }
    }

    fn miss(&self, fill: Fill) {
        self.hit_rate.miss();
        self.count(Counter::Misses);
        self.count(match fill {
            Fill::Stored => Counter::MissesStored,
            Fill::Refused => Counter::MissesRefused,
            Fill::Skipped => Counter::MissesSkipped,
            Fill::Unreachable => Counter::MissesUnreachable,
        });
    }

    /// Counts how a load ended that nobody waited for.
    pub(crate) fn record_unattended(&self, outcome: Outcome) {
        self.count(Counter::BackgroundLoads);
        match outcome {
            Outcome::Fetched(Fill::Stored) => self.count(Counter::FillsStored),
            Outcome::Fetched(Fill::Refused) => self.count(Counter::FillsRefused),
            Outcome::Failed => self.count(Counter::FetchErrors),
            Outcome::Hit | Outcome::Shared(_) | Outcome::Fetched(_) | Outcome::Stale => {}
        }
    }

    /// Counts an object that was served past its time to live while its fetch went on.
    pub(crate) fn served_stale(&self) {
        self.count(Counter::Stale);
    }

    /// Counts and reports a command that the cache did not answer properly.
    #[cold]
    pub(crate) fn lost(&self, error: &BackendError) -> Lost {
        self.count(Counter::BackendErrors);
        say!(READ_LOST, r#type = self.name, %error, "the cache failed a read");
        Lost
    }

    /// Counts and reports a failed fetch for which the cache still had an object.
    #[cold]
    pub(crate) fn fetch_failed(&self) {
        self.count(Counter::FetchErrors);
        if let Some(left_out) = self.rates.stale_served.admits() {
            say!(
                STALE_SERVED,
                r#type = self.name,
                left_out,
                "a fetch failed; the cached object is served"
            );
        }
    }

    /// What a read should ask first.
    #[inline]
    pub(crate) fn first_command(&self) -> First {
        self.hit_rate.first_command()
    }

    pub(crate) fn stats(&self) -> TypeStats {
        TypeStats::read(|counter| match counter {
            Counter::NearHits => self.near_hits.sum(),
            counter => self.counters[counter as usize].load(Ordering::Relaxed),
        })
    }
}

/// The recent share of hits, of 256, as an exponentially weighted mean over about 16 reads.
///
/// It decides the first command of a read. A lookup is the cheapest command for a hit, but a miss then costs one
/// more round trip than with an immediate claim. Near hits do not count: they send nothing, and must not affect the
/// reads that do reach the cache.
#[derive(Default)]
struct HitRate(AtomicU32);

impl HitRate {
    const WEIGHT: u32 = 16;
    const HALF: u32 = 128;

    #[inline]
    fn hit(&self) {
        let rate = self.0.load(Ordering::Relaxed);
        let step = (256 - rate) / Self::WEIGHT;
        // At the maximum there is no change, so the hot path writes nothing.
        if step != 0 {
            self.0.store(rate + step, Ordering::Relaxed);
        }
    }

    /// Whether one of sixteen recent reads was a hit.
    fn has_hits(&self) -> bool {
        self.0.load(Ordering::Relaxed) >= 16
    }

    fn miss(&self) {
        let rate = self.0.load(Ordering::Relaxed);
        self.0.store(rate - rate.div_ceil(Self::WEIGHT), Ordering::Relaxed);
    }

    #[inline]
    fn first_command(&self) -> First {
        if self.0.load(Ordering::Relaxed) > Self::HALF { First::Lookup } else { First::Claim }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slot_has_a_place_of_its_own() {
        let mut places: Vec<_> = (0..10_000)
            .map(|slot| {
                let (block, len, at) = place(slot);
                assert!(at < len, "slot {slot} is at {at} of {len} in block {block}");
                (block, at)
            })
            .collect();
        places.dedup();
        assert_eq!(places.len(), 10_000);
        assert!(place(u32::MAX as usize).0 < BLOCKS);
    }

    #[test]
    fn a_type_starts_cold_warms_up_and_cools_down() {
        let rate = HitRate::default();
        assert_eq!(rate.first_command(), First::Claim);
        (0..16).for_each(|_| rate.hit());
        assert_eq!(rate.first_command(), First::Lookup);
        rate.miss();
        assert_eq!(rate.first_command(), First::Lookup, "one miss changes nothing");
        (0..16).for_each(|_| rate.miss());
        assert_eq!(rate.first_command(), First::Claim);
    }
}
