//! The circuit breaker and the timeout around every backend, with time standing still.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cachecow::codec::{Comparison, DecodeError, Decoder, Encoder};
use cachecow::protocol::{Command, Reply};
use cachecow::{
    BackendError, BackendErrorKind, CacheBackend, CacheCow, ErrorKind, Fill, MemoryBackend,
    Request, Source,
};
use cachecow_tests::events::Events;
use cachecow_tests::members::Member;
use cachecow_tests::moody::{Mood, Moody, TIMEOUT};
use cachecow_tests::store::{Item, Store};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};
use tokio::runtime::Handle;
use tokio::time::{Instant, advance, sleep};
use tracing::Level;

/// That of the breaker before its first probe.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

async fn read(cow: &CacheCow, store: &Store, id: i64) -> (Source, Fill) {
    let read = cow.with(store).read(Item::by_id(id)).await.unwrap();
    assert_eq!(read.value.unwrap().id, id);
    (read.source, read.fill)
}

/// Lets the task run that gives back what a read may have been granted.
async fn given_back() {
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
}

/// Two reads of which each claims in vain, and gives back in vain what it may have been granted.
async fn fail_twice(cow: &CacheCow, store: &Store) {
    for id in 1..=2 {
        assert!(!cow.stats().circuit_open);
        assert_eq!(read(cow, store, id).await, (Source::Fetched, Fill::Unreachable));
        given_back().await;
    }
    assert!(cow.stats().circuit_open);
}

#[tokio::test(start_paused = true)]
async fn it_opens_after_three_outages_and_closes_by_a_probe() {
    let (backend, cow, store) = Moody::open();
    let events = Events::listen("cachecow", Level::INFO);
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    let said = events.take_lines();
    assert!(said.len() == 1 && said[0].starts_with("the cache keeps failing"), "{said:?}");
    assert_eq!(backend.asked(), 2);

    for id in 1..=10 {
        assert_eq!(read(&cow, &store, id).await, (Source::Fetched, Fill::Unreachable));
        let many = cow.with(&store).get_many([1, 2, id].map(Item::by_id)).await.unwrap();
        assert!(many.iter().all(Option::is_some));
    }
    assert_eq!(backend.asked(), 0, "it is left alone");
    let shown = format!("{cow:?}");
    assert!(shown.contains("Moody") && shown.contains("circuit_open: true"), "{shown}");

    // A probe that fails; the next comes after twice the pause.
    for pause in [FIRST_PAUSE, 2 * FIRST_PAUSE] {
        advance(pause.saturating_sub(Duration::from_millis(1))).await;
        read(&cow, &store, 1).await;
        assert_eq!(backend.asked(), 0);
        advance(Duration::from_millis(1)).await;
        join_all((1..=10).map(|id| read(&cow, &store, id))).await;
        assert_eq!(backend.asked(), 1, "one only");
    }
    assert_eq!(events.take_lines(), [""; 0]);

    backend.is_now(Mood::Sound);
    advance(4 * FIRST_PAUSE).await;
    assert_eq!(read(&cow, &store, 1).await, (Source::Fetched, Fill::Stored));
    assert!(!cow.stats().circuit_open);
    assert_eq!(read(&cow, &store, 1).await, (Source::Cache, Fill::Skipped));
    assert_eq!(events.take_lines(), ["the cache answers again"]);
    assert_eq!(backend.resets(), 0, "a broken connection needs no reset");
}

/// Neither what it costs nor what might go wrong in it is worth having.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_stored_is_not_encoded() {
    static ENCODED: AtomicUsize = AtomicUsize::new(0);
    #[derive(cachecow::Cached)]
    #[cache(key = "costly:{id}", fetch = Costly::find)]
    struct Costly {
        id: i64,
        counted: Counted,
    }
    impl Costly {
        async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
            Ok(Self { id, counted: Counted })
        }
    }
    struct Counted;
    impl cachecow::CacheSchema for Counted {
        const NAME: &'static str = "Counted";
        const FINGERPRINT: u64 = 1;

        fn write_to(&self, encoder: &mut Encoder) {
            ENCODED.fetch_add(1, Ordering::SeqCst);
            encoder.nil();
        }

        fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
            decoder.nil().map(|()| Self)
        }

        fn is_same(&self, _: &Self, _: &mut Comparison) -> bool {
            true
        }
    }
    let (backend, cow, _) = Moody::open();
    for (mood, encoded) in [(Mood::Fails(BackendErrorKind::Disconnected), 0), (Mood::Sound, 1)] {
        backend.is_now(mood);
        assert_eq!(cow.get(Costly::by_id(1)).await.unwrap().unwrap().id, 1);
        assert_eq!(ENCODED.load(Ordering::SeqCst), encoded);
    }
}

