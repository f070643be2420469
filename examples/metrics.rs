//! The cache's metrics in Prometheus's format: `cargo run -p cachecow-examples --example metrics`.
//!
//! A service calls `collect` and `render` in its handler of `/metrics`. A dashboard and alerts for these metrics are in
//! `examples/grafana`.

use std::convert::Infallible;
use std::error::Error;

use cachecow::{CacheCow, Cached};
use metrics_exporter_prometheus::PrometheusBuilder;

#[derive(Debug, Cached)]
#[cache(ttl = "10m")]
#[cache(key = "square:{root}", fetch = Square::compute)]
struct Square {
    root: u32,
    value: u64,
}

impl Square {
    async fn compute(root: u32) -> Result<Square, Infallible> {
        Ok(Square { root, value: u64::from(root).pow(2) })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    // The buckets of the durations, in seconds: from a hit in memory to a slow fetch.
    let buckets = [1e-6, 1e-5, 1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 2e-2, 0.1, 0.5, 2.0, 10.0];
    let recorded = PrometheusBuilder::new().set_buckets(&buckets)?.install_recorder()?;
    let cow = CacheCow::memory();
    let exporter = cow.metrics();

    for root in [12, 12, 12, 7] {
        let square = cow.get(Square::by_root(root)).await?.expect("every number has a square");
        assert_eq!(square.value, u64::from(root).pow(2));
    }
    exporter.collect();
    println!("{}", recorded.render());
    Ok(())
}
