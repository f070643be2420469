//! The servers, the service, and a client.

use std::future::Future;

use axum::Router;
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{PostgresServer, RedisServer};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use service::app::App;
use service::routes::router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A database and a Redis, for services of one test.
pub(crate) struct Servers {
    pub(crate) postgres: PostgresServer,
    pub(crate) redis: RedisServer,
}

impl Servers {
    pub(crate) fn start() -> Self {
        Self { postgres: PostgresServer::start(), redis: RedisServer::start() }
    }

    pub(crate) async fn app(&self) -> App {
        let app = App::open(&self.postgres.url(), &self.redis.url()).await;
        // A busy machine must not pass for an outage.
        let cow = patient().open(&self.redis.url()).await.expect("a valid address");
        App::new(app.expect("both are there").db, cow)
    }

    /// One more process of the service.
    pub(crate) async fn service(&self) -> Service {
        Service::start(self.app().await).await
    }
}

/// Like a separate process of the service: it has its own connections and memory.
pub(crate) struct Service {
    pub(crate) app: App,
    pub(crate) client: Client,
    serving: JoinHandle<()>,
}

impl Service {
    pub(crate) async fn start(app: App) -> Self {
        let router = router(&app);
        Self::with_router(app, router).await
    }

    pub(crate) async fn with_router(app: App, router: Router) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a loopback port");
        let client = Client::of(&listener);
        let serving = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("serves as long as the test");
        });
        Self { app, client, serving }
    }

    pub(crate) async fn stats(&self) -> Value {
        self.client.get("/stats").await.expect(StatusCode::OK)
    }

    /// A user with this name, and an address made of it.
    pub(crate) async fn user(&self, name: &str) -> i64 {
        let made = self.client.post("/users", &user(name, name)).await;
        made.expect(StatusCode::CREATED)["id"].as_i64().expect("an id")
    }

    pub(crate) async fn post(&self, author: i64, title: &str) -> i64 {
        let path = format!("/authors/{author}/posts");
        let made = self.client.post(&path, &post(title)).await;
        made.expect(StatusCode::CREATED)["id"].as_i64().expect("an id")
    }

    /// Checks that every read equals the same read without the cache.
    pub(crate) async fn agrees_with_the_database(&self, paths: &[String]) {
        for path in paths {
            let cached = self.client.get(path).await;
            let uncached = self.client.get(&format!("/uncached{path}")).await;
            assert_eq!(cached, uncached, "{path}");
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// The fields of a user.
pub(crate) fn user(mailbox: &str, name: &str) -> Value {
    json!({ "email": format!("{mailbox}@example.org"), "name": name })
}

/// The fields of a post.
pub(crate) fn post(title: &str) -> Value {
    json!({ "title": title, "body": "…" })
}

#[derive(Clone, Debug)]
pub(crate) struct Client {
    base: String,
    http: reqwest::Client,
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) body: Value,
    pub(crate) retry_after: bool,
}

impl Answer {
    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: StatusCode) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// What the client is told, if the status is this one.
    #[track_caller]
    pub(crate) fn refusal(self, status: StatusCode) -> String {
        self.expect(status)["error"].as_str().expect("a message").to_owned()
    }
}

impl Client {
    /// Makes a client of the service that will listen there.
    pub(crate) fn of(listener: &TcpListener) -> Self {
        let address = listener.local_addr().expect("it is bound");
        Self::at(format!("http://{address}"))
    }

    pub(crate) fn at(base: String) -> Self {
        Self { base, http: reqwest::Client::new() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body.to_string())).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, Some(body.to_string())).await
    }

    /// Reads an answer that is not JSON.
    pub(crate) async fn text(&self, path: &str) -> String {
        let response = self.http.get(format!("{}{path}", self.base)).send().await;
        let response = response.expect("the service answers");
        assert_eq!(response.status(), StatusCode::OK);
        response.text().await.expect("the whole answer")
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: Option<String>) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body);
        }
        let response = request.send().await.expect("the service answers");
        let status = response.status();
        let retry_after = response.headers().contains_key("retry-after");
        let body = response.bytes().await.expect("the whole answer");
        let body = if body.is_empty() {
            Value::Null
        } else {
            serde_json::from_slice(&body).expect("every answer is JSON")
        };
        Answer { status, body, retry_after }
    }
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(mut condition: impl FnMut() -> F) {
    while !condition().await {
        tokio::task::yield_now().await;
    }
}
