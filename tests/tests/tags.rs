//! Tags: groups of objects invalidated at once, and what they cost. Races are forced in `tag_races`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::protocol::{Command, Reply, Token};
use cachecow::{
    BackendErrorKind, CacheCow, CacheSchema, Cached, Error, ErrorKind, Fill, Key, Source,
};
use cachecow_tests::backends::{Fate, claims};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members, ends, is_hit, reads_epochs, version};
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::StoreDown;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

async fn until(cache: &Cache, condition: impl Fn() -> bool) {
    while !condition() {
        if cache.server.is_none() {
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        tokio::task::yield_now().await;
    }
}

fn guard() -> Key {
    Member::tag_scope().key()
}

/// By which key a member is read.
#[derive(Clone, Copy, Debug)]
enum Lookups {
    Id,
    Number,
    /// Another member, by its id.
    Other,
}

/// Where the member comes from.
async fn source(cow: &CacheCow, members: &Members, lookup: Lookups) -> Source {
    let view = cow.with(members);
    let read = match lookup {
        Lookups::Id => view.read(Member::by_id(1)).await,
        Lookups::Number => view.read(Member::by_number(1)).await,
        Lookups::Other => view.read(Member::by_id(2)).await,
    };
    read.unwrap().source
}

on_both_backends! {
    async fn a_tag_s_invalidation_hits_its_group_and_nothing_else(cache) {
        let (members, cow) = (Members::with(40), cache.open_default());
        let all: Vec<u32> = (1..=40).collect();
        cow.with(&members).get_many(all.iter().copied().map(Member::by_id)).await.unwrap();
        members.bump();
        cow.invalidate_tag(Member::tag_org(7)).await.unwrap();
        for id in all {
            let expected = if id % 10 == 7 { 2 } else { 1 };
            assert_eq!(version(&cow, &members, id).await, expected, "member {id}");
        }
    }

    async fn several_tags_are_invalidated_in_one_call(cache) {
        let (members, cow) = (Members::with(40), cache.open_default());
        let all = || (1..=40).map(Member::by_id);
        cow.with(&members).get_many(all()).await.unwrap();
        members.bump();
        let teams = [Member::in_team(4, "a"), Member::in_team(5, "a"), Member::in_team(5, "b")];
        cow.invalidate_tags(teams).await.unwrap();
        cow.invalidate_tags::<Member>([]).await.unwrap();
        for member in cow.with(&members).get_many(all()).await.unwrap() {
            let member = member.unwrap();
            // Who is in organisation 5 has an odd number, and so is in team b.
            let expected = if member.org == 4 || member.org == 5 { 2 } else { 1 };
            assert_eq!(member.version, expected, "member {}", member.id);
        }
    }

    async fn every_tag_of_an_object_counts(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        for tag in [Member::tag_org(1), Member::in_team(1, "b")] {
            let before = version(&cow, &members, 1).await;
            assert!(is_hit(&cow, &members, 1).await);
            members.bump();
            cow.invalidate_tag(tag).await.unwrap();
            assert_eq!(version(&cow, &members, 1).await, before + 1);
        }
    }

    async fn what_was_invalidated_is_cached_again(cache) {
        let (members, cow) = (Members::with(9), cache.open_default());
        for _ in 0..3 {
            let fetches = members.fetches();
            version(&cow, &members, 7).await;
            assert_eq!(members.fetches(), fetches + 1);
            assert!(is_hit(&cow, &members, 7).await);
            cow.invalidate_tag(Member::tag_org(7)).await.unwrap();
        }
    }

    async fn an_object_that_moves_is_found_under_its_new_tag(cache) {
        let (members, cow) = (Members::with(7), cache.open_default());
        version(&cow, &members, 7).await;
        let old = Member { id: 7, org: 7, team: "b".into(), version: 1 };
        cow.write(&old, async {
            members.change(|member| member.org = 8);
            Ok::<_, Error>(())
        }).await.unwrap();
        assert_eq!(cow.with(&members).get(Member::by_id(7)).await.unwrap().unwrap().org, 8);
        members.bump();
        cow.invalidate_tag(Member::tag_org(7)).await.unwrap();
        assert!(is_hit(&cow, &members, 7).await, "it is no longer in 7");
        cow.invalidate_tag(Member::tag_org(8)).await.unwrap();
        assert_eq!(version(&cow, &members, 7).await, 2);
    }

    async fn by_an_alias_the_tags_count_as_well(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let view = cow.with(&members);
        for version in 1..4 {
            let read = view.read(Member::by_number(1)).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.fill), (version, Fill::Stored));
            assert_eq!(view.read(Member::by_number(1)).await.unwrap().source, Source::Cache);
            assert!(is_hit(&cow, &members, 1).await, "and by the primary key");
            let fetches = members.fetches();
            view.get(Member::by_number(1)).await.unwrap();
            view.get_many([Member::by_number(1)]).await.unwrap();
            assert_eq!(members.fetches(), fetches);
            members.bump();
            cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
        }
        assert_eq!(version(&cow, &members, 1).await, 4);
        assert_eq!(view.read(Member::by_number(1)).await.unwrap().source, Source::Cache);
    }

    async fn callers_of_one_load_still_share_it(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let gate = members.gate();
        let reads = (0..100).map(|_| cow.with(&members).read(Member::by_id(1)));
        let (reads, ()) = tokio::join!(join_all(reads), async {
            gate.arrived().await;
            gate.open();
        });
        assert!(reads.iter().all(|read| read.as_ref().unwrap().fill == Fill::Stored));
        assert_eq!(members.fetches(), 1);
    }

    async fn a_batch_asks_for_each_epoch_once(cache) {
        let (members, cow) = (Members::with(100), cache.open_default());
        let all = || (1..=100).map(Member::by_id);
        cow.with(&members).get_many(all()).await.unwrap();
        assert_eq!(members.fetches(), 1);
        let before = cache.script().log().len();
        assert_eq!(cow.with(&members).get_many(all()).await.unwrap().len(), 100);
        assert_eq!(members.fetches(), 1, "all were hits");
        let epochs = cache.script().log()[before..].iter().filter(|c| reads_epochs(c)).count();
        // 10 organisations, each with one team.
        assert_eq!(epochs, 20);
    }

    async fn an_absence_is_cached_and_has_no_tags(cache) {
        let members = Members::with(1);
        let cow = cache.open(CacheCow::builder().negative_ttl(Duration::from_secs(60)));
        for source in [Source::Fetched, Source::Cache] {
            let read = cow.with(&members).read(Member::by_id(2)).await.unwrap();
            assert_eq!((read.value, read.source), (None, source));
        }
        cow.invalidate_tag(Member::tag_org(2)).await.unwrap();
        assert!(is_hit(&cow, &members, 2).await);
        cow.invalidate(Member::by_id(2)).await.unwrap();
        assert!(!is_hit(&cow, &members, 2).await);
    }

    async fn an_invalidation_that_did_not_happen_is_an_error_and_is_made_up_for(cache) {
        for lost in 0..2 {
            let (members, cow) = (Members::with(1), cache.open_default());
            let (other, moody) = (cache.open_default(), Moody::default());
            assert_eq!(version(&cow, &members, 1).await, 1);
            cow.with(&moody).get(Fragile::by_id(1)).await.unwrap();
            members.bump();
            if lost == 1 {
                // The guard is ended, the tag is not.
                let open = Gate::new();
                open.open();
                cache.script().next(ends, Fate::AnswerLate(open));
            }
            for _ in 0..3 {
                cache.script().next(ends, Fate::Fail(BackendErrorKind::Disconnected));
            }
            let error = cow.invalidate_tag(Member::tag_org(1)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::NotInvalidated);
            assert!(error.to_string().contains("the invalidation of 1 tag;"), "{error}");
            assert_eq!(cow.stats().pending_invalidations, 1);
            let read = cow.with(&members).read(Member::by_id(1)).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.fill), (2, Fill::Unreachable));
            let batch = cow.with(&members).get_many([Member::by_id(1)]).await.unwrap();
            assert_eq!(batch[0].as_ref().unwrap().version, 2);
            let unconcerned = cow.with(&moody).read(Fragile::by_id(1)).await.unwrap();
            assert_eq!(unconcerned.source, Source::Cache, "of other types it does not");
            // The control: another process cannot know.
            assert_eq!(version(&other, &members, 1).await, 1);
            until(&cache, || cow.stats().pending_invalidations == 0).await;
            assert_eq!(version(&other, &members, 1).await, 2);
            assert!(is_hit(&cow, &members, 1).await);
            cow.invalidate(Member::by_id(1)).await.unwrap();
        }
    }

    async fn what_is_not_to_be_stored_asks_for_no_epochs(cache) {
        let (members, cow) = (Members::with(2), cache.open_default());
        let hold = Command::Hold { token: Token::from_bytes([1; 16]), ttl: Duration::from_secs(60) };
        assert_eq!(cache.ask(&Member::by_id(1), hold).await, Reply::Done);
        let asked = || cache.script().log().into_iter().filter(|command| {
            matches!(command, Command::TakeEpoch { .. } | Command::ReadEpoch)
        });
        version(&cow, &members, 1).await;
        assert_eq!(asked().count(), 1, "the guard, with the claim");
        version(&cow, &members, 2).await;
        assert_eq!(asked().count(), 1 + 4, "the control: the guard, two tags and the guard again");
    }

    async fn a_guard_that_could_not_be_taken_is_not_asked_for(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let takes = |command: &Command| matches!(command, Command::TakeEpoch { .. });
        cache.script().next(claims, Fate::FailOnly(takes, BackendErrorKind::TimedOut));
        let read = cow.with(&members).read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Refused));
        let log = cache.script().log();
        assert_eq!(log.iter().filter(|command| takes(command)).count(), 1, "{log:?}");
        assert!(!log.iter().any(reads_epochs), "{log:?}");
    }

    async fn epochs_that_cannot_be_read_cost_the_hit_and_no_more(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        version(&cow, &members, 1).await;
        cache.script().next(reads_epochs, Fate::Fail(BackendErrorKind::TimedOut));
        let read = cow.with(&members).read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Unreachable));
        assert!(is_hit(&cow, &members, 1).await, "the object is still there");
    }

    async fn with_a_time_to_settle_nothing_of_the_type_is_stored_for_so_long(cache) {
        let settle = Duration::from_secs(600);
        let members = Members::with(2);
        let cow = cache.open(CacheCow::builder().settle(settle));
        assert_eq!(cow.with(&members).read(Member::by_id(1)).await.unwrap().fill, Fill::Stored);
        cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
        for id in [1, 2] {
            let fill = cow.with(&members).read(Member::by_id(id)).await.unwrap().fill;
            assert_eq!(fill, Fill::Refused);
        }
        if let Some(server) = &cache.server {
            let (mut look, name) = (server.connection().await, format!("tag:{{{}}}", guard()));
            let left: u64 = redis::cmd("PTTL").arg(&name).query_async(&mut look).await.unwrap();
            assert!((540_000..=600_000).contains(&left), "{left}");
            redis::cmd("DEL").arg(&name).exec_async(&mut look).await.unwrap();
        } else {
            tokio::time::advance(settle).await;
        }
        assert_eq!(cow.with(&members).read(Member::by_id(1)).await.unwrap().fill, Fill::Stored);
    }

    async fn an_object_with_tags_is_near_until_a_tag_of_it_is_invalidated(cache) {
        let (members, near) = (Members::with(2), CacheCow::builder().near(1 << 20));
        let (cow, other) = (cache.open(near), cache.open_default());
        let near = async |lookup: Lookups| source(&cow, &members, lookup).await == Source::Near;
        let tags = [Member::tag_org(1), Member::in_team(1, "b")];
        for (round, lookup) in (0..4).flat_map(|round| [(round, Lookups::Id), (round, Lookups::Number)]) {
            while !near(lookup).await || !near(Lookups::Other).await {
                tokio::task::yield_now().await;
            }
            members.bump();
            let teller = if round < 2 { &cow } else { &other };
            teller.invalidate_tag(tags[round % 2]).await.unwrap();
            // Of another process's invalidation this one hears within its lag.
            while round >= 2 && near(lookup).await {
                tokio::task::yield_now().await;
            }
            let expected = members.find(1).await.unwrap().unwrap();
            assert_eq!(cow.with(&members).get(Member::by_id(1)).await.unwrap().as_deref(), Some(&expected));
            let found = cow.with(&members).get(Member::by_number(1)).await.unwrap();
            assert_eq!(found.as_deref(), Some(&expected), "{lookup:?}, round {round}");
            assert!(near(Lookups::Other).await, "it has none of these tags");
        }
    }

    async fn a_failed_invalidation_of_a_tag_leaves_nothing_near(cache) {
        let members = Members::with(1);
        let cow = cache.open(CacheCow::builder().near(1 << 20));
        for lookup in [Lookups::Id, Lookups::Number] {
            while source(&cow, &members, lookup).await != Source::Near {
                tokio::task::yield_now().await;
            }
            for lost in 0..2 {
                members.bump();
                let newest = members.find(1).await.unwrap().unwrap().version;
                if lost == 1 {
                    let open = Gate::new();
                    open.open();
                    cache.script().next(ends, Fate::AnswerLate(open));
                }
                cache.script().next(ends, Fate::Fail(BackendErrorKind::Disconnected));
                cow.invalidate_tag(Member::tag_org(1)).await.unwrap_err();
                let view = cow.with(&members);
                for read in [view.read(Member::by_id(1)).await, view.read(Member::by_number(1)).await] {
                    let read = read.unwrap();
                    assert_eq!((read.value.unwrap().version, read.source), (newest, Source::Fetched));
                }
                until(&cache, || cow.stats().pending_invalidations == 0).await;
                assert_eq!(version(&cow, &members, 1).await, newest);
            }
        }
    }
}

