//! Hits beside the Redis caches of the crates `cached` and `hitbox`, and beside a bare `GET` and decode,
//! on the same server, over its Unix socket, in the same run: near the server, and with 0.5 ms of network
//! latency; and batches of 100. Each peer is used as its documentation says, with its own defaults. Neither
//! has a batch: they are asked for 100 at once.
//!
//! ```sh
//! cargo run --release --manifest-path tests/benches/peers/Cargo.toml [-- --quick]
//! ```

#[path = "../../support/mod.rs"]
mod support;

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cachecow::CacheCow;
use cached::{AsyncRedisCache, ConcurrentCachedAsync as _};
use futures_util::future::join_all;
use hitbox::policy::PolicyConfig;
use hitbox_fn::{CacheableResponse, cached};
use hitbox_redis::{ConnectionMode, RedisBackend};
use serde::{Deserialize, Serialize};

use crate::support::compare::{Contender, Reader, TASKS, compare};
use crate::support::far::compare_far;
use crate::support::readers::{Bare, BareBatch, Batch, ByPrimary, batch};
use crate::support::{Encoding, Setup, USERS, User, connect, run};

/// A peer's own time to live, as long as cachecow's.
const TTL: Duration = Duration::from_secs(3_600);

fn main() {
    run(async {
        let setup = Setup::with_users(USERS).await;
        let url = setup.server.url();
        let (mut cached, hitbox) = (CachedCrate::open(&url).await, Hitbox::open(&url));
        for id in 0..USERS {
            cached.0.async_cache_set(id, User::new(id)).await.expect("the server runs");
            hitbox.get(id).await;
            cached.read(id).await;
        }
        compare("hits", &contenders(&url).await, &TASKS).await;
        compare_far(&setup.server, contenders).await;
        let batches = [
            Contender::new("cachecow", Batch(setup.cow.clone())),
            Contender::new("bare MGET", BareBatch(setup.bare.clone())),
            Contender::new("cached", Each(cached)),
            Contender::new("hitbox", Each(hitbox)),
        ];
        compare("batches of 100 hits", &batches, &[1, 8]).await;
    });
}

async fn contenders(url: &str) -> Vec<Contender> {
    let cow = CacheCow::open(url).await.expect("a valid address");
    vec![
        Contender::new("cachecow", ByPrimary(cow)),
        Contender::new("bare", Bare(connect(url).await, Encoding::Map)),
        Contender::new("cached", CachedCrate::open(url).await),
        Contender::new("hitbox", Hitbox::open(url)),
    ]
}

/// The crate `cached`.
#[derive(Clone)]
struct CachedCrate(Arc<AsyncRedisCache<i64, User>>);

impl CachedCrate {
    async fn open(url: &str) -> Self {
        let opening = AsyncRedisCache::builder("peer").connection_string(url).ttl(TTL).build();
        Self(Arc::new(opening.await.expect("the server runs")))
    }
}

impl Reader for CachedCrate {
    async fn read(&mut self, id: i64) {
        let user = self.0.async_cache_get(&id).await.expect("the server runs");
        assert_eq!(user.expect("stored").id, id);
    }
}

/// A user as hitbox caches it.
#[derive(Clone, Serialize, Deserialize, CacheableResponse)]
struct HitboxUser {
    user: User,
}

#[cached]
async fn hitbox_user(id: i64) -> Result<HitboxUser, Infallible> {
    Ok(HitboxUser { user: User::new(id) })
}

#[derive(Clone)]
struct Hitbox(Arc<hitbox_fn::Cache<RedisBackend>>);

impl Hitbox {
    fn open(url: &str) -> Self {
        let backend = RedisBackend::builder().connection(ConnectionMode::single(url)).build();
        let policy = PolicyConfig::builder().ttl(TTL).build();
        let cache = hitbox_fn::Cache::builder().backend(backend.expect("an address"));
        Self(Arc::new(cache.policy(policy).build()))
    }

    /// Whether it was a hit.
    async fn get(&self, id: i64) -> bool {
        let (user, context) = hitbox_user(id).cache(&*self.0).with_context().await;
        assert_eq!(user.expect("no fetch fails").user.id, id);
        context.status == hitbox::CacheStatus::Hit
    }
}

impl Reader for Hitbox {
    async fn read(&mut self, id: i64) {
        assert!(self.get(id).await, "only hits");
    }
}

/// A batch, asked for one by one at once.
#[derive(Clone)]
struct Each<R>(R);

impl<R: Reader> Reader for Each<R> {
    async fn read(&mut self, first: i64) {
        let reads = batch(first).map(|id| {
            let mut reader = self.0.clone();
            async move { reader.read(id).await }
        });
        join_all(reads).await;
    }
}
