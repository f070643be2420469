//! What is cached under keys that are decided at run time.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cachecow::{CacheCow, CacheSchema, ErrorKind, Key};
use cachecow_tests::board::{Author, Board, Post};
use cachecow_tests::collision::texts_of_one_hash;
use cachecow_tests::events::Events;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;

const MINUTE: Duration = Duration::from_secs(60);

/// A number that grows with every look at it.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Counter {
    async fn next(&self) -> Result<u64, Infallible> {
        Ok(self.0.fetch_add(1, Ordering::SeqCst) + 1)
    }
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
struct Total {
    of: String,
    sum: u64,
}

async fn read(cow: &CacheCow, counter: &Counter, part: u32) -> u64 {
    let key = Key::of("counter:{}", (part,));
    *cow.get_or_fetch(key, MINUTE, || async { counter.next().await }).await.unwrap()
}

on_both_backends! {
    async fn a_value_is_fetched_once_and_invalidated_by_its_key(cache) {
        let (cow, other, counter) = (cache.open_default(), cache.open_default(), Counter::default());
        for cow in [&cow, &other, &cow] {
            assert_eq!(read(cow, &counter, 1).await, 1);
        }
        assert_eq!(read(&cow, &counter, 2).await, 2);
        other.invalidate(Key::of("counter:{}", (1,))).await.unwrap();
        assert_eq!(read(&cow, &counter, 1).await, 3);
        other.write(Key::of("counter:{}", (1,)), async { Ok::<_, ()>(()) }).await.unwrap();
        assert_eq!(read(&cow, &counter, 1).await, 4);
        assert_eq!(read(&cow, &counter, 2).await, 2, "the control");
    }

    async fn a_value_goes_with_its_tags(cache) {
        let (cow, other, board) = (cache.open_default(), cache.open_default(), Board::new());
        let counter = Counter::default();
        let read = async || {
            let key = Key::of("tagged:{}", ("x",));
            let read = cow.get_or_fetch(key, MINUTE, || async { counter.next().await });
            *read.tag([Post::tag_author(1), Post::tag_author(2)]).tag(Some(Author::tag_all())).await.unwrap()
        };
        assert_eq!((read().await, read().await), (1, 1));
        other.invalidate_object(&board.vote(2)).await.unwrap();
        assert_eq!((read().await, read().await), (2, 2));
        other.invalidate_tag(Author::tag_all()).await.unwrap();
        assert_eq!((read().await, read().await), (3, 3));
        other.invalidate_tag(Post::tag_author(3)).await.unwrap();
        assert_eq!(read().await, 3, "the control");
        let untagged = cow.get_or_fetch(Key::of("tagged:{}", ("x",)), MINUTE, || async { counter.next().await });
        assert_eq!(*untagged.await.unwrap(), 4, "with other tags it is another value");
    }

    async fn callers_of_one_key_share_a_call(cache) {
        let (cow, counter, gate) = (cache.open_default(), Counter::default(), Gate::new());
        let read = || async {
            let key = Key::of("counter:{}", (1,));
            let fetch = || async {
                gate.pass().await;
                counter.next().await
            };
            *cow.get_or_fetch(key, MINUTE, fetch).await.unwrap()
        };
        let (one, two, ()) = tokio::join!(read(), read(), async {
            gate.arrived().await;
            while cow.stats().of("counter:{}").joins == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
        });
        assert_eq!((one, two), (1, 1));
    }

    async fn what_was_fetched_before_an_invalidation_is_not_stored(cache) {
        let (cow, other, counter) = (cache.open_default(), cache.open_default(), Counter::default());
        let gate = Gate::new();
        let late = cow.get_or_fetch(Key::of("counter:{}", (1,)), MINUTE, || async {
            let read = counter.next().await;
            gate.pass().await;
            read
        });
        let (late, ()) = tokio::join!(async { late.await.unwrap() }, async {
            gate.arrived().await;
            other.invalidate(Key::of("counter:{}", (1,))).await.unwrap();
            gate.open();
        });
        assert_eq!(*late, 1);
        assert_eq!((read(&cow, &counter, 1).await, read(&other, &counter, 1).await), (2, 2));
        assert_eq!(cow.stats().of("counter:{}").fills_refused, 1);
    }

    async fn two_keys_of_one_hash_have_their_own_values(cache) {
        let cow = cache.open_default();
        let paths = texts_of_one_hash("page:path:{}");
        for _ in 0..3 {
            for path in &paths {
                let key = Key::of("page:path:{}", (&**path,));
                let read = cow.get_or_fetch(key, MINUTE, || async { Ok::<_, Infallible>(path.clone()) });
                assert_eq!(*read.await.unwrap(), *path);
            }
        }
    }

    /// The other process does not know of the first one's type.
    async fn another_processes_type_under_the_key_is_a_miss(cache) {
        let (cow, other) = (cache.open_default(), cache.open_default());
        let key = || Key::of("typed:{}", (1,));
        cow.get_or_fetch(key(), MINUTE, || async { Ok::<_, Infallible>(7_u32) }).await.unwrap();
        let text = || async { Ok::<_, Infallible>("seven".to_owned()) };
        assert_eq!(*other.get_or_fetch(key(), MINUTE, text).await.unwrap(), "seven");
        assert_eq!(other.stats().of("typed:{}").other_versions, 1);
    }

    async fn the_time_to_live_is_the_calls(cache) {
        let (cow, counter) = (cache.open_default(), Counter::default());
        for (ttl, stored) in [(Duration::ZERO, false), (MINUTE, true)] {
            let key = || Key::of("ttl:{}", (ttl.as_secs(),));
            let read = async || {
                *cow.get_or_fetch(key(), ttl, || async { counter.next().await }).await.unwrap()
            };
            let (one, two) = (read().await, read().await);
            assert_eq!(one == two, stored, "{ttl:?}");
        }
        let view = cow.with(&()).no_store();
        for _ in 0..2 {
            let key = Key::of("not stored", ());
            view.get_or_fetch(key, MINUTE, || async { counter.next().await }).await.unwrap();
        }
        assert_eq!(cow.stats().of("not stored").misses, 2);
    }
}