#[tokio::test]
async fn deletion_eviction_and_flush_lose_nothing_but_hits() {
    let server = RedisServer::start();
    let (members, cow) = (Members::with(1), patient().open(&server.url()).await.unwrap());
    let mut look = server.connection().await;
    for (names, flush) in [
        (vec![guard()], false),
        (vec![Member::tag_org(1).key()], false),
        (vec![Member::in_team(1, "b").key(), guard()], false),
        (vec![], true),
    ] {
        version(&cow, &members, 1).await;
        for during in [false, true] {
            let gate = during.then(|| members.gate());
            let meddle = async {
                if let Some(gate) = &gate {
                    gate.arrived().await;
                }
                for name in &names {
                    let name = format!("tag:{{{name}}}");
                    redis::cmd("DEL").arg(name).exec_async(&mut look).await.unwrap();
                }
                if flush {
                    redis::cmd("FLUSHALL").exec_async(&mut look).await.unwrap();
                }
                members.bump();
                cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
                if let Some(gate) = &gate {
                    gate.open();
                }
            };
            if during {
                cow.invalidate(Member::by_id(1)).await.unwrap();
                tokio::join!(version(&cow, &members, 1), meddle);
            } else {
                meddle.await;
            }
            let present = members.find(1).await.unwrap().unwrap().version;
            assert_eq!(version(&cow, &members, 1).await, present, "{names:?}, {during}");
            assert!(is_hit(&cow, &members, 1).await);
        }
    }
}

