//! A slow reader and a writer race on one row, on any cache that implements [`Contender`].

mod by_cached;
mod contender;
mod cow;
mod database;
mod free_running;
mod map_recipe;
mod moka_cache;
mod redis_recipe;
mod report;
mod schedule;
mod stampede;

pub use self::by_cached::{CachedCoalescing, CachedOverRedis, CachedSharded};
pub use self::contender::{Contender, Entrant, TTL};
pub use self::cow::ThroughCow;
pub use self::database::{Database, HeldFetch, Latency, ROWS, Row};
pub use self::free_running::{Load, Tally};
pub use self::map_recipe::MapRecipe;
pub use self::moka_cache::MokaCache;
pub use self::redis_recipe::{Recipe, RedisRecipe};
pub use self::report::show;
pub use self::schedule::{Outcome, ReadBack, Served};
