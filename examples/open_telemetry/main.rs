//! The cache's metrics with OpenTelemetry: `cargo run -p cachecow-examples --example open_telemetry`.
//!
//! cachecow exports with the crate `metrics`, and the program chooses the recorder. Here it is a bridge to
//! OpenTelemetry's meters, whose values are printed; a service would send them with OTLP.

mod bridge;

use std::convert::Infallible;
use std::error::Error;
use std::time::Duration;

use cachecow::{CacheCow, Cached};
use opentelemetry::metrics::MeterProvider as _;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};

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
    let printed = opentelemetry_stdout::MetricExporter::default();
    let reader = PeriodicReader::builder(printed).with_interval(Duration::from_secs(60)).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).build();
    metrics::set_global_recorder(bridge::OpenTelemetry::new(provider.meter("cachecow")))?;

    let cow = CacheCow::memory();
    let exporter = cow.metrics();
    for root in [12, 12, 12, 7] {
        let square = cow.get(Square::by_root(root)).await?.expect("every number has a square");
        assert_eq!(square.value, u64::from(root).pow(2));
    }
    // A service spawns `exporter.run(interval)`, with the interval of its reader.
    exporter.collect();
    provider.force_flush()?;
    provider.shutdown()?;
    Ok(())
}