#[tokio::test(start_paused = true)]
async fn a_success_in_between_starts_the_count_anew() {
    let (backend, cow, store) = Moody::open();
    let events = Events::listen("cachecow", Level::INFO);
    for round in 0..10 {
        backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
        read(&cow, &store, 2 * round + 1).await;
        backend.is_now(Mood::Sound);
        read(&cow, &store, 2 * round + 2).await;
    }
    assert!(!cow.stats().circuit_open);
    assert_eq!(events.take_lines(), [""; 0], "it was never open");
}

#[tokio::test(start_paused = true)]
async fn refusals_open_nothing_and_are_told_once_a_minute() {
    let (backend, cow, store) = Moody::open();
    let events = Events::warnings();
    for kind in [BackendErrorKind::Rejected, BackendErrorKind::Malformed] {
        backend.is_now(Mood::Fails(kind));
        for _ in 0..2 {
            for id in 1..=20 {
                assert_eq!(read(&cow, &store, id).await.0, Source::Fetched);
                advance(Duration::from_millis(2999)).await;
            }
            let said = events.take_lines();
            assert!(said.len() == 1 && said[0].starts_with("the cache refuses"), "{said:?}");
            advance(Duration::from_millis(20)).await;
        }
    }
    assert!(!cow.stats().circuit_open);
    assert_eq!(backend.asked(), 2 * 2 * 20);
}

