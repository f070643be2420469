//! What is cached, without a fetch.

use std::time::Duration;

use cachecow::protocol::Command;
use cachecow::{Builder, CacheCow, ErrorKind, Peek};
use cachecow_tests::backends::Fate;
use cachecow_tests::clock::Clock;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::on_both_backends;
use cachecow_tests::store::{Item, Store};

const MINUTE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(600);

fn builder(clock: &Clock) -> Builder {
    CacheCow::builder().clock(clock.reader()).ttl_jitter(0.0)
}

fn any(_: &Command) -> bool {
    true
}

on_both_backends! {
    async fn it_tells_what_is_not_cached_from_what_does_not_exist(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).negative_ttl(MINUTE));
        for id in [1, 2] {
            assert_eq!(cow.peek(Item::by_id(id)).await.unwrap(), Peek::NotCached);
        }
        assert_eq!(store.fetches(), 0);
        cow.with(&store).get_many([1, 2].map(Item::by_id)).await.unwrap();
        clock.advance(MINUTE / 2);
        let Peek::Object { object, expires_in } = cow.peek(Item::by_id(1)).await.unwrap() else {
            panic!("it is cached");
        };
        assert_eq!((object.id, expires_in), (1, TTL.saturating_sub(MINUTE / 2)));
        let absent = cow.with(&store).peek(Item::by_id(2)).await.unwrap();
        assert_eq!(absent, Peek::Absent { expires_in: MINUTE / 2 });
    }

    async fn the_time_left_is_the_least(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).ttl_jitter(0.25));
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        let peeked = cow.peek(Item::by_id(1)).await.unwrap();
        assert!(matches!(peeked, Peek::Object { expires_in, .. } if expires_in == TTL * 3 / 4));
    }

    async fn an_alias_leads_to_its_object_in_one_round_trip(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).negative_ttl(MINUTE));
        assert_eq!(cow.peek(Item::by_name("item 1")).await.unwrap(), Peek::NotCached);
        cow.with(&store).get(Item::by_name("item 1")).await.unwrap();
        clock.advance(MINUTE);
        let before = cache.script().log().len();
        let peeked = cow.peek(Item::by_name("item 1")).await.unwrap();
        let left = TTL.saturating_sub(MINUTE);
        assert!(matches!(peeked, Peek::Object { expires_in, .. } if expires_in == left));
        assert_eq!(cache.script().log().len() - before, 2, "the pointer and the object");

        // Another process does not know where the alias leads.
        let other = cache.open(builder(&clock));
        assert!(other.peek(Item::by_name("item 1")).await.unwrap().object().is_some());
        cow.invalidate(Item::by_id(1)).await.unwrap();
        for cow in [&cow, &other] {
            assert_eq!(cow.peek(Item::by_name("item 1")).await.unwrap(), Peek::NotCached);
        }
        cow.with(&store).get(Item::by_name("nobody")).await.unwrap();
        let absent = cow.peek(Item::by_name("nobody")).await.unwrap();
        assert_eq!(absent, Peek::Absent { expires_in: MINUTE });
    }

    async fn an_invalidated_tag_hides_its_objects(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let other = cache.open_default();
        cow.with(&members).get(Member::by_id(1)).await.unwrap();
        for cow in [&cow, &other] {
            assert!(cow.peek(Member::by_id(1)).await.unwrap().object().is_some());
        }
        cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
        for cow in [&cow, &other] {
            assert_eq!(cow.peek(Member::by_id(1)).await.unwrap(), Peek::NotCached);
        }
    }

    async fn what_is_past_its_time_is_not_shown(cache) {
        let (clock, store) = (Clock::new(), Store::with_items(1));
        let cow = cache.open(builder(&clock).stale_if_error(MINUTE));
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        clock.advance(TTL.saturating_sub(Duration::from_millis(1)));
        assert!(cow.peek(Item::by_id(1)).await.unwrap().object().is_some());
        clock.advance(Duration::from_millis(1));
        assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached);
    }

    async fn what_is_malformed_is_not_shown(cache) {
        let cow = cache.open_default();
        cache.forge(&Item::by_id(1), "rubbish").await;
        assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached);
        assert_eq!(cow.stats().of("Item").decode_failures, 1);
    }

    async fn it_counts_as_no_read(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        let before = cow.stats().of("Item");
        cow.peek(Item::by_id(1)).await.unwrap();
        cow.peek(Item::by_id(2)).await.unwrap();
        assert_eq!(cow.stats().of("Item"), before);
    }

    async fn a_cache_that_does_not_answer_is_an_error(cache) {
        let (store, members, cow) = (Store::with_items(1), Members::with(1), cache.open_default());
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
        cow.with(&members).get(Member::by_id(1)).await.unwrap();
        cache.script().next(any, Fate::LoseAnswer);
        let peeked = cow.peek(Item::by_id(1)).await;
        assert_eq!(peeked.unwrap_err().kind(), ErrorKind::Unavailable);
        // An invalidation is outstanding: a read would go past the cache.
        cache.script().next(any, Fate::LoseAnswer);
        cow.invalidate(Item::by_id(1)).await.unwrap_err();
        assert_eq!(cow.peek(Item::by_id(1)).await.unwrap(), Peek::NotCached);
    }
}
