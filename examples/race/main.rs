//! The race that makes caches stale: a slow reader fetches the old row, a writer commits a new one and invalidates, and
//! the reader stores what it fetched.
//!
//! ```sh
//! cargo run --example race                                     # in this process's memory, needs no server
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example race    # over Redis
//! cargo run --release --manifest-path tests/benches/peers/Cargo.toml --bin race   # hitbox, quick_cache and foyer, too
//! ```
//!
//! First the order of the steps is forced. Then readers and writers run freely, and the stale reads are counted.

use std::sync::Arc;

use race::{
    CachedCoalescing, CachedOverRedis, CachedSharded, Database, Entrant, MapRecipe, MokaCache,
    Recipe, RedisRecipe, ThroughCow, show,
};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let database = || Arc::new(Database::new());
    let entrants: Vec<Box<dyn Entrant>> = match std::env::var("REDIS_URL") {
        Ok(url) => vec![
            Box::new(RedisRecipe::open(&url, Recipe::Plain, database()).await?),
            Box::new(RedisRecipe::open(&url, Recipe::Locked, database()).await?),
            Box::new(CachedOverRedis::new(&url, database())),
            Box::new(ThroughCow::over_redis(&url, database()).await?),
        ],
        Err(_) => vec![
            Box::new(MapRecipe::new(database())),
            Box::new(CachedCoalescing::new(database())),
            Box::new(CachedSharded::new(database())),
            Box::new(MokaCache::new(database())),
            Box::new(ThroughCow::in_memory(database())?),
        ],
    };
    show(&entrants).await;
    Ok(())
}
