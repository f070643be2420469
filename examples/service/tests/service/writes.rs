//! The results of writes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum::routing::put;
use cachecow::{Fill, Source};
use reqwest::StatusCode;
use service::app::App;
use service::errors::AppError;
use service::routes::router;
use service::users::{User, UserFields};
use tokio::sync::Semaphore;

use crate::support::{Servers, Service, until, user};

#[tokio::test]
async fn an_e_mail_address_belongs_to_one_user() {
    let servers = Servers::start();
    let Service { client, app, .. } = &servers.service().await;
    let ada = client.post("/users", &user("ada", "Ada")).await.expect(StatusCode::CREATED);
    let bea = client.post("/users", &user("bea", "Bea")).await.expect(StatusCode::CREATED);
    let path = format!("/users/{}", bea["id"]);
    for taken in [
        client.post("/users", &user("ADA", "Eve")).await,
        client.put(&path, &user("ada", "Bea")).await,
    ] {
        assert_eq!(taken.refusal(StatusCode::CONFLICT), "another user has this e-mail address");
    }
    // The database's own error came through `write` as it was.
    let fields = UserFields { email: "ada@example.org".to_owned(), name: "Eve".to_owned() };
    let error = User::insert(app, fields).await.expect_err("the address is taken");
    let database = error.database().and_then(sqlx::Error::as_database_error);
    let database = database.expect("the database's error is kept");
    assert_eq!((database.constraint(), database.table()), (Some("users_email_key"), Some("users")));
    // And nothing changed.
    assert_eq!(client.get("/users?email=ada@example.org").await.expect(StatusCode::OK), ada);
    assert_eq!(client.get("/users?email=bea@example.org").await.expect(StatusCode::OK), bea);
    assert_eq!(client.get(&path).await.expect(StatusCode::OK), bea);
}

/// Reports when a handler is dropped before it has answered.
fn telling_of_dropped(router: Router, dropped: Arc<Semaphore>) -> Router {
    struct Tell(Arc<Semaphore>);
    impl Drop for Tell {
        fn drop(&mut self) {
            self.0.add_permits(1);
        }
    }
    router.layer(from_fn(move |request: Request, next: Next| {
        let dropped = Arc::clone(&dropped);
        async move {
            let tell = Tell(dropped);
            let response: Response = next.run(request).await;
            std::mem::forget(tell);
            response
        }
    }))
}

/// Lets a client disconnect while its write of a user waits for the database, and lets the database go on when the
/// handler is gone.
async fn disconnects(service: &Service, dropped: &Semaphore, path: &str, id: i64) {
    let db = &service.app.db;
    let mut transaction = db.begin().await.expect("the database is there");
    let lock = sqlx::query("SELECT 1 FROM users WHERE id = $1 FOR UPDATE").bind(id);
    lock.execute(&mut *transaction).await.expect("the user exists");
    let (client, path) = (service.client.clone(), path.to_owned());
    let writing = tokio::spawn(async move { client.put(&path, &user("ann", "Bea")).await });
    until(async || {
        let waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        let waiting: i64 = sqlx::query_scalar(waiting).fetch_one(db).await.expect("a number");
        waiting == 1
    })
    .await;
    writing.abort();
    drop(dropped.acquire().await);
    transaction.commit().await.expect("the database is there");
}

/// The name in the database.
async fn name(app: &App, id: i64) -> String {
    let name = sqlx::query_scalar("SELECT name FROM users WHERE id = $1").bind(id);
    name.fetch_one(&app.db).await.expect("the user exists")
}

#[tokio::test]
async fn a_write_ends_though_its_client_disconnects() {
    let servers = Servers::start();
    let app = servers.app().await;
    let dropped = Arc::new(Semaphore::new(0));
    let router = telling_of_dropped(router(&app), Arc::clone(&dropped));
    let service = Service::with_router(app, router).await;
    let id = service.user("ann").await;
    disconnects(&service, &dropped, &format!("/users/{id}"), id).await;
    // Waits for the write, which runs in its own task.
    service.app.cow.close().await.expect("Redis was told");
    assert_eq!(name(&service.app, id).await, "Bea");
    // Its hold is released: any process can cache the user again.
    let other = servers.app().await;
    let read = other.cached().read(User::by_id(id)).await.expect("it is there");
    assert_eq!(read.value.expect("the user exists").name, "Bea");
    assert!(read.source == Source::Cache || read.fill == Fill::Stored, "{:?}", read.fill);
}

/// The control: the same write in the handler's own task is dropped half-way, and the database still commits.
/// Nothing stale is served, because the hold stays; but it stays for a minute.
#[tokio::test]
async fn a_write_in_the_handler_s_own_task_keeps_its_hold() {
    async fn rename(State(app): State<App>, Path(id): Path<i64>) -> Result<(), AppError> {
        let update = sqlx::query("UPDATE users SET name = 'Bea' WHERE id = $1").bind(id);
        let work = async { Ok(update.execute(&app.db).await?) };
        app.cow.write(User::by_id(id), work).await.map(|_| ())
    }
    let servers = Servers::start();
    let app = servers.app().await;
    let dropped = Arc::new(Semaphore::new(0));
    let naive = Router::new().route("/naive/{id}", put(rename)).with_state(app.clone());
    let router = telling_of_dropped(router(&app).merge(naive), Arc::clone(&dropped));
    let service = Service::with_router(app, router).await;
    let id = service.user("ann").await;
    disconnects(&service, &dropped, &format!("/naive/{id}"), id).await;
    until(async || name(&service.app, id).await == "Bea").await;
    for _ in 0..10 {
        let read = service.app.cached().read(User::by_id(id)).await.expect("it is there");
        assert_eq!(read.value.expect("the user exists").name, "Bea");
        assert!(read.source == Source::Fetched && read.fill != Fill::Stored, "{:?}", read.fill);
    }
}