#[tokio::test]
async fn nothing_grows_without_bound_in_redis() {
    let server = RedisServer::start();
    let (members, cow) = (Members::with(50), patient().open(&server.url()).await.unwrap());
    let mut look = server.connection().await;
    for round in 0..5_u32 {
        cow.with(&members).get_many((1..=50).map(Member::by_id)).await.unwrap();
        // Also of groups that nobody is in.
        let tags = (0..100).map(|org| Member::tag_org(100 * round + org));
        cow.invalidate_tags(tags).await.unwrap();
        cow.with(&members).get_many((1..=50).map(Member::by_id)).await.unwrap();
        let keys: Vec<String> = redis::cmd("KEYS").arg("*").query_async(&mut look).await.unwrap();
        // 50 objects, 10 organisations with a team each, and the guard.
        assert!(keys.len() <= 50 + 20 + 1, "{} keys", keys.len());
        for key in keys {
            let ttl: i64 = redis::cmd("PTTL").arg(&key).query_async(&mut look).await.unwrap();
            assert!(ttl > 0, "{key} stays for ever");
            let day = 24 * 60 * 60 * 1000;
            assert!(ttl <= 2 * day, "{key} stays for {ttl} ms");
            let tag_of_ten_minutes = key.starts_with("tag:") && !key.contains(&guard().to_string());
            assert!(!tag_of_ten_minutes || (500_000..=1_200_000).contains(&ttl), "{ttl}");
        }
    }
}

