//! The dashboard.

use cachecow::metrics::Unit;
use serde_json::{Value, json};

use super::metric;

/// A graph: what a person wants to know.
#[derive(Debug)]
pub struct Panel {
    /// Its title.
    pub title: &'static str,
    /// The metric whose description and unit it has.
    pub of: &'static str,
    /// Grafana's unit, if it is not the metric's.
    pub unit: Option<&'static str>,
    /// What is drawn: a legend and an expression each.
    pub queries: &'static [(&'static str, &'static str)],
}

macro_rules! panels {
    ($($title:literal of $of:literal $(in $unit:literal)?: $($legend:literal => $query:literal),+;)*) => {
        /// Every graph, in order.
        pub const PANELS: &[Panel] = &[$(Panel {
            title: $title,
            of: $of,
            unit: panels!(@unit $($unit)?),
            queries: &[$(($legend, $query)),+],
        }),*];
    };
    (@unit) => { None };
    (@unit $unit:literal) => { Some($unit) };
}

panels! {
    "Share of reads by source" of "cachecow_reads_total" in "percentunit":
        "{{source}}" => r#"sum by (source) (rate(cachecow_reads_total{job=~"$job", type=~"$type"}[$__rate_interval])) / ignoring (source) group_left () sum (rate(cachecow_reads_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Reads by type" of "cachecow_reads_total" in "reqps":
        "{{type}}" => r#"sum by (type) (rate(cachecow_reads_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Time of a read" of "cachecow_read_duration_seconds":
        "{{source}} p50" => r#"histogram_quantile(0.5, sum by (le, source) (rate(cachecow_read_duration_seconds_bucket{job=~"$job", type=~"$type", outcome="ok"}[$__rate_interval])))"#,
        "{{source}} p99" => r#"histogram_quantile(0.99, sum by (le, source) (rate(cachecow_read_duration_seconds_bucket{job=~"$job", type=~"$type", outcome="ok"}[$__rate_interval])))"#;
    "Time of a fetch" of "cachecow_fetch_duration_seconds":
        "{{type}} p50" => r#"histogram_quantile(0.5, sum by (le, type) (rate(cachecow_fetch_duration_seconds_bucket{job=~"$job", type=~"$type"}[$__rate_interval])))"#,
        "{{type}} p99" => r#"histogram_quantile(0.99, sum by (le, type) (rate(cachecow_fetch_duration_seconds_bucket{job=~"$job", type=~"$type"}[$__rate_interval])))"#;
    "Fetches that failed" of "cachecow_fetch_errors_total" in "reqps":
        "{{type}}" => r#"sum by (type) (rate(cachecow_fetch_errors_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Fills stored and refused" of "cachecow_fills_total" in "reqps":
        "{{outcome}}" => r#"sum by (outcome) (rate(cachecow_fills_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Fetches saved by joining another's" of "cachecow_joins_total" in "reqps":
        "{{type}}" => r#"sum by (type) (rate(cachecow_joins_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Reads past the cache" of "cachecow_bypasses_total" in "reqps":
        "{{type}}" => r#"sum by (type) (rate(cachecow_bypasses_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#,
        "errors of the cache" => r#"sum (rate(cachecow_backend_errors_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Invalidations" of "cachecow_invalidations_total" in "reqps":
        "{{outcome}}" => r#"sum by (outcome) (rate(cachecow_invalidations_total{job=~"$job"}[$__rate_interval]))"#;
    "Pending invalidations" of "cachecow_pending_invalidations":
        "{{instance}}" => r#"cachecow_pending_invalidations{job=~"$job"}"#;
    "Age of the oldest pending invalidation" of "cachecow_pending_invalidation_age_seconds":
        "{{instance}}" => r#"cachecow_pending_invalidation_age_seconds{job=~"$job"}"#;
    "Circuit open" of "cachecow_circuit_open":
        "{{instance}}" => r#"cachecow_circuit_open{job=~"$job"}"#;
    "Degraded" of "cachecow_degraded":
        "{{reason}}" => r#"sum by (reason) (cachecow_degraded{job=~"$job"})"#;
    "Stale" of "cachecow_audits_total" in "reqps":
        "served past their time" => r#"sum (rate(cachecow_reads_total{job=~"$job", type=~"$type", source="stale"}[$__rate_interval]))"#,
        "{{type}} found by the auditor" => r#"sum by (type) (rate(cachecow_audits_total{job=~"$job", type=~"$type", outcome="confirmed_stale"}[$__rate_interval]))"#;
    "Lag behind the change log" of "cachecow_log_lag_seconds":
        "{{instance}} {{log}}" => r#"cachecow_log_lag_seconds{job=~"$job"}"#;
    "Changes from the log" of "cachecow_log_rows_total" in "reqps":
        "{{log}} rows" => r#"sum by (log) (rate(cachecow_log_rows_total{job=~"$job"}[$__rate_interval]))"#,
        "{{log}} drops" => r#"sum by (log) (rate(cachecow_log_drops_total{job=~"$job"}[$__rate_interval]))"#;
    "Values not stored, and not served" of "cachecow_values_not_stored_total" in "reqps":
        "not stored: {{reason}}" => r#"sum by (reason) (rate(cachecow_values_not_stored_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#,
        "not served: {{reason}}" => r#"sum by (reason) (rate(cachecow_values_rejected_total{job=~"$job", type=~"$type"}[$__rate_interval]))"#;
    "Memory of the near tier" of "cachecow_near_bytes":
        "{{instance}}" => r#"cachecow_near_bytes{job=~"$job"}"#,
        "{{instance}} at most" => r#"cachecow_near_capacity_bytes{job=~"$job"}"#;
    "Evictions of the near tier" of "cachecow_near_evictions_total" in "reqps":
        "{{instance}}" => r#"rate(cachecow_near_evictions_total{job=~"$job"}[$__rate_interval])"#;
}

