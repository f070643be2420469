//! Other caches as contenders in the race, each used as its documentation says.

mod by_foyer;
mod by_hitbox;
mod by_quick_cache;
mod measured;

use std::error::Error;
use std::sync::Arc;

use race::{
    CachedCoalescing, CachedOverRedis, CachedSharded, Database, MapRecipe, MokaCache, Recipe,
    RedisRecipe, ThroughCow,
};

pub use self::by_foyer::Foyer;
pub use self::by_hitbox::Hitbox;
pub use self::by_quick_cache::QuickCache;
pub use self::measured::{Measured, Work};

/// Those on a Redis server. The first is written by hand, the last is cachecow.
///
/// # Errors
///
/// The server does not answer.
pub async fn over_redis(url: &str) -> Result<Vec<Box<dyn Measured>>, Box<dyn Error>> {
    Ok(vec![
        Box::new(RedisRecipe::open(url, Recipe::Plain, database()).await?),
        Box::new(RedisRecipe::open(url, Recipe::Locked, database()).await?),
        Box::new(CachedOverRedis::new(url, database())),
        Box::new(Hitbox::over_redis(url, database())?),
        Box::new(ThroughCow::over_redis(url, database()).await?),
        Box::new(ThroughCow::near_over_redis(url, database()).await?),
    ])
}

/// Those in this process's memory. The first is written by hand, the last is cachecow.
///
/// # Errors
///
/// None: the settings are valid.
pub fn in_memory() -> Result<Vec<Box<dyn Measured>>, Box<dyn Error>> {
    Ok(vec![
        Box::new(MapRecipe::new(database())),
        Box::new(CachedCoalescing::new(database())),
        Box::new(CachedSharded::new(database())),
        Box::new(Hitbox::in_memory(database())),
        Box::new(MokaCache::new(database())),
        Box::new(QuickCache::new(database())),
        Box::new(Foyer::new(database())),
        Box::new(ThroughCow::in_memory(database())?),
        Box::new(ThroughCow::near(database())?),
    ])
}

fn database() -> Arc<Database> {
    Arc::new(Database::new())
}