#[tokio::test]
async fn errors_of_any_type_come_back_and_nothing_is_cached() {
    let cow = CacheCow::memory();
    let key = || Key::of("broken:{}", (1,));
    let failed = || async { Err::<u8, _>(std::io::Error::other("no route")) };
    let error = cow.get_or_fetch(key(), MINUTE, failed).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert_eq!(error.to_string(), "the fetch function of broken:{} failed");
    assert!(error.fetch_error::<std::io::Error>().is_some());
    let boxed = || async { Err::<u8, Box<dyn std::error::Error + Send + Sync>>("boxed".into()) };
    let error = cow.get_or_fetch(key(), MINUTE, boxed).await.unwrap_err();
    assert_eq!(std::error::Error::source(&error).unwrap().to_string(), "boxed");
    let found = || async { Ok::<_, Infallible>(8_u8) };
    assert_eq!(*cow.get_or_fetch(key(), MINUTE, found).await.unwrap(), 8);
}

#[tokio::test]
async fn the_second_type_of_one_template_is_not_cached_and_told_once() {
    let (events, cow) = (Events::warnings(), CacheCow::memory());
    let counter = Counter::default();
    let total =
        || async { Ok::<_, Infallible>(Total { of: "all".into(), sum: counter.next().await? }) };
    for _ in 0..2 {
        let key = Key::of("clash:{part}", (1,));
        let read: Arc<Total> = cow.get_or_fetch(key, MINUTE, total).await.unwrap();
        assert_eq!(read.sum, 1);
    }
    for call in 2..5 {
        let key = Key::of("clash:{}", (1,));
        assert_eq!(
            *cow.get_or_fetch(key, MINUTE, || async { counter.next().await }).await.unwrap(),
            call
        );
    }
    let told = events.take_lines();
    let told: Vec<_> = told
        .iter()
        .filter(|event| event.contains("two types have the same key template"))
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
}

/// Moved into a task, as handlers are.
#[tokio::test]
async fn the_future_may_go_to_another_thread() {
    let (cow, name) = (CacheCow::memory(), "seven".to_owned());
    let read = tokio::spawn(async move {
        let key = Key::of("name:{}", (&*name,));
        cow.get_or_fetch(key, MINUTE, || async move { Ok::<_, Infallible>(name.len()) }).await
    });
    assert_eq!(*read.await.unwrap().unwrap(), 5);
}
