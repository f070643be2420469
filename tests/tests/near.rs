//! The near tier: what is served from this process's memory, and that it is dropped when it changes.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{Builder, CacheCow, Cached, ErrorKind, Fill, ReadOptions, Source};
use cachecow_tests::backends::{Fate, claims};
use cachecow_tests::clock::Clock;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::seen::{elsewhere, seen, until, until_near};
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

const MEBIBYTE: u64 = 1 << 20;

fn near() -> Builder {
    // A lag that a busy machine does not pass: what keeps objects near is then only what is heard.
    patient().near(MEBIBYTE).near_lag(Duration::from_secs(20))
}

on_both_backends! {
    async fn what_is_read_again_is_near(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(2));
        until_near(&cow, &store, [1, 2]).await;
        let before = (cow.stats().of("Item"), cache.script().log().len());
        let one = cow.with(&store).get(Item::by_id(1)).await.unwrap().unwrap();
        let many = cow.with(&store).get_many([2, 1, 2].map(Item::by_id)).await.unwrap();
        assert!(Arc::ptr_eq(&one, many[1].as_ref().unwrap()), "it is the same, and no copy");
        assert_eq!(many[0].as_ref().unwrap().id, 2);
        let read = cow.with(&store).read(Item::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Near, Fill::Skipped));
        let stats = cow.stats().of("Item");
        assert_eq!(stats.near_hits - before.0.near_hits, 4, "each distinct one counts once");
        assert_eq!((stats.hits, stats.misses), (before.0.hits, before.0.misses));
        assert_eq!(cache.script().log().len(), before.1, "the cache was not asked");
    }

    /// Most reads that reach the cache miss there, so that each begins with a claim; what the claim finds
    /// is kept like what a lookup finds.
    async fn what_is_hot_is_near_under_a_cold_tail(cache) {
        const HOT: i64 = 20;
        const ROUNDS: i64 = 200;
        let (cow, store) = (cache.open(near()), Store::with_items(HOT + 6 * ROUNDS));
        until_near(&cow, &store, [1]).await;
        let mut cold = HOT + 1..;
        let mut near_hits = 0;
        for round in 0..ROUNDS {
            for hot in 0..4 {
                let (_, source) = seen(&cow, &store, 1 + (4 * round + hot) % HOT).await;
                near_hits += i64::from(source == Source::Near);
            }
            for id in cold.by_ref().take(6) {
                assert_eq!(seen(&cow, &store, id).await.1, Source::Fetched);
            }
        }
        // Each is fetched, its fill may be heard of late, and it is read from the cache.
        let share = near_hits * 100 / (4 * ROUNDS);
        assert!(share >= 90, "{share} % of the hot reads were near");
    }

    /// The same by an alias, with all that the hit depends on.
    async fn what_is_hot_by_an_alias_is_near_under_a_cold_tail(cache) {
        const ROUNDS: i64 = 100;
        let (cow, other) = (cache.open(near()), cache.open_default());
        let store = Store::with_items(6 * ROUNDS + 1);
        until_named_near(&cow, &store).await;
        let mut near_hits = 0;
        for round in 0..ROUNDS {
            for id in 6 * round + 2..6 * round + 8 {
                assert_eq!(seen(&cow, &store, id).await.1, Source::Fetched);
            }
            if round == ROUNDS / 2 {
                // It is dropped, and kept again by reads that begin with a claim.
                let item = store.bump(1);
                other.invalidate(Item::by_id(1)).await.unwrap();
                while named(&cow, &store).await.0 != item.version {
                    tokio::task::yield_now().await;
                }
            }
            let reads = [named(&cow, &store).await, named(&cow, &store).await];
            near_hits += reads.iter().filter(|read| read.1 == Source::Near).count();
        }
        assert!(near_hits >= 180, "{near_hits} of 200 hot reads were near");
    }

    async fn a_batch_keeps_what_its_claims_find(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(50));
        until_near(&cow, &store, [1]).await;
        other.with(&store).get_many((2..=10).map(Item::by_id)).await.unwrap();
        // Cold reads: what follows begins with claims.
        for id in 11..=50 {
            cow.with(&store).get(Item::by_id(id)).await.unwrap();
        }
        let before = cache.script().log().len();
        cow.with(&store).get_many((2..=10).map(Item::by_id)).await.unwrap();
        let log = cache.script().log().split_off(before);
        assert_eq!(log.iter().filter(|command| claims(command)).count(), 9);
        for id in 2..=10 {
            assert_eq!(seen(&cow, &store, id).await, (1, Source::Near));
        }
    }

    async fn the_process_that_invalidates_is_never_stale(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(2));
        for round in 0..50 {
            until_near(&cow, &store, [1, 2]).await;
            let item = store.bump(1);
            match round % 4 {
                0 => cow.invalidate(Item::by_id(1)).await.unwrap(),
                1 => cow.invalidate_many([2, 1].map(Item::by_id)).await.unwrap(),
                2 => cow.invalidate_object(&item).await.unwrap(),
                _ => {
                    let work = async { Ok::<_, cachecow::Error>(()) };
                    cow.write(Item::by_id(1), work).await.unwrap();
                }
            }
            let (version, source) = seen(&cow, &store, 1).await;
            assert_eq!((version, elsewhere(source)), (item.version, true));
        }
    }

    async fn another_process_s_invalidation_drops_it(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(9));
        for version in 2..20 {
            until_near(&cow, &store, 1..=9).await;
            (1..=9).for_each(|id| drop(store.bump(id)));
            other.invalidate_many((1..=9).map(Item::by_id)).await.unwrap();
            for id in 1..=9 {
                assert_eq!(until(&cow, &store, id, elsewhere).await, version);
            }
        }
    }

    /// Not for longer than the cache itself may keep it: its time to live, less the part that chance
    /// may have taken from it, less its age.
    async fn an_object_near_its_end_is_not_kept(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(3));
        let open = |builder: Builder| cache.open(builder.clock(clock.reader()).ttl_jitter(0.1));
        let other = open(CacheCow::builder());
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        // Of ten minutes.
        clock.advance(Duration::from_secs(530));
        until_near(&open(near()), &store, [1]).await;
        clock.advance(Duration::from_secs(10));
        let cow = open(near());
        until_near(&cow, &store, [2]).await;
        for _ in 0..100 {
            assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
        }
    }

    async fn another_process_s_fill_drops_it(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_near(&cow, &store, [1]).await;
        cache.ask(&Item::by_id(1), Command::Invalidate).await;
        until(&cow, &store, 1, elsewhere).await;
    }

    /// The news comes between the cache's answer and the keeping.
    async fn news_that_overtakes_the_answer_is_not_lost(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(2));
        until_near(&cow, &store, [1, 2]).await;
        // Hits of the cache, so that reads begin with a lookup.
        for _ in 0..50 {
            cow.with(&store).past_near().get(Item::by_id(2)).await.unwrap();
        }
        other.invalidate(Item::by_id(1)).await.unwrap();
        until(&cow, &store, 1, elsewhere).await;
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        let gate = Gate::new();
        cache.script().next(|command| *command == Command::Lookup, Fate::AnswerLate(Arc::clone(&gate)));
        let (overtaken, ()) = tokio::join!(seen(&cow, &store, 1), async {
            gate.arrived().await;
            store.bump(1);
            store.bump(2);
            other.invalidate(Item::by_id(1)).await.unwrap();
            other.invalidate(Item::by_id(2)).await.unwrap();
            // News comes in order: when the second has come, so has the first.
            until(&cow, &store, 2, elsewhere).await;
            gate.open();
        });
        assert_eq!(overtaken, (1, Source::Cache), "it asked before");
        let (version, source) = seen(&cow, &store, 1).await;
        assert_eq!((version, elsewhere(source)), (2, true), "and what it got was not kept");
    }

    /// The same of a claim that finds a value.
    async fn news_that_overtakes_a_claim_s_answer_is_not_lost(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(90));
        until_near(&cow, &store, [1, 2]).await;
        for id in 11..=50 {
            cow.with(&store).get(Item::by_id(id)).await.unwrap();
        }
        other.with(&store).get(Item::by_id(3)).await.unwrap();
        let gate = Gate::new();
        cache.script().next(claims, Fate::AnswerLate(Arc::clone(&gate)));
        let (overtaken, ()) = tokio::join!(seen(&cow, &store, 3), async {
            gate.arrived().await;
            store.bump(3);
            store.bump(2);
            other.invalidate(Item::by_id(3)).await.unwrap();
            other.invalidate(Item::by_id(2)).await.unwrap();
            until(&cow, &store, 2, elsewhere).await;
            gate.open();
        });
        assert_eq!(overtaken, (1, Source::Cache), "it asked before");
        let (version, source) = seen(&cow, &store, 3).await;
        assert_eq!((version, elsewhere(source)), (2, true), "and what it got was not kept");
    }

    async fn a_failed_invalidation_leaves_nothing_near(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_near(&cow, &store, [1]).await;
        store.bump(1);
        let lost = Fate::Fail(cachecow::BackendErrorKind::Disconnected);
        cache.script().next(|command| *command == Command::Invalidate, lost);
        cow.invalidate(Item::by_id(1)).await.unwrap_err();
        assert_eq!(seen(&cow, &store, 1).await, (2, Source::Fetched), "past the cache");
    }

    async fn a_reader_may_ask_for_what_is_in_the_cache(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_near(&cow, &store, [1]).await;
        let fresh = cow.with(&store).past_near();
        assert_eq!(fresh.read(Item::by_id(1)).await.unwrap().source, Source::Cache);
        let before = cache.script().log().len();
        fresh.get_many([Item::by_id(1)]).await.unwrap();
        assert!(cache.script().log().len() > before);
    }

    async fn absence_is_near_as_well(cache) {
        let cow = cache.open(near().negative_ttl(Duration::from_secs(60)));
        let store = Store::default();
        let read = || async { cow.with(&store).read(Item::by_id(1)).await.unwrap() };
        while read().await.source != Source::Near {
            tokio::task::yield_now().await;
        }
        store.put(Item::new(1));
        cow.invalidate(Item::by_id(1)).await.unwrap();
        assert!(read().await.value.is_some());
    }

    async fn by_an_alias_it_is_near_until_any_key_of_it_is_invalidated(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(2));
        for round in 0..12 {
            until_named_near(&cow, &store).await;
            let item = store.bump(1);
            let (teller, is_own) = if round % 2 == 0 { (&cow, true) } else { (&other, false) };
            match round / 2 % 3 {
                0 => teller.invalidate(Item::by_id(1)).await.unwrap(),
                1 => teller.invalidate(Item::by_name("item 1")).await.unwrap(),
                _ => {
                    let work = async { Ok::<_, cachecow::Error>(()) };
                    teller.write(Item::by_id(1), work).await.unwrap();
                }
            }
            let mut read = named(&cow, &store).await;
            // Of another process's invalidation this one hears within its lag.
            while !is_own && read.1 == Source::Near {
                tokio::task::yield_now().await;
                read = named(&cow, &store).await;
            }
            assert_eq!((read.0, elsewhere(read.1)), (item.version, true), "round {round}");
            cow.invalidate_object(&item).await.unwrap();
        }
    }

    async fn another_process_s_fill_of_the_primary_key_ends_what_is_near_by_an_alias(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_named_near(&cow, &store).await;
        cache.ask(&Item::by_id(1), Command::Invalidate).await;
        while named(&cow, &store).await.1 == Source::Near {
            tokio::task::yield_now().await;
        }
    }

    async fn a_failed_invalidation_of_either_key_leaves_nothing_near_by_the_alias(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        for by_name in [false, true] {
            until_named_near(&cow, &store).await;
            let version = store.bump(1).version;
            let lost = Fate::Fail(cachecow::BackendErrorKind::Disconnected);
            cache.script().next(|command| *command == Command::Invalidate, lost);
            let failed = if by_name {
                cow.invalidate(Item::by_name("item 1")).await
            } else {
                cow.invalidate(Item::by_id(1)).await
            };
            failed.unwrap_err();
            assert_eq!(named(&cow, &store).await, (version, Source::Fetched), "past the cache");
            let items = cow.with(&store).get_many([Item::by_name("item 1")]).await.unwrap();
            assert_eq!(items[0].as_ref().unwrap().version, version);
            while cow.stats().pending_invalidations > 0 {
                if cache.server.is_none() {
                    tokio::time::advance(Duration::from_millis(10)).await;
                }
                tokio::task::yield_now().await;
            }
            assert_eq!(named(&cow, &store).await.0, version);
            cow.invalidate_object(&Item::new(1)).await.unwrap();
        }
    }

    /// The object changes under its primary key between the cache's answer and the keeping.
    async fn news_of_the_primary_key_that_overtakes_the_answer_is_not_lost(cache) {
        let (cow, other, store) = (cache.open(near()), cache.open_default(), Store::with_items(2));
        until_named_near(&cow, &store).await;
        until_near(&cow, &store, [2]).await;
        for _ in 0..50 {
            cow.with(&store).past_near().get(Item::by_id(2)).await.unwrap();
        }
        // What was near is gone, and what is remembered of the alias stays.
        cow.invalidate(Item::by_id(1)).await.unwrap();
        other.with(&store).get(Item::by_id(1)).await.unwrap();
        let gate = Gate::new();
        cache.script().next(|command| *command == Command::Lookup, Fate::AnswerLate(Arc::clone(&gate)));
        let (overtaken, ()) = tokio::join!(named(&cow, &store), async {
            gate.arrived().await;
            store.bump(1);
            store.bump(2);
            other.invalidate(Item::by_id(1)).await.unwrap();
            other.invalidate(Item::by_id(2)).await.unwrap();
            until(&cow, &store, 2, elsewhere).await;
            gate.open();
        });
        assert_eq!(overtaken, (1, Source::Cache), "it asked before");
        let (version, source) = named(&cow, &store).await;
        assert_eq!((version, elsewhere(source)), (2, true), "and what it got was not kept");
    }

    /// The primary key and the tags are known only when the cache has been asked: they were not watched.
    async fn what_depends_on_keys_that_were_not_watched_is_not_kept(cache) {
        let cow = cache.open(near().hints(0));
        let (store, members) = (Store::with_items(1), Members::with(1));
        until_near(&cow, &store, [1]).await;
        for _ in 0..50 {
            assert_ne!(named(&cow, &store).await.1, Source::Near);
            let items = cow.with(&store).get_many([Item::by_name("item 1")]).await.unwrap();
            assert!(items[0].is_some());
            let member = cow.with(&members).read(Member::by_id(1)).await.unwrap();
            assert_ne!(member.source, Source::Near);
        }
    }

    async fn one_read_may_ask_for_what_is_in_the_cache(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_named_near(&cow, &store).await;
        until_near(&cow, &store, [1]).await;
        let (view, options) = (cow.with(&store), ReadOptions::new());
        for (options, expected) in [(options, Source::Near), (options.past_near(), Source::Cache)] {
            let read = view.read_with(Item::by_id(1), options).await.unwrap();
            assert_eq!(read.source, expected);
            let read = view.read_with(Item::by_name("item 1"), options).await.unwrap();
            assert_eq!(read.source, expected);
        }
        let read = view.past_near().read_with(Item::by_id(1), options).await.unwrap();
        assert_eq!(read.source, Source::Cache, "the view's own wish stands");
        assert_eq!(view.read(Item::by_id(1)).await.unwrap().source, Source::Near);
    }

    async fn a_type_may_stay_out(cache) {
        let (cow, store) = (cache.open(near()), Store::with_items(1));
        until_near(&cow, &store, [1]).await;
        for _ in 0..50 {
            let read = cow.read(Far::by_id(1)).await.unwrap();
            assert_ne!(read.source, Source::Near);
        }
    }

    async fn off_unless_turned_on(cache) {
        let (cow, store) = (cache.open_default(), Store::with_items(1));
        for _ in 0..50 {
            assert_ne!(seen(&cow, &store, 1).await.1, Source::Near);
        }
        if let Some(server) = &cache.server {
            assert!(listeners(&mut server.connection().await).await.is_empty());
        }
    }
}

