//! What is exported of a cache, by the crate `metrics`.

#![allow(clippy::float_cmp, clippy::cast_precision_loss, reason = "counts are small whole numbers")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use cachecow::metrics::{Kind, TABLE};
use cachecow::{BackendErrorKind, CacheCow, Cached};
use cachecow_tests::clock::Clock;
use cachecow_tests::members::{Member, Members};
use cachecow_tests::moody::{Mood, Moody};
use cachecow_tests::posts::{Post, Posts};
use cachecow_tests::scraped::{Scraped, page, sample_names};
use cachecow_tests::seen::until_near;
use cachecow_tests::store::{Item, Store};
use cachecow_tests::told_log::{Tell, told_log};
use expect_test::expect_file;
use futures_util::future::join_all;

#[test]
fn the_page_is_made_of_the_table() {
    expect_file!["../../cachecow/docs/metrics.md"].assert_eq(&page());
}

#[test]
fn names_and_units_are_prometheus_own() {
    for metric in TABLE {
        let is_total = metric.name.ends_with("_total");
        assert_eq!(is_total, metric.kind == Kind::Counter, "{}", metric.name);
        let unit = metric.unit.as_str();
        let named = metric.name.ends_with(&format!("_{unit}"));
        assert!(unit == "count" || named, "{} is in {unit}", metric.name);
        assert!(metric.description.ends_with('.'), "{}", metric.name);
    }
}

/// A row of the told log's table.
#[derive(Clone, Debug, Cached)]
#[cache(ttl = "1h", table = "rows")]
#[cache(key = "row:{id}", fetch = Row::find)]
struct Row {
    id: i64,
}

impl Row {
    async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id })
    }
}

async fn read(cow: &CacheCow, store: &Store, id: i64) {
    cow.with(store).get(Item::by_id(id)).await.unwrap().expect("an item");
}

