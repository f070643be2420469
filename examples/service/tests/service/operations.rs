//! Operations: metrics, health, and changes made by hand that the service sees.

use cachecow::log::setup_sql;
use cachecow_tests::followed::{SETTINGS, statements};
use cachecow_tests::servers::{PostgresServer, RedisServer};
use reqwest::StatusCode;
use serde_json::{Value, json};
use service::app::{App, Followed};

use crate::support::{Servers, Service, until};

#[tokio::test]
async fn what_is_read_is_counted_for_prometheus() {
    let servers = Servers::start();
    // Two services in one process have separate counts.
    let (service, other) = (servers.service().await, servers.service().await);
    let path = format!("/users/{}", service.user("ada").await);
    for _ in 0..3 {
        service.client.get(&path).await.expect(StatusCode::OK);
    }
    let text = service.client.text("/metrics").await;
    for line in [
        "# TYPE cachecow_reads_total counter",
        r#"cachecow_reads_total{type="User",source="fetched",fill="stored"} 1"#,
        r#"cachecow_reads_total{type="User",source="cache",fill="skipped"} 2"#,
        "cachecow_circuit_open 0",
    ] {
        assert!(text.lines().any(|each| each == line), "{line}: {text}");
    }
    assert!(!other.client.text("/metrics").await.contains(r#"type="User""#));
}

#[tokio::test]
async fn the_service_is_ready_and_says_what_a_person_should_look_at() {
    let mut servers = Servers::start();
    let service = servers.service().await;
    let health = async || service.client.get("/healthz").await.expect(StatusCode::OK);
    assert_eq!(health().await, json!({ "ready": true, "degraded": [] }));
    servers.redis.kill();
    until(async || {
        service.client.get("/users/1").await.expect(StatusCode::NOT_FOUND);
        health().await["degraded"] != json!([])
    })
    .await;
    let health = health().await;
    assert_eq!(
        (&health["ready"], &health["degraded"][0]["by"]),
        (&json!(true), &json!("circuit_open"))
    );
    assert!(service.client.text("/metrics").await.contains("cachecow_circuit_open 1\n"));
}

/// A stale object is found and reported.
#[tokio::test]
async fn a_change_by_hand_is_found_by_the_auditor() {
    let servers = Servers::start();
    let service = servers.service().await;
    service.app.audit(1);
    let path = format!("/users/{}", service.user("ada").await);
    service.client.get(&path).await.expect(StatusCode::OK);
    run(&service.app, "UPDATE users SET name = 'Eve'").await;
    let found = r#"cachecow_audits_total{type="User",outcome="confirmed_stale"} 1"#;
    until(async || {
        let read = service.client.get(&path).await.expect(StatusCode::OK);
        assert_eq!(read["name"], "ada", "the log is not followed");
        service.client.text("/metrics").await.contains(found)
    })
    .await;
}

/// Users and posts of a database that anybody may change.
struct Shared {
    /// The servers live as long as the service.
    _servers: (PostgresServer, RedisServer),
    service: Service,
}

/// A service that follows the log of a database that was prepared for it.
async fn following(redis_url: impl Fn(&RedisServer) -> String) -> Shared {
    let (postgres, redis) = (PostgresServer::start_with(SETTINGS), RedisServer::start());
    let url = redis_url(&redis);
    let app = App::open(&postgres.url(), &url).await.expect("both are there");
    for statement in statements(&setup_sql::<Followed>()) {
        run(&app, &statement).await;
    }
    app.follow(&postgres.url(), &url)
        .await
        .expect("it is prepared")
        .caught_up()
        .await
        .expect("read");
    Shared { _servers: (postgres, redis), service: Service::start(app).await }
}

/// Runs any SQL.
async fn run(app: &App, sql: &str) {
    sqlx::raw_sql(sql).execute(&app.db).await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// After a row was changed by SQL, every cached value that depends on it is fetched again.
async fn a_change_by_hand_is_seen(redis_url: impl Fn(&RedisServer) -> String) {
    let Shared { service, _servers } = following(redis_url).await;
    let (ada, bea) = (service.user("ada").await, service.user("bea").await);
    let id = service.post(ada, "one").await;
    let paths = [
        format!("/users/{ada}"),
        "/users?email=ada@example.org".to_owned(),
        "/users?email=eve@example.org".to_owned(),
        format!("/posts/{id}"),
        format!("/authors/{ada}/posts"),
        format!("/authors/{bea}/posts"),
        "/posts/latest".to_owned(),
    ];
    let seen = async || {
        let mut seen = Vec::new();
        for path in &paths {
            let answer = service.client.get(path).await;
            seen.push(if answer.status == StatusCode::OK { answer.body } else { Value::Null });
        }
        seen
    };
    let before = seen().await;
    assert_eq!(seen().await, before, "cached");
    let sql = format!(
        "BEGIN; UPDATE users SET name = 'Eve', email = 'eve@example.org' WHERE id = {ada};
         UPDATE posts SET title = 'two', author_id = {bea} WHERE id = {id}; COMMIT;"
    );
    run(&service.app, &sql).await;
    let user = json!({ "id": ada, "email": "eve@example.org", "name": "Eve" });
    let post = json!({ "id": id, "author_id": bea, "title": "two", "body": "…" });
    let after = [
        user.clone(),
        Value::Null,
        user,
        post.clone(),
        json!([]),
        json!([post.clone()]),
        json!([post]),
    ];
    assert!(before.iter().zip(&after).all(|(before, after)| before != after), "{before:?}");
    until(async || seen().await == after).await;
    service.agrees_with_the_database(&paths).await;
    let text = service.client.text("/metrics").await;
    assert!(text.contains(r#"cachecow_log_following{log="log"} 1"#), "{text}");
}

#[tokio::test]
async fn a_change_by_hand_is_seen_through_redis() {
    a_change_by_hand_is_seen(RedisServer::url).await;
}

#[tokio::test]
async fn a_change_by_hand_is_seen_in_the_process_s_own_memory() {
    a_change_by_hand_is_seen(|_| "memory://".to_owned()).await;
}