/// The version that is read by the alias, and its source.
async fn named(cow: &CacheCow, store: &Store) -> (u64, Source) {
    let read = cow.with(store).read(Item::by_name("item 1")).await.unwrap();
    (read.value.unwrap().version, read.source)
}

/// Reads by the alias until that is near.
async fn until_named_near(cow: &CacheCow, store: &Store) {
    while named(cow, store).await.1 != Source::Near {
        tokio::task::yield_now().await;
    }
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(near = false)]
#[cache(key = "far:{id}", fetch = Far::find)]
struct Far {
    id: u8,
}

impl Far {
    #[expect(clippy::unused_async, reason = "fetch functions are async")]
    async fn find(id: u8) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id })
    }
}

async fn open(server: &RedisServer) -> CacheCow {
    near().open(&server.url()).await.unwrap()
}

/// The connections that hear of changes.
async fn listeners(look: &mut MultiplexedConnection) -> Vec<u64> {
    let list: String = redis::cmd("CLIENT").arg("LIST").query_async(look).await.unwrap();
    let field = |line: &str, name: &str| {
        line.split(' ').find_map(|field| field.strip_prefix(name)).map(str::to_owned)
    };
    list.lines()
        .filter(|line| field(line, "flags=").unwrap().contains('B'))
        .map(|line| field(line, "id=").unwrap().parse().unwrap())
        .collect()
}

