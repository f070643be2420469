//! Every metric, once: its name, kind, unit, labels and meaning.

/// A metric. It has one series for each combination of label values.
///
/// ```
/// use cachecow::metrics::{Kind, Metric, TABLE, Unit};
///
/// // The metrics that a dashboard shows as rates.
/// let rates: Vec<&Metric> = TABLE.iter().filter(|metric| metric.kind == Kind::Counter).collect();
/// let reads = rates.iter().find(|metric| metric.name == "cachecow_reads_total").unwrap();
/// assert_eq!((reads.unit, reads.labels), (Unit::Count, &["type", "source", "fill"][..]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metric {
    /// Its name, in the form that Prometheus uses.
    pub name: &'static str,
    /// How its numbers behave.
    pub kind: Kind,
    /// The unit of its numbers.
    pub unit: Unit,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// Its meaning.
    pub description: &'static str,
}

/// How a metric's numbers behave.
///
/// [`Metric`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// The distribution of measured durations.
    Histogram,
}

/// The unit of a metric's numbers.
///
/// [`Metric`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// A number of things, or 1 for yes.
    Count,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

impl Kind {
    /// Returns the name in lower case: `counter`, for example.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

impl Unit {
    /// Returns the name in lower case: `seconds`, for example.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Seconds => "seconds",
            Self::Bytes => "bytes",
        }
    }
}

/// Declares the metrics, and the list of all of them.
macro_rules! metrics {
    ($($metric:ident: $kind:ident of $unit:ident, $name:literal, [$($label:literal),*], $description:literal;)*) => {
        $(pub(super) const $metric: Metric = Metric {
            name: $name,
            kind: Kind::$kind,
            unit: Unit::$unit,
            labels: &[$($label),*],
            description: $description,
        };)*

        /// Every metric that is exported.
        ///
        /// [`Metric`] has an example.
        pub const TABLE: &[Metric] = &[$($metric),*];
    };
}

metrics! {
    READS: Counter of Count, "cachecow_reads_total", ["type", "source", "fill"],
        "Reads, by where the value came from (near, cache, fetched, stale) and by what happened to a fetched one (stored, refused, skipped, unreachable). Each object of a batch counts.";
    READ_DURATION: Histogram of Seconds, "cachecow_read_duration_seconds", ["type", "source", "outcome"],
        "Time that a read takes its caller, by its outcome (ok, error) and by its source (none for an error). A batch or a list counts as one read. Its source is the slowest one among its objects, in the order near, cache, fetched, stale. One in 64 reads is timed, at random.";
    FETCH_DURATION: Histogram of Seconds, "cachecow_fetch_duration_seconds", ["type", "outcome"],
        "Time that a fetch takes, by its outcome (ok, error). Every fetch is timed. The fetches that a batch makes together count once.";
    FETCH_ERRORS: Counter of Count, "cachecow_fetch_errors_total", ["type"],
        "Fetches that ended with an error, also if an older value was served instead.";
    FILLS: Counter of Count, "cachecow_fills_total", ["type", "outcome"],
        "Fetched or written values that the cache was asked to store: stored; or refused, because the right to store them had ended, usually by an invalidation in between.";
    JOINS: Counter of Count, "cachecow_joins_total", ["type"],
        "Reads that shared another caller's load in the same process: each saved a fetch.";
    WAITS: Counter of Count, "cachecow_waits_total", ["type"],
        "Reads that waited for the fill of another process.";
    BYPASSES: Counter of Count, "cachecow_bypasses_total", ["type"],
        "Reads that did not use the cache: it failed, the circuit breaker was open, an invalidation of the key was outstanding, or the cache had a fresh value of another version.";
    BACKGROUND_LOADS: Counter of Count, "cachecow_background_loads_total", ["type"],
        "Loads that ended after all their callers had stopped waiting.";
    BACKEND_ERRORS: Counter of Count, "cachecow_backend_errors_total", ["type"],
        "Commands of reads that the cache did not answer, or answered with an error.";
    REJECTED: Counter of Count, "cachecow_values_rejected_total", ["type", "reason"],
        "Stored values that were not served: malformed (also undecodable, too large, or of another key), or of another version or other settings.";
    NOT_STORED: Counter of Count, "cachecow_values_not_stored_total", ["type", "reason"],
        "Fetched values that were not stored: oversized, unfaithful (would not come back as fetched), or mismatched (not what was asked for).";
    AUDITS: Counter of Count, "cachecow_audits_total", ["type", "outcome"],
        "Reads that the auditor picked: fresh, confirmed_stale, raced, undecided, failed or skipped.";
    INVALIDATIONS: Counter of Count, "cachecow_invalidations_total", ["outcome"],
        "Invalidations of a key, or of the tags of one type together: confirmed at the first attempt; failed and left to the background; retried and then confirmed.";
    PENDING: Gauge of Count, "cachecow_pending_invalidations", [],
        "Keys and tags whose invalidation failed and is being retried. This process does not read them from the cache; others may serve the old value.";
    PENDING_AGE: Gauge of Seconds, "cachecow_pending_invalidation_age_seconds", [],
        "For how long the oldest of these has been outstanding; 0 if there are none.";
    CIRCUIT_OPEN: Gauge of Count, "cachecow_circuit_open", [],
        "1 while the circuit breaker is open: reads do not use the cache, because it failed several times in a row.";
    CIRCUIT_OPENINGS: Counter of Count, "cachecow_circuit_openings_total", [],
        "How often the circuit breaker opened.";
    DEGRADED: Gauge of Count, "cachecow_degraded", ["reason"],
        "1 while the process is degraded for this reason, as in `CacheCow::health`.";
    NEAR_ENTRIES: Gauge of Count, "cachecow_near_entries", [],
        "Values in this process's memory. Only for a cache with a near tier, like the next three.";
    NEAR_BYTES: Gauge of Bytes, "cachecow_near_bytes", [],
        "About how much memory these values take.";
    NEAR_CAPACITY: Gauge of Bytes, "cachecow_near_capacity_bytes", [],
        "How much memory they may take.";
    NEAR_EVICTIONS: Counter of Count, "cachecow_near_evictions_total", [],
        "Values that were evicted from this process's memory, or were too large for it.";
    LOG_FOLLOWING: Gauge of Count, "cachecow_log_following", ["log"],
        "1 while the follower reads its change log, or waits because another instance reads it; 0 while it is down or stopped.";
    LOG_LAG: Gauge of Seconds, "cachecow_log_lag_seconds", ["log"],
        "The age of the oldest change that may not be invalidated yet, as of the last heartbeat.";
    LOG_LAG_BYTES: Gauge of Bytes, "cachecow_log_lag_bytes", ["log"],
        "How much of the change log was not settled at the last heartbeat, in the log's own measure.";
    LOG_ROWS: Counter of Count, "cachecow_log_rows_total", ["log"],
        "Changed rows of followed tables.";
    LOG_DROPS: Counter of Count, "cachecow_log_drops_total", ["log"],
        "How often all objects of a type were invalidated, because changes were missed or the changed rows were not known.";
}
