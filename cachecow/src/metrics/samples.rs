//! The current values of the counters and gauges, from the statistics.

use super::table::{
    AUDITS, BACKEND_ERRORS, BACKGROUND_LOADS, BYPASSES, CIRCUIT_OPEN, CIRCUIT_OPENINGS, DEGRADED,
    FETCH_ERRORS, FILLS, INVALIDATIONS, JOINS, Metric, NEAR_BYTES, NEAR_CAPACITY, NEAR_ENTRIES,
    NEAR_EVICTIONS, NOT_STORED, PENDING, PENDING_AGE, READS, REJECTED, WAITS,
};
#[cfg(feature = "log")]
use super::table::{LOG_DROPS, LOG_FOLLOWING, LOG_LAG, LOG_LAG_BYTES, LOG_ROWS};
use crate::health::{DegradedBy, Health};
use crate::stats::{Stats, TypeStats};

/// A number of one series; the labels' values are in the order of the metric's labels.
pub(super) struct Sample<'a> {
    pub(super) metric: Metric,
    pub(super) labels: &'a [&'a str],
    pub(super) value: Value,
}

pub(super) enum Value {
    /// Of a counter, since the cache was opened.
    Total(u64),
    /// Of a gauge.
    Now(f64),
}

/// Shows every sample, also those that are zero: a series that first appears with a count of one shows no increase.
pub(super) fn each(stats: &Stats, health: &Health, mut show: impl FnMut(Sample<'_>)) {
    for (name, of_type) in &stats.types {
        each_of_type(name, of_type, &mut show);
    }
    let invalidations = &stats.invalidations;
    for (outcome, count) in [
        ("confirmed", invalidations.confirmed),
        ("failed", invalidations.failed),
        ("retried", invalidations.retried),
    ] {
        show(total(INVALIDATIONS, &[outcome], count));
    }
    show(now(PENDING, &[], number(stats.pending_invalidations as u64)));
    show(now(PENDING_AGE, &[], stats.oldest_pending.as_secs_f64()));
    show(now(CIRCUIT_OPEN, &[], truth(stats.circuit_open)));
    show(total(CIRCUIT_OPENINGS, &[], stats.circuit_openings));
    for reason in DegradedBy::ALL {
        let is_so = health.degraded.iter().any(|degradation| degradation.by == *reason);
        show(now(DEGRADED, &[reason.as_str()], truth(is_so)));
    }
    if let Some(near) = &stats.near {
        show(now(NEAR_ENTRIES, &[], number(near.entries)));
        show(now(NEAR_BYTES, &[], number(near.bytes)));
        show(now(NEAR_CAPACITY, &[], number(near.capacity)));
        show(total(NEAR_EVICTIONS, &[], near.evictions));
    }
    #[cfg(feature = "log")]
    for (log, status) in &stats.followers {
        use crate::log::FollowerState::{Following, Standby};
        let log = &[log.as_str()][..];
        show(now(LOG_FOLLOWING, log, truth(matches!(status.state, Following | Standby))));
        show(now(LOG_LAG, log, status.lag.time.as_secs_f64()));
        show(now(LOG_LAG_BYTES, log, number(status.lag.bytes)));
        show(total(LOG_ROWS, log, status.rows));
        show(total(LOG_DROPS, log, status.drops));
    }
}

fn each_of_type(name: &str, stats: &TypeStats, show: &mut impl FnMut(Sample<'_>)) {
    for (source, fill, count) in [
        ("near", "skipped", stats.near_hits),
        ("cache", "skipped", stats.hits),
        ("stale", "skipped", stats.stale),
        ("fetched", "stored", stats.misses_stored),
        ("fetched", "refused", stats.misses_refused),
        ("fetched", "skipped", stats.misses_skipped),
        ("fetched", "unreachable", stats.misses_unreachable),
    ] {
        show(total(READS, &[name, source, fill], count));
    }
    for (metric, count) in [
        (FETCH_ERRORS, stats.fetch_errors),
        (JOINS, stats.joins),
        (WAITS, stats.contended),
        (BYPASSES, stats.bypasses),
        (BACKGROUND_LOADS, stats.background_loads),
        (BACKEND_ERRORS, stats.backend_errors),
    ] {
        show(total(metric, &[name], count));
    }
    let not_fresh =
        stats.confirmed_stale + stats.audit_races + stats.audit_undecided + stats.audit_errors;
    for (metric, label, count) in [
        (FILLS, "stored", stats.fills_stored),
        (FILLS, "refused", stats.fills_refused),
        (REJECTED, "malformed", stats.decode_failures),
        (REJECTED, "version", stats.other_versions),
        (NOT_STORED, "oversized", stats.oversized),
        (NOT_STORED, "unfaithful", stats.unfaithful),
        (NOT_STORED, "mismatched", stats.mismatched),
        (AUDITS, "fresh", stats.audited.saturating_sub(not_fresh)),
        (AUDITS, "confirmed_stale", stats.confirmed_stale),
        (AUDITS, "raced", stats.audit_races),
        (AUDITS, "undecided", stats.audit_undecided),
        (AUDITS, "failed", stats.audit_errors),
        (AUDITS, "skipped", stats.audit_skipped),
    ] {
        show(total(metric, &[name, label], count));
    }
}

fn total<'a>(metric: Metric, labels: &'a [&'a str], count: u64) -> Sample<'a> {
    Sample { metric, labels, value: Value::Total(count) }
}

fn now<'a>(metric: Metric, labels: &'a [&'a str], value: f64) -> Sample<'a> {
    Sample { metric, labels, value: Value::Now(value) }
}

fn truth(is_so: bool) -> f64 {
    f64::from(u8::from(is_so))
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and exact up to 2^53")]
fn number(number: u64) -> f64 {
    number as f64
}