#[tokio::test(start_paused = true)]
async fn no_operation_takes_longer_than_it_may_and_the_connection_is_replaced_once() {
    let (backend, cow, store) = Moody::open();
    backend.is_now(Mood::Hangs);
    let began = Instant::now();
    // More under way at once than open the circuit.
    join_all((1..=10).map(|id| read(&cow, &store, id))).await;
    assert_eq!(began.elapsed(), TIMEOUT);
    assert!(cow.stats().circuit_open);
    assert_eq!(backend.resets(), 1, "the others are stragglers of the same outage");
    given_back().await;
    for probe in 0..3 {
        advance(FIRST_PAUSE * (1 << probe)).await;
        read(&cow, &store, 1).await;
        given_back().await;
        assert_eq!(backend.resets(), 1, "a probe that hangs too");
    }
    assert_eq!(cow.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert_eq!(backend.resets(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_invalidation_is_sent_though_it_is_open_and_closes_it() {
    let (backend, cow, store) = Moody::open();
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    backend.asked();
    let error = cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotInvalidated);
    assert!(error.to_string().contains("the invalidation of 1 key;"), "{error}");
    assert_eq!(backend.asked(), 1);
    let error = cow.invalidate_many([1, 2].map(Item::by_id)).await.unwrap_err();
    assert!(error.to_string().contains("the invalidation of 2 keys;"), "{error}");
    let error = cow.invalidate_tags([1, 2].map(Member::tag_org)).await.unwrap_err();
    assert!(error.to_string().contains("the invalidation of 2 tags;"), "{error}");
    backend.is_now(Mood::Sound);
    cow.invalidate(Item::by_id(3)).await.unwrap();
    assert!(!cow.stats().circuit_open);
    assert_eq!(read(&cow, &store, 3).await, (Source::Fetched, Fill::Stored));
    assert_eq!(
        read(&cow, &store, 2).await.1,
        Fill::Unreachable,
        "it is not known to be invalidated"
    );
}

/// From a tenth of a second to five; from the start again once there is nothing left.
#[tokio::test(start_paused = true)]
async fn what_did_not_happen_is_retried_more_and_more_rarely_until_it_does() {
    let (backend, cow, _) = Moody::open();
    for round in 0..3 {
        backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
        assert!(
            match round {
                0 => cow.invalidate(Item::by_id(1)).await,
                1 => cow.invalidate_tag(Member::tag_org(1)).await,
                _ => cow.invalidate_many([1, 2].map(Item::by_id)).await,
            }
            .is_err()
        );
        backend.asked();
        sleep(Duration::from_secs(1)).await;
        assert_eq!(backend.asked(), 3, "after 0.1, 0.3 and 0.7 s");
        sleep(Duration::from_secs(99)).await;
        assert!((20..=23).contains(&backend.asked()), "one in five seconds");
        assert!(cow.stats().pending_invalidations > 0);
        backend.is_now(Mood::Sound);
        sleep(Duration::from_secs(5)).await;
        assert_eq!(cow.stats().pending_invalidations, 0);
        backend.asked();
        sleep(Duration::from_secs(100)).await;
        assert_eq!(backend.asked(), 0, "there is nothing left to do");
    }
}

#[tokio::test(start_paused = true)]
async fn an_attempt_takes_all_there_is_a_thousand_at_a_time() {
    let (backend, cow, _) = Moody::open();
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    assert!(cow.invalidate_many((1..=2500).map(Item::by_id)).await.is_err());
    assert_eq!(cow.stats().pending_invalidations, 2500);
    backend.asked();
    sleep(Duration::from_millis(150)).await;
    assert_eq!(backend.asked(), 1, "in an outage the others would fare no better");
    backend.is_now(Mood::Sound);
    sleep(Duration::from_millis(200)).await;
    assert_eq!((backend.asked(), cow.stats().pending_invalidations), (3, 0));
}

/// What fails for some keys is retried more rarely as well, though it happens for others.
#[tokio::test(start_paused = true)]
async fn what_happens_for_some_keys_only_is_no_reason_to_hurry() {
    let (backend, cow, _) = Moody::open();
    backend.is_now(Mood::Short);
    assert!(cow.invalidate_many((1..=5).map(Item::by_id)).await.is_err());
    assert_eq!(cow.stats().pending_invalidations, 1, "four were answered");
    backend.is_now(Mood::Fails(BackendErrorKind::Rejected));
    assert!(cow.invalidate_many((1..=5).map(Item::by_id)).await.is_err());
    assert_eq!(cow.stats().pending_invalidations, 5);
    backend.is_now(Mood::Half);
    backend.asked();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(backend.asked(), 3, "after 0.1, 0.3 and 0.7 s");
    assert_eq!(cow.stats().pending_invalidations, 1, "half of them each time");
    backend.is_now(Mood::Sound);
    sleep(Duration::from_secs(5)).await;
    assert_eq!(cow.stats().pending_invalidations, 0);
}

#[tokio::test(start_paused = true)]
async fn a_ping_tells_how_it_is_and_closes_it() {
    let (backend, cow, store) = Moody::open();
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    assert_eq!(cow.ping().await.unwrap_err().kind(), ErrorKind::Unavailable);
    assert!(cow.stats().circuit_open);
    backend.is_now(Mood::Sound);
    cow.ping().await.unwrap();
    assert!(!cow.stats().circuit_open);
}

#[tokio::test(start_paused = true)]
async fn too_few_answers_are_none_for_the_rest_and_too_many_are_no_harm() {
    for mood in [Mood::Short, Mood::Long] {
        let (backend, cow, store) = Moody::open();
        backend.is_now(mood);
        let found = cow.with(&store).get_many((1..=5).map(Item::by_id)).await.unwrap();
        let ids: Vec<i64> = found.iter().map(|item| item.as_ref().unwrap().id).collect();
        assert_eq!(ids, [1, 2, 3, 4, 5]);
        let invalidated = cow.invalidate_many((1..=5).map(Item::by_id)).await;
        let expected = (mood == Mood::Short).then_some(ErrorKind::NotInvalidated);
        assert_eq!(invalidated.err().map(|error| error.kind()), expected);
        assert!(!cow.stats().circuit_open);
    }
}

#[tokio::test(start_paused = true)]
async fn who_waits_watches_nothing_while_it_is_open() {
    let (backend, cow, store) = Moody::open();
    let request = Request {
        key: cachecow::Lookup::key(&Item::by_id(9)).key(),
        command: Command::Claim {
            token: cachecow::protocol::Token::from_bytes(*b"a foreign token!"),
            lease: Duration::from_secs(60),
            replacing: None,
        },
    };
    backend.inner.execute(vec![request]).await;
    // It waits for the other's fill, and meanwhile the cache goes.
    let waiting = async { read(&cow, &store, 9).await };
    let going = async {
        while backend.watches() == 0 {
            tokio::task::yield_now().await;
        }
        backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
        fail_twice(&cow, &store).await;
    };
    let (waited, ()) = tokio::join!(waiting, going);
    assert_eq!(waited.0, Source::Fetched);
    assert!(cow.stats().circuit_open);
    assert_eq!(backend.watches(), 1);
}

/// That of the database would be the next outage.
#[tokio::test(start_paused = true)]
async fn while_it_is_open_so_many_fetches_run_at_a_time() {
    const MOST: usize = 4;
    let backend = Moody::open().0;
    let builder = CacheCow::builder().operation_timeout(TIMEOUT).outage_fetch_concurrency(MOST);
    let (cow, store) = (builder.backend(Arc::clone(&backend)).unwrap(), Store::with_items(100));
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    let before = store.fetches();
    let gates: Vec<_> = (0..50).map(|_| store.gate()).collect();
    let reads = join_all((1..=49).map(|id| read(&cow, &store, id)));
    let batch = cow.with(&store).get_many((50..=60).map(Item::by_id));
    let opening = async {
        for (opened, gate) in gates.iter().enumerate() {
            gate.arrived().await;
            sleep(Duration::from_millis(1)).await;
            let running = store.fetches() - before - opened;
            assert_eq!(running, MOST.min(gates.len() - opened));
            gate.open();
        }
    };
    let (_, batch, ()) = tokio::join!(reads, batch, opening);
    assert_eq!(batch.unwrap().len(), 11);
    // Closed, they run as they come.
    backend.is_now(Mood::Sound);
    cow.ping().await.unwrap();
    let before = store.fetches();
    let gates: Vec<_> = (61..=90).map(|_| store.gate()).collect();
    let reads = join_all((61..=90).map(|id| read(&cow, &store, id)));
    tokio::join!(reads, async {
        gates.last().unwrap().arrived().await;
        assert_eq!(store.fetches() - before, 30);
        gates.iter().for_each(|gate| gate.open());
    });
}

/// Fetches that hang, are not polled or are forgotten do not keep their places for ever.
#[tokio::test(start_paused = true)]
async fn a_place_for_a_fetch_is_not_kept_for_ever() {
    let backend = Moody::open().0;
    let builder = CacheCow::builder().operation_timeout(TIMEOUT).outage_fetch_concurrency(2);
    let (cow, store) = (builder.backend(Arc::clone(&backend)).unwrap(), Store::with_items(9));
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    let (_first, _second) = (store.gate(), store.gate());
    let mut hung: Vec<_> = (1..=2).map(|id| Box::pin(read(&cow, &store, id))).collect();
    for hung in &mut hung {
        assert!(hung.now_or_never().is_none());
    }
    let began = Instant::now();
    for id in 3..=9 {
        assert_eq!(read(&cow, &store, id).await.0, Source::Fetched);
    }
    assert_eq!(began.elapsed(), Duration::from_secs(10), "once, and for all");
}

/// A place that becomes free is offered to a read that nobody polls, and then to the others.
#[tokio::test(start_paused = true)]
async fn a_place_for_a_fetch_does_not_wait_for_a_read_that_is_not_polled() {
    let backend = Moody::open().0;
    let builder = CacheCow::builder().operation_timeout(TIMEOUT).outage_fetch_concurrency(1);
    let (cow, store) = (builder.backend(Arc::clone(&backend)).unwrap(), Store::with_items(9));
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &store).await;
    let gate = store.gate();
    let mut reads: Vec<_> = (1..=3).map(|id| Box::pin(read(&cow, &store, id))).collect();
    for read in &mut reads {
        assert!(read.now_or_never().is_none());
    }
    let (last, _unpolled, first) =
        (reads.pop().unwrap(), reads.pop().unwrap(), reads.pop().unwrap());
    gate.open();
    first.await;
    let began = Instant::now();
    last.await;
    assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
}

/// What reads an object while it fetches another needs no second place, which it might wait for in
/// vain.
#[tokio::test(start_paused = true)]
async fn a_fetch_within_a_fetch_needs_no_place() {
    #[derive(Debug, serde::Serialize, serde::Deserialize, cachecow::Cached)]
    #[cache(context = (CacheCow, Store))]
    #[cache(key = "outer:{id}", fetch = Outer::find)]
    struct Outer {
        id: i64,
    }
    impl Outer {
        async fn find((cow, store): &(CacheCow, Store), id: i64) -> Result<Self, cachecow::Error> {
            let item = cow.with(store).get(Item::by_id(id)).await?;
            Ok(Self { id: item.expect("an item of this id").id })
        }
    }
    let backend = Moody::open().0;
    let builder = CacheCow::builder().operation_timeout(TIMEOUT).outage_fetch_concurrency(1);
    let cow = builder.backend(Arc::clone(&backend)).unwrap();
    let context = (cow.clone(), Store::with_items(9));
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &context.1).await;
    let began = Instant::now();
    join_all((1..=9).map(|id| cow.with(&context).get(Outer::by_id(id)))).await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

/// The same of a fetch function that blocks, and reads on a thread of its own.
#[tokio::test(start_paused = true)]
async fn a_fetch_within_a_fetch_that_blocks_needs_no_place() {
    #[derive(Debug, serde::Serialize, serde::Deserialize, cachecow::Cached)]
    #[cache(key = "inner:{id}", fetch = Inner::find)]
    struct Inner {
        id: i64,
    }
    impl Inner {
        async fn find(id: i64) -> Result<Self, cachecow::Error> {
            Ok(Self { id })
        }
    }
    #[derive(Debug, serde::Serialize, serde::Deserialize, cachecow::Cached)]
    #[cache(context = (CacheCow, Handle))]
    #[cache(key = "outer:{id}", fetch = blocking(Outer::find))]
    struct Outer {
        id: i64,
    }
    impl Outer {
        fn find((cow, handle): &(CacheCow, Handle), id: i64) -> Result<Self, cachecow::Error> {
            // The cache is not asked, so that only a place could keep it waiting.
            let read = async { cow.get(Inner::by_id(id)).now_or_never() };
            let inner = handle.block_on(read).expect("it waits for nothing")?;
            Ok(Self { id: inner.expect("it exists").id })
        }
    }
    let backend = Moody::open().0;
    let builder = CacheCow::builder().operation_timeout(TIMEOUT).outage_fetch_concurrency(1);
    let cow = builder.backend(Arc::clone(&backend)).unwrap();
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    fail_twice(&cow, &Store::with_items(9)).await;
    let context = (cow.clone(), Handle::current());
    assert!(cow.with(&context).get(Outer::by_id(1)).await.unwrap().is_some());
}

/// A server that takes its time for each key.
#[derive(Debug)]
struct Plodding(MemoryBackend);

impl CacheBackend for Plodding {
    fn execute(&self, requests: Vec<Request>) -> BoxFuture<'_, Vec<Result<Reply, BackendError>>> {
        async move {
            let bytes = requests.iter().map(|request| match &request.command {
                Command::Fill { value, .. } => value.len(),
                _ => 0,
            });
            // 100,000 keys and 100 MB a second.
            let keys = Duration::from_micros(10) * u32::try_from(requests.len()).unwrap();
            let time =
                keys + Duration::from_nanos(10) * u32::try_from(bytes.sum::<usize>()).unwrap();
            sleep(time).await;
            self.0.execute(requests).await
        }
        .boxed()
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {}
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_any_length_is_stored_and_found() {
    const LONG: i64 = 30_000;
    let cow = CacheCow::builder()
        .operation_timeout(TIMEOUT)
        .backend(Plodding(MemoryBackend::with_capacity(1 << 30)))
        .unwrap();
    let store = Store::with_items(LONG);
    for _ in 0..3 {
        let items = cow.with(&store).get_many((1..=LONG).map(Item::by_id)).await.unwrap();
        assert!(items.iter().all(Option::is_some));
    }
    assert_eq!(store.fetches(), 1);
    cow.invalidate_many((1..=LONG).map(Item::by_id)).await.unwrap();
    assert_eq!(cow.stats().of("Item").backend_errors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_any_size_is_stored_and_found() {
    const LONG: i64 = 50;
    let cow = CacheCow::builder()
        .operation_timeout(TIMEOUT)
        .backend(Plodding(MemoryBackend::with_capacity(1 << 30)))
        .unwrap();
    let store = Store::default();
    store.put_all((1..=LONG).map(|id| Item { name: "x".repeat(500_000), ..Item::new(id) }));
    for _ in 0..3 {
        let items = cow.with(&store).get_many((1..=LONG).map(Item::by_id)).await.unwrap();
        assert!(items.iter().all(Option::is_some));
    }
    assert_eq!(store.fetches(), 1);
}
