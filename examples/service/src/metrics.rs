//! The cache's metrics, for Prometheus.

use std::fmt;

use cachecow::CacheCow;
use cachecow::metrics::Exporter;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

/// The buckets of the durations, in seconds: from a hit in memory to a slow query.
const BUCKETS: &[f64] =
    &[1e-6, 1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0, 10.0];

/// The metrics of one cache. A program with other metrics installs one recorder for all: see `examples/metrics.rs`.
pub struct Metrics {
    exporter: Exporter,
    recorder: PrometheusRecorder,
    rendered: PrometheusHandle,
}

impl Metrics {
    /// Starts to export this cache's metrics.
    ///
    /// # Panics
    ///
    /// Never.
    pub fn of(cow: &CacheCow) -> Self {
        let builder = PrometheusBuilder::new().set_buckets(BUCKETS).expect("there are buckets");
        let recorder = builder.build_recorder();
        Self { exporter: cow.metrics(), rendered: recorder.handle(), recorder }
    }

    /// Returns the current values, as text.
    pub fn render(&self) -> String {
        metrics::with_local_recorder(&self.recorder, || self.exporter.collect());
        self.rendered.render()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("exporter", &self.exporter).finish_non_exhaustive()
    }
}
