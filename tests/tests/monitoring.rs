//! The dashboard and the alert rules, held against the table of the metrics, and against a real Prometheus.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachecow::CacheCow;
use cachecow::metrics::TABLE;
use cachecow_tests::clock::Clock;
use cachecow_tests::lossy::Vague;
use cachecow_tests::monitoring::{ALERTS, PANELS, dashboard, lines, names, picture, rules};
use cachecow_tests::patient::patient;
use cachecow_tests::scraped::{Scraped, sample_names};
use cachecow_tests::seen::until_near;
use cachecow_tests::servers::{Prometheus, RedisServer};
use cachecow_tests::store::{Item, Store};
use cachecow_tests::told_log::{Row, Tell, Teller, told_log};
use expect_test::expect_file;
use futures_util::future::join_all;
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

#[test]
fn the_files_are_made_of_the_table() {
    expect_file!["../../examples/grafana/dashboard.json"].assert_eq(&dashboard());
    expect_file!["../../examples/grafana/alerts.yaml"].assert_eq(&rules(false));
}

#[test]
fn they_name_no_metric_that_there_is_not_and_draw_nearly_all() {
    let all: BTreeSet<String> =
        TABLE.iter().flat_map(|metric| sample_names(metric.name, metric.kind)).collect();
    let mut drawn = BTreeSet::new();
    let queries = PANELS.iter().flat_map(|panel| panel.queries).map(|(_, query)| *query);
    for expression in queries.chain(ALERTS.iter().map(|alert| alert.expression)) {
        for name in names(expression) {
            assert!(all.contains(name), "{name} in {expression}");
            drawn.insert(name);
        }
    }
    let left = TABLE.iter().filter(|metric| {
        !sample_names(metric.name, metric.kind).iter().any(|name| drawn.contains(&**name))
    });
    let left: Vec<_> = left.map(|metric| metric.name).collect();
    let known = [
        "cachecow_waits_total",
        "cachecow_background_loads_total",
        "cachecow_circuit_openings_total",
        "cachecow_near_entries",
        "cachecow_log_lag_bytes",
    ];
    assert_eq!(left, known, "what no graph shows");
}

#[test]
fn every_rule_passes_promtool() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/grafana/alerts.yaml");
    Prometheus::check_rules(&rules);
}

/// A service that reads and writes, and whatever may go wrong.
struct Service {
    cow: CacheCow,
    store: Arc<Store>,
    clock: Clock,
    teller: Teller,
}

impl Service {
    async fn start(server: &RedisServer) -> Self {
        let clock = Clock::new();
        let builder =
            patient().clock(clock.reader()).near(1 << 20).stale_if_error(Duration::from_secs(3600));
        let cow = builder.open(&server.url()).await.unwrap();
        let store = Arc::new(Store::with_items(100));
        let auditor = cow.auditor().context(Arc::clone(&store)).one_in(1).grace(Duration::ZERO);
        tokio::spawn(auditor.run());
        let (log, teller) = told_log();
        let follower = cow.follow(log).types::<(Row,)>().name("main").start().await.unwrap();
        follower.caught_up().await.unwrap();
        Self { cow, store, clock, teller }
    }

    async fn read(&self, id: i64) {
        self.cow.with(&*self.store).get(Item::by_id(id)).await.unwrap();
    }

    /// What goes on all the time: near hits, hits, misses, joins, refused fills.
    async fn work(&self) {
        for id in 1..=20 {
            self.read(id).await;
            self.cow.with(&*self.store).past_near().get(Item::by_id(id)).await.unwrap();
        }
        let gate = self.store.gate();
        let together = join_all([30, 30, 30].map(|id| self.read(id)));
        tokio::join!(together, async {
            gate.arrived().await;
            // It may fail: then it is pending.
            let _ = self.cow.invalidate(Item::by_id(30)).await;
            gate.open();
        });
        let _ = self.cow.invalidate_many((1..=10).map(Item::by_id)).await;
        let _ = self.cow.get(Vague::by_id(1)).await;
        self.teller.tell(Tell::Change(1));
    }

    /// Works until something holds of what was scraped.
    async fn until(&self, prometheus: &Prometheus, expression: &str) {
        let all = async {
            while query(prometheus, expression).await.is_empty() {
                self.work().await;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        // A scrape that a busy machine delays is lost, and what an alert waits for begins anew.
        let waited = tokio::time::timeout(Duration::from_secs(300), all).await;
        waited.unwrap_or_else(|_| panic!("{expression} never has data"));
    }
}

/// Serves what is scraped, at the address that it returns.
async fn serve(scraped: Scraped) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let body = scraped.text();
            let answer = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {}\r\n\
                 Connection: close\r\n\r\n{body}",
                body.len()
            );
            // The question has one line that matters, and one answer.
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// The series that an expression gives now, but for those that are no number.
async fn query(prometheus: &Prometheus, expression: &str) -> Vec<Value> {
    let answer = ask(prometheus, "query", &[("query", expression)]).await;
    let series = answer["data"]["result"].as_array().expect("a vector").clone();
    series.into_iter().filter(|one| one["value"][1] != "NaN").collect()
}

async fn ask(prometheus: &Prometheus, what: &str, parameters: &[(&str, &str)]) -> Value {
    let url = format!("{}/api/v1/{what}", prometheus.url());
    let url = reqwest::Url::parse_with_params(&url, parameters).unwrap();
    let answer = reqwest::get(url).await.unwrap().text().await.unwrap();
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["status"], "success", "{parameters:?}: {answer}");
    answer
}