#[tokio::test]
async fn an_invalidation_costs_the_same_for_any_number_of_objects() {
    async fn commands(look: &mut redis::aio::MultiplexedConnection) -> u64 {
        let info: String = redis::cmd("INFO").arg("stats").query_async(look).await.unwrap();
        let line = info.lines().find_map(|line| line.strip_prefix("total_commands_processed:"));
        line.unwrap().trim().parse().unwrap()
    }
    let server = RedisServer::start();
    let cow = patient().open(&server.url()).await.unwrap();
    let mut look = server.connection().await;
    let mut costs = Vec::new();
    for count in [10, 1000] {
        let members = Members::with(count);
        members.change(|member| member.org = 7);
        cow.with(&members).get_many((1..=count).map(Member::by_id)).await.unwrap();
        // The scripts are loaded.
        cow.invalidate_tag(Member::tag_org(8)).await.unwrap();
        let (before, reads) = (commands(&mut look).await, server.reads(&mut look).await);
        cow.invalidate_tag(Member::tag_org(7)).await.unwrap();
        let trips = server.reads(&mut look).await - reads - 1;
        assert_eq!(trips, 2, "the guard, and the tag");
        costs.push(commands(&mut look).await - before);
        for id in [1, count] {
            assert!(!is_hit(&cow, &members, id).await);
        }
        cow.invalidate_many((1..=count).map(Member::by_id)).await.unwrap();
    }
    assert_eq!(costs[0], costs[1]);
}

