//! The builder's settings, as the engine reads them.

use std::fmt;
use std::time::Duration;

use crate::clock::{Clock, LONGEST};
use crate::model::cached::TypePolicy;
use crate::near::NearSettings;
use crate::packing::Packing;

#[derive(Clone)]
pub(crate) struct Settings {
    pub(crate) ttl: Duration,
    /// The largest fraction by which a time to live is shortened at random: 0 to 1.
    pub(crate) ttl_jitter: f64,
    pub(crate) negative_ttl: Option<Duration>,
    pub(crate) stale_if_error: Option<Duration>,
    pub(crate) soft_timeout: Option<Duration>,
    pub(crate) refresh_ahead: bool,
    /// How many loads that may outlive their callers run at a time.
    pub(crate) background_loads: usize,
    pub(crate) lease: Duration,
    pub(crate) hold: Duration,
    /// How long `close` waits.
    pub(crate) close_timeout: Duration,
    /// The settle time: how long after an invalidation nothing is stored; may be zero.
    pub(crate) settle: Duration,
    /// Zero: fetch at once.
    pub(crate) fill_wait: Duration,
    /// How long a load may take before one of its followers loads instead.
    pub(crate) load_wait: Duration,
    /// The longest document, in bytes.
    pub(crate) max_value_len: usize,
    /// How many fetches of one batch run at a time without `fetch_many`.
    pub(crate) fetch_concurrency: usize,
    /// How many fetches run at a time while the cache cannot be reached.
    pub(crate) outage_fetch_concurrency: usize,
    /// How old another version's value must be before this version replaces it.
    pub(crate) replace_after: Duration,
    /// For how many keys hints are kept.
    pub(crate) hints: usize,
    /// The tier in this process's memory.
    pub(crate) near: NearSettings,
    /// How documents are compressed and encrypted.
    pub(crate) packing: Packing,
    /// The program's own clock; `None`: the system's.
    pub(crate) clock: Option<Clock>,
    /// The kind of cache, in one word.
    pub(crate) label: &'static str,
    /// Records what is read, stored, invalidated and written.
    #[cfg(feature = "testing")]
    pub(crate) recorder: Option<std::sync::Arc<super::recorder::Recorder>>,
}

/// More concurrent fetches than any batch has, but small enough to be multiplied.
const MOST_FETCHES: usize = 1 << 24;

impl Settings {
    /// How long beyond its time to live an object of a type may be served.
    #[inline]
    pub(crate) fn stale_window(&self, policy: &TypePolicy) -> Option<Duration> {
        policy.stale_if_error.or(self.stale_if_error)
    }

    /// Whether objects of a type are refreshed before their time to live ends.
    #[inline]
    pub(crate) fn refreshes_ahead(&self, policy: &TypePolicy) -> bool {
        policy.refresh_ahead.unwrap_or(self.refresh_ahead)
    }

    /// How long a read of a type waits before it is served an object past its time to live; `None`: it never is. A
    /// fetch that hangs counts as failed.
    pub(crate) fn lateness(&self, policy: &TypePolicy) -> Option<Duration> {
        self.stale_window(policy)?;
        let soft = policy.soft_timeout.or(self.soft_timeout);
        Some(soft.unwrap_or_else(|| self.patience()).min(LONGEST))
    }

    /// How long callers wait for a load: as long as it may wait for another process, plus the time
    /// for a fetch.
    pub(crate) fn patience(&self) -> Duration {
        self.fill_wait + self.load_wait
    }

    /// Limits the values that are added to a clock or multiplied.
    pub(crate) fn bound(&mut self) {
        let near = &mut self.near;
        for duration in [
            &mut self.lease,
            &mut self.hold,
            &mut self.close_timeout,
            &mut self.fill_wait,
            &mut self.load_wait,
            &mut near.ttl,
            &mut near.lag,
        ] {
            *duration = (*duration).min(LONGEST);
        }
        self.fetch_concurrency = self.fetch_concurrency.min(MOST_FETCHES);
        self.background_loads = self.background_loads.min(MOST_FETCHES);
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ttl: Duration::from_secs(600),
            ttl_jitter: 0.1,
            negative_ttl: None,
            stale_if_error: None,
            soft_timeout: None,
            refresh_ahead: false,
            background_loads: 100,
            lease: Duration::from_secs(60),
            hold: Duration::from_secs(60),
            close_timeout: Duration::from_secs(5),
            settle: Duration::ZERO,
            fill_wait: Duration::from_millis(200),
            load_wait: Duration::from_secs(10),
            max_value_len: 1024 * 1024,
            fetch_concurrency: 16,
            outage_fetch_concurrency: 100,
            replace_after: Duration::from_secs(10),
            hints: 1 << 16,
            near: NearSettings::default(),
            packing: Packing::default(),
            clock: None,
            label: "cache",
            #[cfg(feature = "testing")]
            recorder: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("ttl", &self.ttl)
            .field("ttl_jitter", &self.ttl_jitter)
            .field("negative_ttl", &self.negative_ttl)
            .field("stale_if_error", &self.stale_if_error)
            .field("soft_timeout", &self.soft_timeout)
            .field("refresh_ahead", &self.refresh_ahead)
            .field("background_loads", &self.background_loads)
            .field("lease", &self.lease)
            .field("hold", &self.hold)
            .field("close_timeout", &self.close_timeout)
            .field("settle", &self.settle)
            .field("fill_wait", &self.fill_wait)
            .field("load_wait", &self.load_wait)
            .field("max_value_len", &self.max_value_len)
            .field("fetch_concurrency", &self.fetch_concurrency)
            .field("outage_fetch_concurrency", &self.outage_fetch_concurrency)
            .field("replace_after", &self.replace_after)
            .field("hints", &self.hints)
            .field("near", &self.near)
            .field("packing", &self.packing)
            .finish_non_exhaustive()
    }
}
