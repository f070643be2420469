//! Tracing: what a load does, and how long each part takes: `cargo run -p cachecow-examples --example trace`.
//!
//! cachecow's spans have the level `debug` and the target `cachecow`. A hit has no span. Here every span is printed
//! when it ends, with its parent spans; with `tracing-opentelemetry` it would be part of the request's trace.

use std::convert::Infallible;
use std::time::Duration;

use cachecow::{CacheCow, Cached};
use tracing::Instrument as _;
use tracing_subscriber::fmt::format::FmtSpan;

#[derive(Debug, Cached)]
#[cache(ttl = "10m")]
#[cache(key = "square:{root}", fetch = Square::compute)]
struct Square {
    root: u32,
    value: u64,
}

impl Square {
    async fn compute(root: u32) -> Result<Square, Infallible> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        Ok(Square { root, value: u64::from(root).pow(2) })
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), cachecow::Error> {
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_span_events(FmtSpan::CLOSE)
        .init();
    let cow = CacheCow::memory();
    let ask = |request| {
        let asked = cow.get(Square::by_root(12));
        asked.instrument(tracing::info_span!("request", request))
    };
    // The second joins the first one's load; its span follows from that one's.
    let (first, second) = tokio::join!(ask(1), ask(2));
    // A hit. Few reads of the type were hits so far, so this read begins with a claim, which counts as a load.
    // Later hits have no span.
    let third = ask(3).await?;
    for square in [first?, second?, third] {
        assert_eq!(square.expect("every number has a square").value, 144);
    }
    Ok(())
}
