//! The spans of a load.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard};

use cachecow::log::Outbox;
use cachecow::{BackendErrorKind, CacheCow};
use cachecow_tests::events::Events;
use cachecow_tests::followed::{Database, Note};
use cachecow_tests::moody::{Mood, Moody};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::{Item, Store};
use cachecow_tests::told_log::{Row, Tell, told_log};
use futures_util::future::join_all;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing::{Dispatch, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use tracing_subscriber::registry::{LookupSpan, Registry};

/// A span that was made.
#[derive(Clone, Debug, Default)]
struct Seen {
    name: &'static str,
    /// The place of the span that it was made in.
    within: Option<usize>,
    fields: Vec<(&'static str, String)>,
    /// The places of those that it follows from.
    follows: Vec<usize>,
}

impl Seen {
    fn field(&self, name: &str) -> &str {
        let named = self.fields.iter().find(|(field, _)| *field == name);
        named.map_or("", |(_, value)| value)
    }
}

/// The spans of this thread, in the order in which they were made.
#[derive(Clone, Default)]
struct Spans(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    seen: Vec<Seen>,
    /// Where those are that have not ended: their numbers are used again.
    places: HashMap<u64, usize>,
}

impl Spans {
    fn listen() -> (Self, DefaultGuard) {
        // See `cachecow_tests::events`: with a single subscriber alive, whoever comes first decides for all.
        static OTHERS: std::sync::OnceLock<[Dispatch; 2]> = std::sync::OnceLock::new();
        OTHERS.get_or_init(|| {
            [(); 2].map(|()| Dispatch::new(Registry::default().with(Self::default())))
        });
        let spans = Self::default();
        let guard = tracing::subscriber::set_default(Registry::default().with(spans.clone()));
        (spans, guard)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// The loads, with their places.
    fn loads(&self) -> Vec<(usize, Seen)> {
        self.of("load")
    }

    /// Those of this name, with their places.
    fn of(&self, name: &str) -> Vec<(usize, Seen)> {
        let seen = self.lock().seen.clone();
        seen.into_iter().enumerate().filter(|(_, seen)| seen.name == name).collect()
    }

    /// What was done within the span at this place, in order.
    fn within(&self, place: usize) -> Vec<&'static str> {
        let inner = self.lock();
        inner.seen.iter().filter(|seen| seen.within == Some(place)).map(|seen| seen.name).collect()
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Spans {
    fn on_new_span(&self, span: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let parent = context.span(id).and_then(|span| span.parent()).map(|parent| parent.id());
        let mut inner = self.lock();
        let within = parent.and_then(|parent| inner.places.get(&parent.into_u64()).copied());
        let mut seen = Seen { name: span.metadata().name(), within, ..Seen::default() };
        span.record(&mut Fields(&mut seen.fields));
        let place = inner.seen.len();
        inner.places.insert(id.into_u64(), place);
        inner.seen.push(seen);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, _: Context<'_, S>) {
        let mut inner = self.lock();
        let place = inner.places[&id.into_u64()];
        values.record(&mut Fields(&mut inner.seen[place].fields));
    }

    fn on_follows_from(&self, id: &Id, follows: &Id, _: Context<'_, S>) {
        let mut inner = self.lock();
        let (place, follows) = (inner.places[&id.into_u64()], inner.places[&follows.into_u64()]);
        inner.seen[place].follows.push(follows);
    }

    fn on_close(&self, id: Id, _: Context<'_, S>) {
        self.lock().places.remove(&id.into_u64());
    }
}

struct Fields<'a>(&'a mut Vec<(&'static str, String)>);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").trim_matches('"').to_owned()));
    }
}

async fn read(cow: &CacheCow, store: &Store, id: i64) {
    cow.with(store).get(Item::by_id(id)).await.unwrap();
}

#[tokio::test]
async fn a_load_has_its_parts_and_a_hit_has_nothing() {
    let (spans, _guard) = Spans::listen();
    let (cow, store) = (CacheCow::memory(), Store::with_items(9));
    read(&cow, &store, 7).await;
    let loads = spans.loads();
    let [(place, load)] = &loads[..] else { panic!("{loads:?}") };
    let fields = ["type", "template", "reads", "outcome"].map(|name| load.field(name));
    assert_eq!(fields, ["Item", "item:{}", "1", "fetched, stored"]);
    assert_eq!(spans.within(*place), ["claim", "fetch", "fill"]);
    assert!(!format!("{:?}", spans.lock().seen).contains('7'), "no key is shown");
    for _ in 0..20 {
        read(&cow, &store, 7).await;
    }
    let before = spans.lock().seen.len();
    for _ in 0..100 {
        read(&cow, &store, 7).await;
    }
    assert_eq!(spans.lock().seen.len(), before, "a hit has no span");
}

/// As OpenTelemetry's conventions for database clients have them.
#[tokio::test]
async fn a_round_has_the_attributes_of_a_database_s_client() {
    let (spans, _guard) = Spans::listen();
    let (server, store) = (RedisServer::start(), Store::with_items(2));
    let cow = patient().open(&server.url()).await.unwrap();
    cow.with(&store).get_many([1, 2].map(Item::by_id)).await.unwrap();
    let names = ["otel.kind", "db.system.name", "db.operation.name", "db.operation.batch.size"];
    let seen = spans.lock().seen.clone();
    for round in ["claim", "fill"] {
        let span = seen.iter().find(|seen| seen.name == round).expect("it was made");
        assert_eq!(names.map(|name| span.field(name)), ["client", "redis", round, "2"]);
    }
}

#[tokio::test]
async fn whoever_joins_a_load_follows_from_it() {
    let (spans, _guard) = Spans::listen();
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    let gate = store.gate();
    tokio::join!(join_all((0..3).map(|_| read(&cow, &store, 1))), async {
        gate.arrived().await;
        while cow.stats().of("Item").joins < 2 {
            tokio::task::yield_now().await;
        }
        gate.open();
    });
    let loads = spans.loads();
    let [(leader, led), joined @ ..] = &loads[..] else { panic!("{loads:?}") };
    assert_eq!((led.field("outcome"), &*led.follows), ("fetched, stored", &[][..]));
    assert_eq!(joined.len(), 2);
    for (place, load) in joined {
        assert_eq!((load.field("outcome"), &*load.follows), ("joined", &[*leader][..]));
        assert!(spans.within(*place).contains(&"wait"), "{:?}", spans.within(*place));
    }
}

#[tokio::test]
async fn a_batch_is_one_load_and_an_outage_shows() {
    let (spans, _guard) = Spans::listen();
    let (backend, cow, store) = Moody::open();
    cow.with(&store).get_many((1..=5).map(Item::by_id)).await.unwrap();
    let loads = spans.loads();
    let [(place, load)] = &loads[..] else { panic!("{loads:?}") };
    assert_eq!((load.field("reads"), load.field("outcome")), ("5", "fetched, stored"));
    assert_eq!(spans.within(*place), ["claim", "fetch", "fill"]);
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    read(&cow, &store, 9).await;
    assert_eq!(spans.loads()[1].1.field("outcome"), "fetched, cache unreachable");
    store.set_down(true);
    cow.with(&store).get(Item::by_id(10)).await.unwrap_err();
    assert_eq!(spans.loads()[2].1.field("outcome"), "failed");
}

#[tokio::test(start_paused = true)]
async fn a_follower_s_log_is_opened_and_its_batches_are_applied() {
    let (spans, _guard) = Spans::listen();
    let cow = CacheCow::memory();
    let (log, teller) = told_log();
    let follower = cow.follow(log).types::<(Row,)>().name("main").start().await.unwrap();
    follower.caught_up().await.unwrap();
    let opened = spans.of("open_log");
    let [(place, open)] = &opened[..] else { panic!("{opened:?}") };
    let fields = ["log", "db.system.name", "outcome"].map(|name| open.field(name));
    assert_eq!((fields, open.within), (["main", "", "following"], None));
    assert_eq!(spans.within(*place), ["invalidate"], "everything of the type");
    assert!(spans.of("apply_changes").is_empty(), "nothing has changed yet");

    teller.tell(Tell::Change(4711));
    follower.caught_up().await.unwrap();
    let applied = spans.of("apply_changes");
    let [(place, apply)] = &applied[..] else { panic!("{applied:?}") };
    assert_eq!((apply.field("log"), apply.field("rows"), apply.within), ("main", "1", None));
    assert_eq!(spans.within(*place), ["settle", "invalidate"]);
    let (_, invalidate) = spans.of("invalidate").pop().unwrap();
    assert_eq!(["keys", "drops"].map(|name| invalidate.field(name)), ["1", "0"]);
    assert!(!format!("{:?}", spans.lock().seen).contains("4711"), "no key is shown");

    teller.tell(Tell::Fail("told to"));
    while spans.of("open_log").len() < 2 {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    follower.caught_up().await.unwrap();
    assert_eq!(spans.of("open_log")[1].1.field("outcome"), "following");
    assert_eq!(follower.status().opened, 2);
}

#[tokio::test]
async fn a_follower_s_spans_name_its_database() {
    let database = Database::without_setup(&[]).await;
    let setup = Outbox::from_pool(database.pool.clone()).setup_sql::<(Note,)>().unwrap();
    sqlx::raw_sql(&setup).execute(&database.pool).await.unwrap();
    let (spans, _guard) = Spans::listen();
    let cow = CacheCow::memory();
    let outbox = Outbox::connect(database.server.url());
    let follower = cow.follow(outbox).types::<(Note,)>().start().await.unwrap();
    database.run("insert into notes values (4711, 'secret')").await;
    follower.caught_up().await.unwrap();
    for name in ["open_log", "apply_changes"] {
        let (_, span) = spans.of(name).pop().unwrap_or_else(|| panic!("no {name}"));
        assert_eq!(span.field("db.system.name"), "postgresql", "{span:?}");
    }
    let shown = format!("{:?}", spans.lock().seen);
    assert!(!["4711", "secret", "cud"].iter().any(|hidden| shown.contains(hidden)), "{shown}");
}

/// As the counters have them, whichever way they took.
#[tokio::test]
async fn every_hit_is_said_to_those_who_ask() {
    let events = Events::listen("cachecow::hit", tracing::Level::TRACE);
    let (cow, store) = (CacheCow::builder().near(1 << 20).memory().unwrap(), Store::with_items(9));
    let view = cow.with(&store);
    for _ in 0..30 {
        read(&cow, &store, 7).await;
        view.past_near().get(Item::by_id(7)).await.unwrap();
        view.get(Item::by_name("item 7".to_owned())).await.unwrap();
        view.get_many([7, 8].map(Item::by_id)).await.unwrap();
        view.past_near().get_many([7, 8].map(Item::by_id)).await.unwrap();
    }
    let said = events.take();
    let stats = cow.stats().of("Item");
    assert!(stats.hits > 0 && stats.near_hits > 0, "{stats:?}");
    for (source, count) in [("cache", stats.hits), ("near", stats.near_hits)] {
        let of_source = said.iter().filter(|said| said.field("source") == format!("{source:?}"));
        let reads = of_source.map(|said| said.field("reads").parse::<u64>().unwrap());
        assert_eq!(reads.sum::<u64>(), count, "{source}");
    }
    assert!(said.iter().all(|said| said.field("type") == "\"Item\""), "{said:?}");
    assert!(said.iter().all(|said| said.level == tracing::Level::TRACE));
    drop(events);
    let events = Events::listen("cachecow", tracing::Level::TRACE);
    read(&cow, &store, 7).await;
    assert!(
        !events.take().iter().any(|said| said.name == "cachecow.hit"),
        "it has a target of its own"
    );
}