#[tokio::test]
async fn a_full_server_takes_the_invalidation_of_a_tag() {
    let server = RedisServer::start();
    let (members, cow) = (Members::with(1), patient().open(&server.url()).await.unwrap());
    assert_eq!(version(&cow, &members, 1).await, 1);
    let mut look = server.connection().await;
    let full = |limit: &'static str| {
        let mut set = redis::cmd("CONFIG");
        set.arg(&["SET", "maxmemory", limit]);
        set
    };
    full("1").exec_async(&mut look).await.unwrap();
    members.bump();
    cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
    assert_eq!(version(&cow, &members, 1).await, 2);
    full("0").exec_async(&mut look).await.unwrap();
    version(&cow, &members, 1).await;
    assert!(is_hit(&cow, &members, 1).await);
}

#[tokio::test]
async fn without_a_server_members_are_fetched() {
    let mut server = RedisServer::start();
    let (members, cow) = (Members::with(2), patient().open(&server.url()).await.unwrap());
    assert_eq!(version(&cow, &members, 1).await, 1);
    let gate = members.gate();
    let (read, ()) = tokio::join!(cow.with(&members).read(Member::by_id(2)), async {
        gate.arrived().await;
        server.kill();
        gate.open();
    });
    assert_eq!(read.unwrap().fill, Fill::Refused);
    for _ in 0..10 {
        let read = cow.with(&members).read(Member::by_id(1)).await.unwrap();
        assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Unreachable));
    }
    members.bump();
    assert!(cow.invalidate_tag(Member::tag_org(1)).await.is_err());
    server.restart();
    while cow.stats().pending_invalidations > 0 {
        tokio::task::yield_now().await;
    }
    assert_eq!(version(&cow, &members, 1).await, 2);
}