/// Draws what was seen, if `CACHECOW_PICTURE` names a file for it.
async fn draw(prometheus: &Prometheus, from: SystemTime) {
    let Some(file) = std::env::var_os("CACHECOW_PICTURE") else { return };
    let seconds = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let range = (seconds(from), seconds(SystemTime::now()));
    let (start, end) = (range.0.to_string(), range.1.to_string());
    let mut panels = Vec::new();
    for panel in PANELS {
        let mut drawn = Vec::new();
        for (legend, expression) in panel.queries {
            let expression = asked(expression);
            let range =
                [("query", &*expression), ("start", &start), ("end", &end), ("step", "0.25")];
            drawn.extend(lines(legend, &ask(prometheus, "query_range", &range).await));
        }
        panels.push(drawn);
    }
    std::fs::write(file, picture(&panels, range)).unwrap();
}

/// As Grafana asks.
fn asked(expression: &str) -> String {
    expression.replace("$__rate_interval", "5s").replace("$job", ".*").replace("$type", ".*")
}

/// Every graph has data, and every alert fires, while a service has what it has, and nothing is left of the alerts when
/// it is over.
#[tokio::test(flavor = "multi_thread")]
async fn every_expression_has_data_and_every_alert_fires() {
    let began = SystemTime::now();
    let mut server = RedisServer::start();
    let service = Service::start(&server).await;
    let address = serve(Scraped::new(service.cow.metrics())).await;
    let quick = rules(true).replace("> 60\"", "> 1\"").replace("> 30\"", "> 1\"");
    let prometheus = Prometheus::start(&address.to_string(), &quick);
    let fires = |alert: &str| format!(r#"ALERTS{{alertname="{alert}", alertstate="firing"}}"#);

    within(until_near(&service.cow, &service.store, [1])).await;
    service.until(&prometheus, &fires("CachecowTypeNotCached")).await;
    // A row that somebody changes by hand.
    service.store.bump(15);
    service.until(&prometheus, &fires("CachecowStaleObjects")).await;
    for panel in PANELS {
        for (_, expression) in panel.queries {
            service.until(&prometheus, &asked(expression)).await;
        }
    }
    // The database is down, and what is in the cache is past its time.
    service.cow.invalidate(Item::by_id(50)).await.unwrap();
    service.read(50).await;
    service.clock.advance(Duration::from_secs(1200));
    service.store.set_down(true);
    within(async {
        while query(&prometheus, &fires("CachecowStaleServed")).await.is_empty() {
            let view = service.cow.with(&*service.store).past_near();
            let _ = view.get(Item::by_id(50)).await;
        }
    })
    .await;
    service.store.set_down(false);
    // The log is behind, and then it cannot be read.
    service.teller.grow(1_000_000);
    service.until(&prometheus, &fires("CachecowChangeLogBehind")).await;
    let down = fires("CachecowChangeLogDown");
    within(async {
        while query(&prometheus, &down).await.is_empty() {
            service.teller.tell(Tell::Fail("told to"));
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    // The cache is full.
    let mut control = server.connection().await;
    limit(&mut control, "1").await;
    service.until(&prometheus, &fires("CachecowRefused")).await;
    limit(&mut control, "0").await;
    // It is killed.
    server.kill();
    for alert in ["CachecowCircuitOpen", "CachecowInvalidationsPending", "CachecowNearDeaf"] {
        service.until(&prometheus, &fires(alert)).await;
    }
    let ever = r#"count by (alertname) (max_over_time(ALERTS{alertstate="firing"}[1h]))"#;
    let name = |one: &Value| one["metric"]["alertname"].as_str().expect("a name").to_owned();
    let fired: BTreeSet<String> = query(&prometheus, ever).await.iter().map(name).collect();
    assert_eq!(fired, ALERTS.iter().map(|alert| alert.name.to_owned()).collect());
    // It comes back.
    server.restart();
    let over = r#"up == 1 and on() absent(ALERTS{alertname=~"Cachecow(CircuitOpen|InvalidationsPending|NearDeaf)", alertstate="firing"})"#;
    service.until(&prometheus, over).await;
    draw(&prometheus, began).await;
}

/// Sets how much memory the server may take.
async fn limit(control: &mut redis::aio::MultiplexedConnection, bytes: &str) {
    let set = ["CONFIG", "SET", "maxmemory", bytes];
    let mut command = redis::cmd(set[0]);
    set[1..].iter().for_each(|argument| {
        command.arg(*argument);
    });
    let _: redis::Value = command.query_async(control).await.expect("the server does so");
}

async fn within(future: impl Future<Output = ()>) {
    tokio::time::timeout(Duration::from_secs(300), future).await.expect("within five minutes");
}
