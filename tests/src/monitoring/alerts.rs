//! The alert rules: what needs a person, and nothing else.

use std::fmt::Write as _;

/// A rule.
#[derive(Debug)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// When it holds.
    pub expression: &'static str,
    /// For how long it must hold.
    pub lasting: &'static str,
    /// `page` or `ticket`.
    pub severity: &'static str,
    /// What happens.
    pub summary: &'static str,
    /// What to do.
    pub description: &'static str,
}

macro_rules! alerts {
    ($($name:literal for $lasting:literal, $severity:literal: $expression:literal, $summary:literal, $description:literal;)*) => {
        /// Every rule.
        pub const ALERTS: &[Alert] = &[$(Alert {
            name: $name,
            expression: $expression,
            lasting: $lasting,
            severity: $severity,
            summary: $summary,
            description: $description,
        }),*];
    };
}

alerts! {
    "CachecowCircuitOpen" for "1m", "page": "cachecow_circuit_open == 1",
        "{{ $labels.instance }} does not reach its cache: all reads go to the database.",
        "See that the cache runs and that the instance reaches it. The event circuit_opened has the cause.";
    "CachecowInvalidationsPending" for "1m", "page": "cachecow_pending_invalidation_age_seconds > 60",
        "Invalidations of {{ $labels.instance }} have failed for {{ $value | humanizeDuration }}.",
        "Other instances may serve the old values. See to the cache; the event invalidation_failed has the cause.";
    "CachecowStaleObjects" for "0s", "page": r#"sum by (job, type) (increase(cachecow_audits_total{outcome="confirmed_stale"}[15m])) > 0"#,
        "The auditor found stale objects of {{ $labels.type }}.",
        "Some write does not invalidate. The event stale_object names the lookup and the fields; invalidate the object, and mend the write.";
    "CachecowRefused" for "5m", "ticket": r#"cachecow_degraded{reason="cache_refuses"} == 1"#,
        "The cache refuses commands of {{ $labels.instance }}.",
        "It is full, read-only, or denies a command. The event cache_refuses has its words.";
    "CachecowStaleServed" for "5m", "ticket": r#"sum by (job, type) (rate(cachecow_reads_total{source="stale"}[5m])) > 0"#,
        "Objects of {{ $labels.type }} are served past their time, since their fetches fail.",
        "See to the database. The event stale_served tells of it, and the fetch's own error is in the program's log.";
    "CachecowChangeLogDown" for "1m", "page": "cachecow_log_following == 0",
        "{{ $labels.instance }} does not read the change log {{ $labels.log }}.",
        "What others change in the database is served as it was. The event change_log_down has the cause.";
    "CachecowChangeLogBehind" for "1m", "page": "cachecow_log_lag_seconds > 30",
        "The cache is {{ $value | humanizeDuration }} behind the change log {{ $labels.log }}.",
        "See whether the log is read and whether the cache takes invalidations; else more changes come than can be invalidated.";
    "CachecowTypeNotCached" for "5m", "ticket": r#"cachecow_degraded{reason="type_not_cached"} == 1"#,
        "A type is not cached by {{ $labels.instance }}.",
        "The event unfaithful_value or template_clash names the type and what to change.";
    "CachecowNearDeaf" for "5m", "ticket": r#"cachecow_degraded{reason="near_deaf"} == 1"#,
        "{{ $labels.instance }} serves nothing from its own memory: it hears of no changes.",
        "The event near_deaf has the cause; often the user lacks the right to CLIENT TRACKING.";
}

/// Prometheus' YAML, with how long each has to last, or else at once.
pub fn rules(at_once: bool) -> String {
    let mut rules = "groups:\n  - name: cachecow\n    rules:\n".to_owned();
    for alert in ALERTS {
        let lasting = if at_once { "0s" } else { alert.lasting };
        // A JSON string is a YAML string.
        let quoted = |text: &str| serde_json::to_string(text).expect("a string");
        let _ = write!(
            rules,
            "      - alert: {}\n        expr: {}\n        for: {lasting}\n        labels:\n          severity: {}\n        \
             annotations:\n          summary: {}\n          description: {}\n",
            alert.name,
            quoted(alert.expression),
            alert.severity,
            quoted(alert.summary),
            quoted(alert.description)
        );
    }
    rules
}
