//! Every duration and number that can be set, at its least and its greatest: it works, or it is refused
//! with a remedy.

use std::convert::Infallible;
use std::time::{Duration, SystemTime};

use cachecow::{
    Builder, CacheCow, CacheDecorator, Cached, Compression, ErrorKind, KeyValueStore as _,
    KeyValueStoreExt as _, Keyring, MemoryStore, TypePolicy,
};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use serde::{Deserialize, Serialize};

/// Some objects, some lookups and a tag; ids from 1000 on are of nothing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(key = "thing:{id}", fetch = Thing::find)]
#[cache(key = "thing:name:{name}", fetch = Thing::by)]
struct Thing {
    id: u32,
    name: String,
}

#[expect(clippy::unused_async, reason = "fetch functions are async")]
impl Thing {
    fn of(id: u32) -> Option<Self> {
        (id < 1000).then(|| Self { id, name: id.to_string() })
    }

    async fn find(id: u32) -> Result<Option<Self>, Infallible> {
        Ok(Self::of(id))
    }

    async fn by(name: &str) -> Result<Option<Self>, Infallible> {
        Ok(name.parse().ok().and_then(Self::of))
    }
}

#[derive(Clone, Serialize, Deserialize, Cached)]
#[cache(key = "tagged:{id}", fetch = Tagged::find)]
#[cache(tag = "tagged:group:{group}")]
struct Tagged {
    id: u32,
    group: u32,
}

impl Tagged {
    #[expect(clippy::unused_async, reason = "fetch functions are async")]
    async fn find(id: u32) -> Result<Self, Infallible> {
        Ok(Self { id, group: id % 2 })
    }
}

/// Everything that the settings matter to.
async fn use_it(cow: &CacheCow) {
    for _ in 0..4 {
        for id in [1, 2, 1000] {
            let thing = cow.get(Thing::by_id(id)).await.unwrap();
            assert_eq!(thing.as_deref(), Thing::of(id).as_ref());
            let thing = cow.get(Thing::by_name(id.to_string())).await.unwrap();
            assert_eq!(thing.as_deref(), Thing::of(id).as_ref());
            assert!(cow.get(Tagged::by_id(id)).await.unwrap().is_some());
        }
        let things = cow.get_many((0..40).map(Thing::by_id)).await.unwrap();
        assert_eq!(things.iter().flatten().count(), 40);
    }
    cow.invalidate(Thing::by_id(1)).await.unwrap();
    cow.write(Thing::by_id(2), async { Ok::<_, cachecow::Error>(()) }).await.unwrap();
    cow.invalidate_tag(Tagged::tag_group(1)).await.unwrap();
    for id in [1, 2, 3] {
        assert!(cow.get(Thing::by_id(id)).await.unwrap().is_some());
        assert!(cow.get(Tagged::by_id(id)).await.unwrap().is_some());
    }
    let store = CacheDecorator::new(cow.clone(), MemoryStore::new());
    store.put("k", "v").await.unwrap();
    for _ in 0..3 {
        assert_eq!(store.get("k").await.unwrap(), "v");
    }
    cow.ping().await.unwrap();
}

