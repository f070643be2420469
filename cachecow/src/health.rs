//! The health of a cache: what works, and what a person should look at.

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Serialize, Serializer};

use crate::cache::cow::CacheCow;
use crate::engine::Engine;
#[cfg(feature = "log")]
use crate::log::FollowerState;

impl CacheCow {
    /// Returns the health of the cache: whether the program can serve (always), and what a person should look at,
    /// why, and since when.
    ///
    /// ```
    /// # use cachecow::CacheCow;
    /// let cow = CacheCow::memory();
    /// let health = cow.health();
    /// assert!(health.is_ready() && !health.is_degraded());
    /// assert_eq!(health.to_string(), "ready");
    /// ```
    ///
    /// It sends nothing to the cache: it reports what this process has learnt from its own reads and writes. To ask
    /// the cache itself, use [`ping`](Self::ping).
    pub fn health(&self) -> Health {
        self.engine.health()
    }
}

/// The state of a cache; what [`CacheCow::health`] returns. `Display` writes one line. `Serialize` writes the
/// fields and `ready`, with times in seconds since 1970.
///
/// ```
/// # use cachecow::CacheCow;
/// # let cow = CacheCow::memory();
/// for degradation in cow.health().degraded {
///     println!("{:?} since {:?}: {}", degradation.by, degradation.since, degradation.detail);
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Health {
    /// What does not work as it should; empty if everything works.
    pub degraded: Vec<Degradation>,
}

/// Something that does not work as it should.
///
/// ```
/// # #[cfg(feature = "testing")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::testing::TestCache;
/// use cachecow::{Degradation, DegradedBy, Key};
///
/// /// A line for who is on duty.
/// fn line(degradation: &Degradation) -> String {
///     let urgent = matches!(degradation.by, DegradedBy::CircuitOpen | DegradedBy::ChangeLogDown);
///     format!("{}{:?}: {}", if urgent { "urgent: " } else { "" }, degradation.by, degradation.detail)
/// }
///
/// let cache = TestCache::new();
/// cache.go_down();
/// cache.invalidate(Key::of("user:{}", (42,))).await.unwrap_err();
/// let lines: Vec<String> = cache.health().degraded.iter().map(line).collect();
/// assert!(lines.iter().any(|line| line.starts_with("InvalidationsPending: ")), "{lines:?}");
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "testing"))] fn main() {}
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Degradation {
    /// What it is.
    pub by: DegradedBy,
    /// Since when, by this process's clock.
    #[serde(serialize_with = "unix_time")]
    pub since: SystemTime,
    /// The details in words, with names and numbers, but without key values.
    pub detail: String,
}

/// What may not work as it should. In each of these cases reads are correct, unless it says otherwise.
///
/// [`Degradation`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum DegradedBy {
    /// The cache kept failing, and reads bypass it: the database has all of the load. See that the server runs, and
    /// that this process reaches it.
    CircuitOpen,
    /// The cache answers, but refuses some commands: it is full, read-only, or denies them. The event
    /// `cache_refuses` has its error message.
    CacheRefuses,
    /// Invalidations failed and are retried. Reads of those keys in this process bypass the cache. Until a retry
    /// succeeds, other processes may serve the old values, for their time to live at most.
    InvalidationsPending,
    /// This process cannot listen for changes in the cache, so nothing is served from its memory (the near tier).
    NearDeaf,
    /// Objects of a type are not cached: decoded again, they would differ from the fetched ones, or two types have
    /// the same template. The event `unfaithful_value` or `template_clash` has the details.
    TypeNotCached,
    /// A change log cannot be read. Old values of rows that others change may be served, for their time to live at
    /// most.
    ChangeLogDown,
    /// The cache is behind a change log by more than the limit. Old values of rows that others change may be served
    /// for that long.
    ChangeLogBehind,
}

