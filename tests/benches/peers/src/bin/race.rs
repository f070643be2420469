//! The example `race` with more caches: `cached`, `hitbox`, `quick_cache` and `foyer`.
//!
//! ```sh
//! cargo run --release --manifest-path tests/benches/peers/Cargo.toml --bin race
//! ```
//!
//! With `REDIS_URL` over that Redis, and in this process's memory otherwise.

use cachecow_peers::{Measured, in_memory, over_redis};
use race::{Entrant, show};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let all: Vec<Box<dyn Measured>> = match std::env::var("REDIS_URL") {
        Ok(url) => over_redis(&url).await?,
        Err(_) => in_memory()?,
    };
    let all: Vec<_> = all.into_iter().map(|one| one as Box<dyn Entrant>).collect();
    show(&all).await;
    Ok(())
}