/// Opens it in memory and on a Redis; each is used, or refused with the setting's name.
async fn check(server: &RedisServer, name: &str, set: impl Fn(Builder) -> Builder) {
    for (near, url) in [false, true]
        .into_iter()
        .flat_map(|near| [(near, "memory://".to_owned()), (near, server.url())])
    {
        let builder = patient();
        let builder = if near { builder.near(1 << 20) } else { builder };
        match set(builder).open(&url).await {
            Ok(cow) => use_it(&cow).await,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::InvalidConfig, "{name}: {error}");
                assert!(error.to_string().contains(name), "{name}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn every_duration_of_the_builder() {
    type Set = fn(Builder, Duration) -> Builder;
    let settings: [(&str, Set); 15] = [
        ("default_ttl", Builder::default_ttl),
        ("negative_ttl", Builder::negative_ttl),
        ("stale_if_error", Builder::stale_if_error),
        ("stale_if_error", |builder, time| builder.stale_if_error(time).refresh_ahead(true)),
        ("soft_timeout", Builder::soft_timeout),
        ("lease", Builder::lease),
        ("hold", Builder::hold),
        ("settle", Builder::settle),
        ("fill_wait", Builder::fill_wait),
        ("load_wait", Builder::load_wait),
        ("replace_after", Builder::replace_after),
        ("operation_timeout", Builder::operation_timeout),
        ("connect_timeout", Builder::connect_timeout),
        ("near_ttl", Builder::near_ttl),
        ("near_lag", Builder::near_lag),
    ];
    let server = RedisServer::start();
    for (name, set) in settings {
        for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
            check(&server, name, |builder| set(builder, time)).await;
        }
    }
    let every =
        |builder: Builder| settings.iter().fold(builder, |all, (_, set)| set(all, Duration::MAX));
    check(&server, "none", every).await;
}

#[tokio::test]
async fn every_number_of_the_builder() {
    let server = RedisServer::start();
    for level in [i32::MIN, 0, 1, 22, i32::MAX] {
        let set = |builder: Builder| builder.compress(Compression::zstd(level), 0);
        check(&server, "compress", set).await;
    }
    for size in [0, usize::MAX] {
        check(&server, "max_value_size", |builder| builder.max_value_size(size)).await;
        check(&server, "fetch_concurrency", |builder| builder.fetch_concurrency(size)).await;
        check(&server, "background_loads", |builder| builder.background_loads(size)).await;
        check(&server, "hints", |builder| builder.hints(size)).await;
        let zstd = Compression::zstd(1);
        check(&server, "compress", |builder| builder.compress(zstd, size).max_value_size(size))
            .await;
        let ring = || Keyring::new("a", &[1; 32]);
        check(&server, "encrypt", |builder| builder.encrypt(ring()).max_value_size(size)).await;
        let set = |builder: Builder| builder.outage_fetch_concurrency(size);
        check(&server, "outage_fetch_concurrency", set).await;
    }
    for size in [0, 1, u64::MAX] {
        check(&server, "memory_capacity", |builder| builder.memory_capacity(size)).await;
        check(&server, "near", |builder| builder.near(size)).await;
    }
    for jitter in [0.0, 1.0, -0.0, f64::MIN_POSITIVE, f64::NAN, f64::INFINITY, f64::MAX, f64::MIN] {
        check(&server, "ttl_jitter", |builder| builder.ttl_jitter(jitter)).await;
    }
    for clock in [SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH - Duration::from_secs(1)] {
        check(&server, "clock", |builder| builder.clock(move || clock)).await;
    }
}

#[tokio::test]
async fn acknowledgements_that_no_server_can_count_are_refused() {
    let server = RedisServer::start();
    for (replicas, timeout) in [
        (usize::MAX, Duration::from_secs(1)),
        (usize::MAX, Duration::MAX),
        (1, Duration::MAX),
        (1, Duration::ZERO),
    ] {
        let builder = CacheCow::builder().replica_acks(replicas, timeout);
        let error = builder.open(&server.url()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("replica_acks"), "{error}");
    }
    // Nobody's: as without.
    check(&server, "none", |builder| builder.replica_acks(0, Duration::from_millis(1))).await;
    let longest = CacheCow::builder().operation_timeout(Duration::MAX);
    let waits = longest.replica_acks(0, Duration::from_secs(1 << 30));
    use_it(&waits.open(&server.url()).await.unwrap()).await;
}

/// A type's own settings, as the derive writes them or a person does.
macro_rules! with_policy {
    ($($name:ident: $policy:expr, $own:expr;)*) => {$({
        #[derive(cachecow::CacheSchema)]
        struct $name(u32);

        impl Cached for $name {
            const POLICY: TypePolicy = $policy;

            fn each_key(&self, visit: &mut dyn FnMut(cachecow::Key)) {
                visit(cachecow::Lookup::key(&By(self.0)).key());
            }

            fn ttl(&self) -> Option<Duration> {
                $own
            }
        }

        #[derive(Clone)]
        struct By(u32);

        impl cachecow::Lookup for By {
            type Object = $name;
            type Context = ();
            const NAME: &'static str = "by";

            fn key(&self) -> cachecow::KeyEncoder {
                let mut key = cachecow::KeyEncoder::new(stringify!($name));
                cachecow::KeyPart::encode(&self.0, &mut key);
                key
            }

            fn key_of(object: &$name) -> cachecow::KeyEncoder {
                cachecow::Lookup::key(&Self(object.0))
            }

            async fn fetch(&self, (): &()) -> Result<Option<$name>, cachecow::Error> {
                Ok((self.0 < 1000).then_some($name(self.0)))
            }
        }

        impl cachecow::CacheKeys for By {
            fn add_to(&self, set: &mut cachecow::KeySet) {
                set.add(cachecow::Lookup::key(self).key(), $name::POLICY);
            }
        }

        let server = RedisServer::start();
        for url in ["memory://".to_owned(), server.url()] {
            let cow = patient().near(1 << 20).open(&url).await.unwrap();
            for _ in 0..4 {
                assert_eq!(cow.get(By(1)).await.unwrap().map(|object| object.0), Some(1));
                assert!(cow.get(By(1000)).await.unwrap().is_none());
            }
            cow.invalidate(By(1)).await.unwrap();
            cow.write(By(1), async { Ok::<_, cachecow::Error>(()) }).await.unwrap();
            assert!(cow.get(By(1)).await.unwrap().is_some());
        }
    })*};
}

#[tokio::test]
async fn every_duration_of_a_type() {
    const NEW: TypePolicy = TypePolicy::new();
    const MAX: Duration = Duration::MAX;
    const ZERO: Duration = Duration::ZERO;
    with_policy! {
        LongLived: NEW.with_ttl(MAX), None;
        NeverLived: NEW.with_ttl(ZERO), None;
        LongAbsent: NEW.with_negative_ttl(MAX), None;
        NeverAbsent: NEW.with_negative_ttl(ZERO), None;
        LongStale: NEW.with_stale_if_error(MAX).with_ttl(MAX).with_refresh_ahead(true), None;
        NeverStale: NEW.with_stale_if_error(ZERO).with_ttl(Duration::from_millis(1)), None;
        LongWaiting: NEW.with_soft_timeout(MAX).with_stale_if_error(MAX), None;
        NeverWaiting: NEW.with_soft_timeout(ZERO).with_stale_if_error(MAX), None;
        LongSettling: NEW.with_settle(MAX), None;
        NeverSettling: NEW.with_settle(ZERO), None;
        LongNear: NEW.with_near_ttl(MAX).with_ttl(MAX), None;
        NeverNear: NEW.with_near_ttl(ZERO), None;
        OwnLong: NEW, Some(MAX);
        OwnZero: NEW, Some(ZERO);
    }
}

/// Its looks are over before it is dropped, or it waits for the second one.
#[tokio::test]
async fn every_setting_of_the_auditor() {
    for (one_in, grace) in [(0, Duration::ZERO), (1, Duration::MAX), (u32::MAX, Duration::MAX)] {
        let cow = CacheCow::builder().operation_timeout(Duration::MAX).memory().unwrap();
        let audit = tokio::spawn(cow.auditor().one_in(one_in).grace(grace).run());
        use_it(&cow).await;
        drop(cow);
        audit.abort();
        assert!(audit.await.unwrap_err().is_cancelled());
    }
    // By default its grace is made of the others.
    let longest = CacheCow::builder().operation_timeout(Duration::MAX).settle(Duration::MAX);
    let cow = longest.near_lag(Duration::MAX).memory().unwrap();
    let audit = tokio::spawn(cow.auditor().one_in(1).run());
    use_it(&cow).await;
    audit.abort();
    drop(audit.await);
}