/// Grafana's JSON.
pub fn dashboard() -> String {
    let panels: Vec<Value> =
        PANELS.iter().enumerate().map(|(number, panel)| panel.json(number)).collect();
    let variable = |name: &str, metric: &str| {
        let query = format!("label_values({metric}, {name})");
        json!({
            "name": name, "type": "query", "datasource": {"type": "prometheus", "uid": "$datasource"},
            "query": query, "definition": query, "refresh": 2, "includeAll": true, "multi": true,
            "allValue": ".*", "current": {"text": "All", "value": "$__all"},
        })
    };
    let datasource = json!({"name": "datasource", "type": "datasource", "query": "prometheus"});
    let reads = metric("cachecow_reads_total").name;
    let dashboard = json!({
        "title": "cachecow", "uid": "cachecow", "tags": ["cache"], "schemaVersion": 39,
        "editable": true, "refresh": "30s", "time": {"from": "now-3h", "to": "now"},
        "templating": {"list": [
            datasource,
            variable("job", metric("cachecow_circuit_open").name),
            variable("type", reads),
        ]},
        "panels": panels,
    });
    serde_json::to_string_pretty(&dashboard).expect("a JSON value") + "\n"
}

impl Panel {
    fn json(&self, number: usize) -> Value {
        let metric = metric(self.of);
        let unit = self.unit.unwrap_or(match metric.unit {
            Unit::Seconds => "s",
            Unit::Bytes => "bytes",
            _ => "short",
        });
        let source = json!({"type": "prometheus", "uid": "$datasource"});
        let target = |(at, (legend, query)): (usize, &(&str, &str))| {
            let name = char::from(b'A' + u8::try_from(at).expect("few queries")).to_string();
            json!({"refId": name, "datasource": source, "expr": query, "legendFormat": legend})
        };
        let targets: Vec<Value> = self.queries.iter().enumerate().map(target).collect();
        json!({
            "id": number + 1, "type": "timeseries", "title": self.title,
            "description": metric.description, "datasource": source,
            "gridPos": {"h": 8, "w": 12, "x": 12 * (number % 2), "y": 8 * (number / 2)},
            "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
            "targets": targets,
        })
    }
}