impl DegradedBy {
    #[cfg_attr(not(feature = "metrics"), allow(dead_code, reason = "the exporter lists them"))]
    pub(crate) const ALL: &'static [Self] = &[
        Self::CircuitOpen,
        Self::CacheRefuses,
        Self::InvalidationsPending,
        Self::NearDeaf,
        Self::TypeNotCached,
        Self::ChangeLogDown,
        Self::ChangeLogBehind,
    ];

    /// Returns it as one word, as in the metric `cachecow_degraded`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CircuitOpen => "circuit_open",
            Self::CacheRefuses => "cache_refuses",
            Self::InvalidationsPending => "invalidations_pending",
            Self::NearDeaf => "near_deaf",
            Self::TypeNotCached => "type_not_cached",
            Self::ChangeLogDown => "change_log_down",
            Self::ChangeLogBehind => "change_log_behind",
        }
    }
}

impl Health {
    /// Returns whether a load balancer should send requests: always `true`. The cache is never the reason for a
    /// failure, and removing an instance does not reduce the load on the database: the other instances then send
    /// those queries.
    #[allow(clippy::unused_self, reason = "it belongs to the answer, and may depend on it later")]
    pub fn is_ready(&self) -> bool {
        true
    }

    /// Returns whether a person should look.
    pub fn is_degraded(&self) -> bool {
        !self.degraded.is_empty()
    }
}

impl Engine {
    pub(crate) fn health(&self) -> Health {
        let mut found = Found { now: self.now(), degraded: Vec::new() };
        if let Some(lasted) = self.client.circuit_open_for() {
            let detail = "the cache does not answer; reads are served by the fetch functions";
            found.add(DegradedBy::CircuitOpen, lasted, detail);
        }
        if let Some(lasted) = self.client.refusing_for() {
            let detail = "the cache refuses commands; reads and writes go on without it";
            found.add(DegradedBy::CacheRefuses, lasted, detail);
        }
        if let Some(lasted) = self.pending.oldest() {
            let detail = format!("{} keys and tags are not invalidated", self.pending.named());
            found.add(DegradedBy::InvalidationsPending, lasted, detail);
        }
        if let Some(lasted) = self.near_deaf_for() {
            let detail = "changes in the cache cannot be heard; nothing is served from this process's memory";
            found.add(DegradedBy::NearDeaf, lasted, detail);
        }
        let wall_clock = self.wall_clock();
        for state in self.types.iter() {
            if let Some(lasted) = state.not_cached_for(wall_clock) {
                let detail = format!("objects of {} are not cached", state.name());
                found.add(DegradedBy::TypeNotCached, lasted, detail);
            }
        }
        #[cfg(feature = "log")]
        for (log, follower) in self.followers.conditions() {
            let (by, what) = match follower.state {
                FollowerState::Down => (DegradedBy::ChangeLogDown, "cannot be read"),
                FollowerState::Stopped => continue,
                _ if follower.behind => (DegradedBy::ChangeLogBehind, "is ahead of the cache"),
                _ => continue,
            };
            found.add(by, follower.lasted, format!("the change log {log} {what}"));
        }
        Health { degraded: found.degraded }
    }
}

struct Found {
    now: SystemTime,
    degraded: Vec<Degradation>,
}

impl Found {
    fn add(&mut self, by: DegradedBy, lasted: Duration, detail: impl Into<String>) {
        let since = self.now.checked_sub(lasted).unwrap_or(SystemTime::UNIX_EPOCH);
        self.degraded.push(Degradation { by, since, detail: detail.into() });
    }
}

impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ready")?;
        for (at, degradation) in self.degraded.iter().enumerate() {
            f.write_str(if at == 0 { ", degraded: " } else { "; " })?;
            f.write_str(&degradation.detail)?;
        }
        Ok(())
    }
}

impl Serialize for Health {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut health = serializer.serialize_struct("Health", 2)?;
        health.serialize_field("ready", &self.is_ready())?;
        health.serialize_field("degraded", &self.degraded)?;
        health.end()
    }
}

fn unix_time<S: Serializer>(time: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    serializer.serialize_f64(since.as_secs_f64())
}