#[tokio::test]
async fn an_object_stored_under_other_tags_than_its_own_is_not_served() {
    let server = RedisServer::start();
    let (members, cow) = (Members::with(1), patient().open(&server.url()).await.unwrap());
    version(&cow, &members, 1).await;
    let mut look = server.connection().await;
    let name = format!("cache:{{{}}}", cachecow::Lookup::key(&Member::by_id(1)).key());
    let document: Vec<u8> = redis::cmd("GET").arg(&name).query_async(&mut look).await.unwrap();
    let org = Member::tag_org(1).key().hash().to_be_bytes();
    let at = document.windows(16).position(|window| window == org).expect("the tag's hash");
    // Another tag, one tag less, and none.
    let mut other = document.clone();
    other[at] ^= 1;
    let mut fewer = document.clone();
    fewer.drain(at..at + 32);
    fewer[at - 1] -= 32;
    let mut none = document.clone();
    none.drain(at - 2..at + 64);
    none[0] -= 1;
    for forged in [other, fewer, none] {
        redis::cmd("SET").arg(&name).arg(forged).exec_async(&mut look).await.unwrap();
        assert!(!is_hit(&cow, &members, 1).await);
        assert!(is_hit(&cow, &members, 1).await);
    }
}

/// The next version of a struct, which is in the same cache.
mod next {
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize, Cached)]
    #[cache(context = Members)]
    #[cache(key = "member:{id}", fetch = Member::find)]
    #[cache(tag = "org:{org}")]
    pub(super) struct Member {
        pub(super) id: u32,
        pub(super) org: u32,
        pub(super) team: String,
        pub(super) version: u64,
    }

    impl Member {
        async fn find(members: &Members, id: u32) -> Result<Option<Self>, StoreDown> {
            let found = members.find(id).await?;
            Ok(found.map(|super::Member { id, org, team, version }| Self {
                id,
                org,
                team,
                version,
            }))
        }
    }
}

#[tokio::test]
async fn versions_with_other_tags_leave_each_other_s_objects_alone() {
    assert_ne!(Member::FINGERPRINT, next::Member::FINGERPRINT);
    let (cache, members) = (Cache::memory(), Members::with(1));
    let cow = cache.open_default();
    version(&cow, &members, 1).await;
    let read = cow.with(&members).read(next::Member::by_id(1)).await.unwrap();
    assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped));
    assert!(is_hit(&cow, &members, 1).await);
    // And each invalidates the other's.
    assert_eq!(next::Member::tag_org(1).key(), Member::tag_org(1).key());
    cow.invalidate_tag(next::Member::tag_org(1)).await.unwrap();
    assert!(!is_hit(&cow, &members, 1).await);
}

/// Served past its time to live while its fetch fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Moody, ttl = "10m", stale_if_error = "1h")]
#[cache(key = "fragile:{id}", fetch = Moody::find)]
#[cache(tag = "all:{group}")]
struct Fragile {
    id: u32,
    group: u32,
}

/// A backing store that may fail.
#[derive(Debug, Default)]
struct Moody {
    fails: AtomicBool,
}

impl Moody {
    async fn find(&self, id: u32) -> Result<Fragile, std::io::Error> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(std::io::Error::other("as the test says"));
        }
        Ok(Fragile { id, group: 7 })
    }
}

#[tokio::test]
async fn an_object_past_its_time_is_served_only_while_its_tags_stand() {
    let (cache, moody) = (Cache::redis(), Moody::default());
    let later = Arc::new(AtomicBool::new(false));
    let is_later = Arc::clone(&later);
    let clock = move || {
        let times = u32::from(is_later.load(Ordering::SeqCst));
        std::time::SystemTime::UNIX_EPOCH + Duration::from_secs(11 * 60) * (1000 + times)
    };
    let cow = cache.open(CacheCow::builder().clock(clock));
    let read = || cow.with(&moody).read(Fragile::by_id(1));
    assert_eq!(read().await.unwrap().fill, Fill::Stored);
    later.store(true, Ordering::SeqCst);
    moody.fails.store(true, Ordering::SeqCst);
    assert_eq!(read().await.unwrap().source, Source::Stale);
    cache.script().next(reads_epochs, Fate::Fail(BackendErrorKind::TimedOut));
    assert_eq!(read().await.unwrap_err().kind(), ErrorKind::Fetch, "nobody knows what it is worth");
    assert_eq!(read().await.unwrap().source, Source::Stale);
    cow.invalidate_tag(Fragile::tag_group(7)).await.unwrap();
    assert_eq!(read().await.unwrap_err().kind(), ErrorKind::Fetch);
}