/// Whatever someone does to the key by hand.
#[tokio::test]
async fn changes_made_by_hand_are_heard() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (cow, store) = (open(&server).await, Store::with_items(1));
    for change in [
        &["DEL", "@"][..],
        &["UNLINK", "@"],
        &["SET", "@", "rubbish"],
        &["PEXPIRE", "@", "1"],
        &["PEXPIREAT", "@", "1"],
        &["RENAME", "@", "elsewhere"],
        &["SETRANGE", "@", "0", "rubbish"],
        &["EVAL", "return redis.call('DEL', KEYS[1])", "1", "@"],
        &["MULTI"],
        &["FLUSHDB"],
        &["FLUSHALL", "ASYNC"],
    ] {
        until_near(&cow, &store, [1]).await;
        let version = store.bump(1).version;
        let key: Vec<String> = look.keys("cache:*").await.unwrap();
        if change == ["MULTI"] {
            redis::pipe()
                .atomic()
                .del(&key[0])
                .set("other", 1)
                .exec_async(&mut look)
                .await
                .unwrap();
        } else {
            let mut command = redis::Cmd::new();
            for word in change {
                command.arg(word.replace('@', &key[0]));
            }
            command.exec_async(&mut look).await.unwrap();
        }
        let found = until(&cow, &store, 1, elsewhere).await;
        // A value that was changed is no more ours; one that only got another end may be read until then.
        assert!(found == version || change[0].starts_with("PEXPIRE"), "{change:?}");
        cow.invalidate(Item::by_id(1)).await.unwrap();
    }
}

