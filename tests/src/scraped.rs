//! What Prometheus would be told of a cache.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use cachecow::metrics::{Exporter, Kind, TABLE};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// From 1 µs to 10 s, for histograms.
pub const BUCKETS: [f64; 15] =
    [1e-6, 5e-6, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0, 10.0];

/// A recorder of its own for one exporter.
pub struct Scraped {
    exporter: Exporter,
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

impl Scraped {
    /// Nothing was scraped yet.
    pub fn new(exporter: Exporter) -> Self {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).expect("there are buckets");
        let recorder = builder.build_recorder();
        Self { exporter, handle: recorder.handle(), recorder }
    }

    /// What a scrape gets now.
    pub fn text(&self) -> String {
        metrics::with_local_recorder(&self.recorder, || self.exporter.collect());
        self.handle.render()
    }

    /// The same by series, as `name{label="value",…}` with the labels in order.
    pub fn series(&self) -> BTreeMap<String, f64> {
        let text = self.text();
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let number = |line: &str| {
            let (series, value) = line.rsplit_once(' ')?;
            Some((series.to_owned(), value.parse().ok()?))
        };
        lines.map(|line| number(line).unwrap_or_else(|| panic!("no sample: {line}"))).collect()
    }

    /// The number of one series.
    pub fn number(&self, series: &str) -> f64 {
        let all = self.series();
        let found = all.get(series).copied();
        found.unwrap_or_else(|| panic!("no {series} among {:#?}", all.keys()))
    }
}

impl std::fmt::Debug for Scraped {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scraped").field("exporter", &self.exporter).finish_non_exhaustive()
    }
}

/// The table of the metrics, for the documentation.
pub fn page() -> String {
    let mut page = String::from(
        "\n# The metrics\n\nThe recorder decides how a histogram is exported, usually as `_bucket`, `_sum` and `_count`.\n\n\
         | name | kind | unit | labels | what it says |\n|---|---|---|---|---|\n",
    );
    for metric in TABLE {
        let labels: Vec<String> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let labels = if labels.is_empty() { "–".to_owned() } else { labels.join(", ") };
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {labels} | {} |",
            metric.name,
            metric.kind.as_str(),
            metric.unit.as_str(),
            metric.description
        );
    }
    page
}

/// The names of the samples that a metric has in Prometheus.
pub fn sample_names(name: &str, kind: Kind) -> Vec<String> {
    match kind {
        Kind::Histogram => ["bucket", "sum", "count"].map(|of| format!("{name}_{of}")).to_vec(),
        _ => vec![name.to_owned()],
    }
}