fn reads(source: &str, fill: &str) -> String {
    format!(r#"cachecow_reads_total{{type="Item",source="{source}",fill="{fill}"}}"#)
}

#[tokio::test]
async fn reads_are_counted_by_source_and_fill() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(10));
    let scraped = Scraped::new(cow.metrics());
    for id in [1, 1, 1, 2] {
        read(&cow, &store, id).await;
    }
    cow.with(&store).no_store().get(Item::by_id(3)).await.unwrap();
    assert_eq!(scraped.number(&reads("fetched", "stored")), 2.0);
    assert_eq!(scraped.number(&reads("cache", "skipped")), 2.0);
    assert_eq!(scraped.number(&reads("fetched", "skipped")), 1.0);
    // A fetch that an invalidation overtakes: its caller and whoever joined it.
    let gate = store.gate();
    let overtaken = cow.with(&store).get(Item::by_id(4));
    let (read, ()) = tokio::join!(overtaken, async {
        gate.arrived().await;
        cow.invalidate(Item::by_id(4)).await.unwrap();
        gate.open();
    });
    read.unwrap();
    assert_eq!(scraped.number(&reads("fetched", "refused")), 1.0);
    assert_eq!(scraped.number(r#"cachecow_fills_total{type="Item",outcome="refused"}"#), 1.0);
    assert_eq!(scraped.number(r#"cachecow_invalidations_total{outcome="confirmed"}"#), 1.0);
    store.set_down(true);
    cow.with(&store).get(Item::by_id(5)).await.unwrap_err();
    store.set_down(false);
    assert_eq!(scraped.number(r#"cachecow_fetch_errors_total{type="Item"}"#), 1.0);
    let stats = cow.stats().of("Item");
    let all: f64 = scraped
        .series()
        .iter()
        .filter(|(name, _)| name.contains("reads_total"))
        .map(|(_, n)| n)
        .sum();
    assert_eq!(all, (stats.hits + stats.near_hits + stats.misses + stats.stale) as f64);
}

#[tokio::test]
async fn a_fetch_that_is_saved_is_a_join() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    let scraped = Scraped::new(cow.metrics());
    let gate = store.gate();
    let together = join_all((0..10).map(|_| read(&cow, &store, 1)));
    tokio::join!(together, async {
        gate.arrived().await;
        while cow.stats().of("Item").joins < 9 {
            tokio::task::yield_now().await;
        }
        gate.open();
    });
    assert_eq!(scraped.number(r#"cachecow_joins_total{type="Item"}"#), 9.0);
    assert_eq!(scraped.number(&reads("fetched", "stored")), 10.0, "what became of the one load");
    assert_eq!(scraped.number(r#"cachecow_fills_total{type="Item",outcome="stored"}"#), 1.0);
}

#[tokio::test(start_paused = true)]
async fn an_outage_shows_in_the_circuit_and_in_what_is_pending() {
    let (backend, cow, store) = Moody::open();
    let scraped = Scraped::new(cow.metrics());
    let states = [
        "cachecow_circuit_open",
        "cachecow_circuit_openings_total",
        "cachecow_pending_invalidations",
    ];
    let now = || states.map(|state| scraped.number(state));
    let degraded = |by: &str| scraped.number(&format!(r#"cachecow_degraded{{reason="{by}"}}"#));
    assert_eq!(now(), [0.0; 3]);
    backend.is_now(Mood::Fails(BackendErrorKind::Disconnected));
    for id in 1..=3 {
        read(&cow, &store, id).await;
    }
    cow.invalidate(Item::by_id(1)).await.unwrap_err();
    assert_eq!(now(), [1.0, 1.0, 1.0]);
    assert_eq!([degraded("circuit_open"), degraded("near_deaf")], [1.0, 0.0]);
    assert!(scraped.number(&reads("fetched", "unreachable")) >= 3.0);
    tokio::time::advance(Duration::from_secs(3)).await;
    let age = scraped.number("cachecow_pending_invalidation_age_seconds");
    assert!((3.0..4.0).contains(&age), "{age}");
    backend.is_now(Mood::Sound);
    while cow.stats().pending_invalidations > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(now(), [0.0, 1.0, 0.0]);
    assert_eq!(scraped.number("cachecow_pending_invalidation_age_seconds"), 0.0);
    let invalidations = ["failed", "retried"].map(|outcome| {
        scraped.number(&format!(r#"cachecow_invalidations_total{{outcome="{outcome}"}}"#))
    });
    assert_eq!(invalidations, [1.0, 1.0]);
}

#[tokio::test(start_paused = true)]
async fn a_fetch_is_timed_within_a_sixteenth_and_handed_on_once() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    let scraped = Scraped::new(cow.metrics());
    let gate = store.gate();
    tokio::join!(read(&cow, &store, 1), async {
        gate.arrived().await;
        tokio::time::advance(Duration::from_millis(1500)).await;
        gate.open();
    });
    let of = |what: &str| {
        format!(r#"cachecow_fetch_duration_seconds_{what}{{type="Item",outcome="ok"}}"#)
    };
    for _ in 0..3 {
        assert_eq!(scraped.number(&of("count")), 1.0, "however often it is scraped");
        let sum = scraped.number(&of("sum"));
        assert!((sum - 1.5).abs() < 1.5 / 16.0, "{sum}");
    }
}

#[tokio::test]
async fn one_read_in_64_is_timed_once_it_is_exported() {
    const READS: u32 = 6_400;
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    let count = r#"cachecow_read_duration_seconds_count{type="Item",source="cache",outcome="ok"}"#;
    read(&cow, &store, 1).await;
    for _ in 0..READS {
        read(&cow, &store, 1).await;
    }
    let scraped = Scraped::new(cow.metrics());
    assert!(!scraped.series().contains_key(count), "none was timed before");
    for _ in 0..READS {
        read(&cow, &store, 1).await;
    }
    // Ten standard deviations around a hundred.
    let timed = scraped.number(count);
    assert!((1.0..200.0).contains(&timed), "{timed} of {READS}");
}

/// How many reads were timed, by their labels.
fn timed(scraped: &Scraped) -> BTreeMap<String, f64> {
    let name = "cachecow_read_duration_seconds_count";
    let of = |(series, count): (String, f64)| Some((series.strip_prefix(name)?.to_owned(), count));
    scraped.series().into_iter().filter_map(of).collect()
}

/// Reads again and again, until one more read was timed; its labels.
async fn until_timed(scraped: &Scraped, read: impl AsyncFn()) -> String {
    let before = timed(scraped);
    for _ in 0..10_000 {
        read().await;
        let mut now = timed(scraped);
        now.retain(|labels, count| before.get(labels) != Some(count));
        if let Some((labels, count)) = now.pop_first() {
            let more = count - before.get(&labels).unwrap_or(&0.0);
            assert_eq!((more, now.len()), (1.0, 0), "one call is one read");
            return labels;
        }
    }
    panic!("one in 64 is timed, and this never was");
}

fn labels(r#type: &str, source: &str) -> String {
    format!(r#"{{type="{type}",source="{source}",outcome="ok"}}"#)
}

#[tokio::test]
async fn a_batch_is_timed_once_under_the_last_of_its_sources() {
    let (clock, store) = (Clock::new(), Arc::new(Store::with_items(3)));
    let builder = CacheCow::builder().clock(clock.reader());
    let cow = builder.near(1 << 20).stale_if_error(Duration::from_secs(3600)).memory().unwrap();
    until_near(&cow, &store, [1, 2]).await;
    let scraped = Scraped::new(cow.metrics());
    let many = [1, 2, 3].map(Item::by_id);
    let view = cow.with(&*store);
    let near = async || drop(view.get_many(many[..2].to_vec()).await.unwrap());
    assert_eq!(until_timed(&scraped, near).await, labels("Item", "near"));
    let cached = async || drop(view.past_near().get_many(many[..2].to_vec()).await.unwrap());
    assert_eq!(until_timed(&scraped, cached).await, labels("Item", "cache"));
    // Two are near, and the third is fetched each time.
    let fetched = async || drop(view.no_store().get_many(many.clone()).await.unwrap());
    assert_eq!(until_timed(&scraped, fetched).await, labels("Item", "fetched"));
    let shared = cow.with_shared(&store);
    let fetched = async || drop(shared.no_store().get_many(many.clone()).await.unwrap());
    assert_eq!(until_timed(&scraped, fetched).await, labels("Item", "fetched"));
    // Past their time, and they cannot be fetched.
    clock.advance(Duration::from_secs(900));
    store.set_down(true);
    let stale = async || drop(view.past_near().get_many(many[..2].to_vec()).await.unwrap());
    assert_eq!(until_timed(&scraped, stale).await, labels("Item", "stale"));
    // Nothing was asked for.
    let before = timed(&scraped);
    for _ in 0..1_000 {
        view.get_many((1..1).map(Item::by_id)).await.unwrap();
    }
    assert_eq!(timed(&scraped), before);
}

#[tokio::test]
async fn a_list_is_timed_once_with_its_objects() {
    let (cow, posts) = (CacheCow::memory(), Arc::new(Posts::by([7], 3)));
    let (view, shared) = (cow.with(&*posts), cow.with_shared(&posts));
    view.list(Post::list_by_author_id(7)).await.unwrap();
    let scraped = Scraped::new(cow.metrics());
    for is_shared in [false, true] {
        let list = async || {
            let list = Post::list_by_author_id(7);
            let objects = if is_shared { shared.list(list).await } else { view.list(list).await };
            assert_eq!(objects.unwrap().len(), 3);
        };
        assert_eq!(until_timed(&scraped, &list).await, labels("Post::list_by_author_id", "cache"));
        // The list is cached, and one of its objects is not.
        let with_a_fetch = async || {
            cow.invalidate(Post::by_id(700)).await.unwrap();
            list().await;
        };
        assert_eq!(
            until_timed(&scraped, with_a_fetch).await,
            labels("Post::list_by_author_id", "fetched")
        );
    }
}

#[tokio::test]
async fn a_read_that_fails_is_timed_too() {
    let (cow, store) = (CacheCow::memory(), Arc::new(Store::with_items(3)));
    let scraped = Scraped::new(cow.metrics());
    store.set_down(true);
    let (view, shared) = (cow.with(&*store), cow.with_shared(&store));
    let many = || [1, 2].map(Item::by_id);
    let failed = r#"{type="Item",source="none",outcome="error"}"#;
    let one = async || drop(view.get(Item::by_id(1)).await.unwrap_err());
    assert_eq!(until_timed(&scraped, one).await, failed);
    let one = async || drop(shared.get(Item::by_id(1)).await.unwrap_err());
    assert_eq!(until_timed(&scraped, one).await, failed);
    let batch = async || drop(view.get_many(many()).await.unwrap_err());
    assert_eq!(until_timed(&scraped, batch).await, failed);
    let batch = async || drop(shared.get_many(many()).await.unwrap_err());
    assert_eq!(until_timed(&scraped, batch).await, failed);
    let reads = timed(&scraped);
    assert_eq!(reads.keys().collect::<Vec<_>>(), [failed], "under this alone");
    // What takes an error's place is a read like any other.
    store.set_down(false);
    let one = async || drop(view.no_store().get(Item::by_id(1)).await.unwrap());
    assert_eq!(until_timed(&scraped, one).await, labels("Item", "fetched"));
}

#[tokio::test]
async fn a_list_that_fails_is_timed_too() {
    let (cow, posts) = (CacheCow::memory(), Arc::new(Posts::by([7], 3)));
    let scraped = Scraped::new(cow.metrics());
    posts.set_down(true);
    let failed = r#"{type="Post::list_by_author_id",source="none",outcome="error"}"#;
    let (view, shared) = (cow.with(&*posts), cow.with_shared(&posts));
    let list = async || drop(view.list(Post::list_by_author_id(7)).await.unwrap_err());
    assert_eq!(until_timed(&scraped, list).await, failed);
    let list = async || drop(shared.list(Post::list_by_author_id(7)).await.unwrap_err());
    assert_eq!(until_timed(&scraped, list).await, failed);
}

#[tokio::test(start_paused = true)]
async fn the_time_of_a_batch_is_that_of_the_call() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(2));
    let scraped = Scraped::new(cow.metrics());
    let slow = async || {
        let gate = store.gate();
        let read = cow.with(&store).no_store().get_many([1, 2].map(Item::by_id));
        let (read, ()) = tokio::join!(read, async {
            gate.arrived().await;
            tokio::time::advance(Duration::from_millis(1500)).await;
            gate.open();
        });
        read.unwrap();
    };
    let labels = until_timed(&scraped, slow).await;
    let sum = scraped.number(&format!("cachecow_read_duration_seconds_sum{labels}"));
    assert!((sum - 1.5).abs() < 1.5 / 16.0, "{sum}");
}

/// Keys never are labels, and what is used more has no more series.
#[tokio::test]
async fn there_are_no_keys_in_it_and_no_more_series_with_more_keys() {
    let cow = CacheCow::builder().near(1 << 20).memory().unwrap();
    let (store, members) = (Store::with_items(500), Members::with(500));
    let scraped = Scraped::new(cow.metrics().label("cache", "all"));
    let mut lens = BTreeSet::new();
    for ids in [1..=10_u32, 11..=500] {
        for id in ids {
            cow.with(&store).get(Item::by_id(i64::from(id))).await.unwrap();
            cow.with(&store).get(Item::by_name(format!("item {id}"))).await.unwrap();
            cow.with(&members).get(Member::by_id(id)).await.unwrap();
            cow.invalidate(Member::tag_org(id)).await.unwrap();
        }
        let mut series: Vec<String> = scraped.series().into_keys().collect();
        series.retain(|series| !series.contains("_bucket{") && !series.contains("duration"));
        assert!(series.iter().all(|series| series.contains(r#"cache="all""#)), "{series:?}");
        assert!(!series.iter().any(|series| series.contains("item ")), "{series:?}");
        let of_items = series.iter().filter(|series| series.contains(r#"type="Item""#)).count();
        assert_eq!(of_items, 26, "{series:#?}");
        lens.insert(series.len());
    }
    assert_eq!(lens.len(), 1, "{lens:?}");
}

/// Of one program that does all there is to do.
#[tokio::test]
async fn every_metric_of_the_table_is_exported_and_no_other() {
    let cow = CacheCow::builder().near(1 << 20).memory().unwrap();
    let store = Store::with_items(3);
    let scraped = Scraped::new(cow.metrics());
    until_near(&cow, &store, [1]).await;
    let (log, teller) = told_log();
    let follower = cow.follow(log).types::<Row>().name("main").start().await.unwrap();
    teller.tell(Tell::Change(7));
    follower.caught_up().await.unwrap();
    while !scraped.text().contains("cachecow_read_duration_seconds_count") {
        read(&cow, &store, 1).await;
    }
    let text = scraped.text();
    let name = |line: &str| line.split(['{', ' ']).next().unwrap_or_default().to_owned();
    let exported: BTreeSet<String> =
        text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(name).collect();
    let names = TABLE.iter().flat_map(|metric| sample_names(metric.name, metric.kind));
    assert_eq!(exported, names.collect());
    for metric in TABLE {
        let described = format!("# HELP {} {}", metric.name, metric.description);
        assert!(text.contains(&described), "{described}\n{text}");
    }
    assert!(text.contains(r#"cachecow_log_rows_total{log="main"} 1"#), "{text}");
    assert!(text.contains(r#"cachecow_log_following{log="main"} 1"#), "{text}");
}

#[tokio::test(start_paused = true)]
async fn it_is_collected_again_and_again_until_the_cache_is_gone() {
    let (cow, store) = (CacheCow::memory(), Store::with_items(1));
    let exporter = tokio::spawn(cow.metrics().run(Duration::from_secs(10)));
    read(&cow, &store, 1).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(!exporter.is_finished());
    drop(cow);
    exporter.await.unwrap();
}

#[tokio::test]
async fn the_statistics_are_json_too() {
    let (cow, store) = (CacheCow::memory(), Arc::new(Store::with_items(1)));
    read(&cow, &store, 1).await;
    let stats = serde_json::to_value(cow.stats()).unwrap();
    assert_eq!(stats["types"]["Item"]["misses"], 1);
    assert_eq!(stats["oldest_pending"], 0.0);
    assert_eq!(stats["circuit_open"], false);
}