#[tokio::test]
async fn an_eviction_is_heard() {
    let server = RedisServer::start_with(&["--maxmemory-policy", "allkeys-random"]);
    let mut look = server.connection().await;
    let (cow, store) = (open(&server).await, Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    let set = |limit: &'static str| {
        let mut command = redis::cmd("CONFIG");
        command.arg("SET").arg("maxmemory").arg(limit);
        command
    };
    set("1").exec_async(&mut look).await.unwrap();
    // Everything is evicted at the next command that takes memory, which is refused.
    let refused: Result<(), _> = look.set("k", "v").await;
    refused.unwrap_err();
    set("0").exec_async(&mut look).await.unwrap();
    until(&cow, &store, 1, elsewhere).await;
}

/// The field's known hole: tracking that is not armed again on a new connection.
#[tokio::test]
async fn a_broken_connection_drops_everything_and_is_armed_again() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let (cow, other) = (open(&server).await, patient().open(&server.url()).await.unwrap());
    let store = Store::with_items(3);
    for _ in 0..5 {
        until_near(&cow, &store, 1..=3).await;
        let armed = listeners(&mut look).await;
        assert_eq!(armed.len(), 1);
        let mut kill = redis::cmd("CLIENT");
        kill.arg("KILL").arg("ID").arg(armed[0]).exec_async(&mut look).await.unwrap();
        // Changed while nobody hears it, perhaps.
        let version = store.bump(1).version;
        other.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(until(&cow, &store, 1, elsewhere).await, version);
        until_near(&cow, &store, 1..=3).await;
        assert_eq!(seen(&cow, &store, 1).await, (version, Source::Near));
    }
}

#[tokio::test]
async fn a_server_that_was_restarted_is_heard_again() {
    let mut server = RedisServer::start();
    let (cow, store) = (open(&server).await, Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    server.restart();
    store.bump(1);
    assert_eq!(until(&cow, &store, 1, |source| source == Source::Fetched).await, 2);
    until_near(&cow, &store, [1]).await;
}

/// A connection that is dead without anyone knowing: nothing is served on its word for longer than
/// the lag that was allowed.
#[tokio::test]
async fn a_server_that_hangs_is_not_believed_for_long() {
    let server = RedisServer::start();
    let cow = CacheCow::builder()
        .near(MEBIBYTE)
        .near_lag(Duration::from_millis(200))
        .operation_timeout(Duration::from_millis(50));
    let (cow, store) = (cow.open(&server.url()).await.unwrap(), Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    store.bump(1);
    server.pause();
    assert_eq!(until(&cow, &store, 1, elsewhere).await, 2, "fetched");
    server.resume();
}

#[tokio::test]
async fn a_server_that_forbids_it_is_read_as_before() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let mut forbid = redis::cmd("ACL");
    forbid
        .arg("SETUSER")
        .arg("cow")
        .arg("on")
        .arg(">cud")
        .arg("~*")
        .arg("+@all")
        .arg("-client|tracking");
    forbid.exec_async(&mut look).await.unwrap();
    let url = format!("{}?user=cow&pass=cud", server.url());
    let (cow, store) = (near().open(&url).await.unwrap(), Store::with_items(1));
    for _ in 0..50 {
        assert_ne!(seen(&cow, &store, 1).await.1, Source::Near);
    }
    assert_eq!(seen(&cow, &store, 1).await, (1, Source::Cache));
}

#[tokio::test]
async fn each_namespace_hears_its_own_changes() {
    let server = RedisServer::start();
    let open = async |name: &str| near().namespace(name).open(&server.url()).await.unwrap();
    let (cow, other, store) = (open("shop").await, open("shop2").await, Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    until_near(&other, &store, [1]).await;
    other.invalidate(Item::by_id(1)).await.unwrap();
    assert_eq!(seen(&cow, &store, 1).await.1, Source::Near);
}

#[tokio::test]
async fn a_connection_made_elsewhere_needs_the_server_s_address() {
    let server = RedisServer::start();
    let connection = server.connection().await;
    let error = near().redis_connection(connection.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidConfig);
    assert!(error.to_string().contains("near_url"), "{error}");
    let error = near().near_url("nowhere").redis_connection(connection.clone()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidUrl);

    let builder = near().near_url(server.url());
    assert!(!format!("{builder:?}").contains("r.sock"), "it may hold a password");
    let (cow, store) = (builder.redis_connection(connection).unwrap(), Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    store.bump(1);
    let other = patient().open(&server.url()).await.unwrap();
    other.invalidate(Item::by_id(1)).await.unwrap();
    assert_eq!(until(&cow, &store, 1, elsewhere).await, 2);
}

/// The task that hears of changes ends with its runtime, and begins again in the next.
#[test]
fn it_outlives_a_runtime() {
    let server = RedisServer::start();
    let store = Store::with_items(1);
    let runtime = || tokio::runtime::Runtime::new().unwrap();
    let first = runtime();
    let cow = first.block_on(async {
        let cow = open(&server).await;
        until_near(&cow, &store, [1]).await;
        cow
    });
    drop(first);
    runtime().block_on(async {
        assert_ne!(seen(&cow, &store, 1).await.1, Source::Near, "nobody heard of changes");
        until_near(&cow, &store, [1]).await;
        let other = patient().open(&server.url()).await.unwrap();
        store.bump(1);
        other.invalidate(Item::by_id(1)).await.unwrap();
        assert_eq!(until(&cow, &store, 1, elsewhere).await, 2);
    });
}

/// Who does nothing but read near keeps the news from being heard, where one thread does everything:
/// then it is not believed for longer than the lag that was allowed.
#[tokio::test]
async fn a_reader_that_never_pauses_hears_all_the_same() {
    let server = RedisServer::start();
    let (cow, store) = (open(&server).await, Store::with_items(1));
    until_near(&cow, &store, [1]).await;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(async {
                store.bump(1);
                let other = patient().open(&server.url()).await.unwrap();
                other.invalidate(Item::by_id(1)).await.unwrap();
            });
        });
    });
    loop {
        let mut near = std::pin::pin!(seen(&cow, &store, 1));
        match futures_util::poll!(&mut near) {
            std::task::Poll::Ready(read) => assert_eq!(read, (1, Source::Near)),
            // It had to ask the server.
            std::task::Poll::Pending => {
                assert_eq!(near.await.0, 2);
                return;
            }
        }
    }
}

/// The connection goes with the last clone.
#[tokio::test]
async fn it_ends_with_the_cache() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let store = Store::with_items(1);
    let cow = near().near_lag(Duration::from_secs(2)).open(&server.url()).await.unwrap();
    until_near(&cow, &store, [1]).await;
    assert_eq!(listeners(&mut look).await.len(), 1);
    drop(cow);
    while !listeners(&mut look).await.is_empty() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn settings_that_make_no_sense_are_refused() {
    for builder in [near().near_ttl(Duration::ZERO), near().near_lag(Duration::from_millis(99))] {
        let error = builder.memory().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidConfig);
        assert!(error.to_string().contains("near_"), "{error}");
    }
}
