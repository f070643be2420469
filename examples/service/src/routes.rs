//! The endpoints.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post, put};
use axum::{Json, Router};
use cachecow::{Health, Stats, View};
use serde::Deserialize;
use sqlx::PgPool;

use crate::app::App;
use crate::errors::AppError;
use crate::extract::{Body, Path, Query, check_text};
use crate::posts::{Post, PostFields, latest_posts};
use crate::users::{User, UserFields};

/// The most objects that one request may ask for by id.
const MANY: usize = 100;

/// All endpoints. Those that read exist a second time below `/uncached`.
pub fn router(app: &App) -> Router {
    let reads = |source| reads().with_state(Reader { app: app.clone(), source });
    Router::new()
        .merge(reads(Source::Cache))
        .nest("/uncached", reads(Source::Database))
        .merge(writes().with_state(app.clone()))
        .merge(operations().with_state(app.clone()))
        .fallback(async || AppError::NotFound("endpoint"))
}

fn reads() -> Router<Reader> {
    Router::new()
        .route("/users", get(find_users))
        .route("/users/{id}", get(user))
        .route("/posts", get(find_posts))
        .route("/posts/latest", get(the_latest_posts))
        .route("/posts/{id}", get(a_post))
        .route("/authors/{id}/posts", get(posts_of_author))
}

fn writes() -> Router<App> {
    Router::new()
        .route("/users", post(insert_user))
        .route("/users/{id}", put(update_user).delete(delete_user))
        .route("/authors/{id}/posts", post(insert_post))
        .route("/posts/{id}", put(update_post).delete(delete_post))
        .route("/posts/{id}/author", put(move_post))
}

/// For those who run the service. In production, offer these and `/uncached` on a port that is not public.
fn operations() -> Router<App> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/stats", get(stats))
        .route("/metrics", get(metrics))
}

/// Whether the reads of a router use the cache.
#[derive(Clone, Debug)]
struct Reader {
    app: App,
    source: Source,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Cache,
    Database,
}

impl Reader {
    fn view(&self) -> View<'_, PgPool> {
        match self.source {
            Source::Cache => self.app.cached(),
            Source::Database => self.app.uncached(),
        }
    }
}

/// `?email=…` or `?ids=1,2,3`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    email: Option<String>,
    ids: Option<String>,
}

async fn user(
    State(reader): State<Reader>,
    Path(id): Path<i64>,
) -> Result<Json<Arc<User>>, AppError> {
    found("user", reader.view().get(User::by_id(id)).await?)
}

/// One user by e-mail address, or several by id, in the order asked for, with `null` for those that do not exist.
async fn find_users(
    State(reader): State<Reader>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, AppError> {
    match wanted {
        Wanted { email: Some(email), ids: None } => {
            check_text("email", &email, 254)?;
            let user = reader.view().get(User::by_email(email)).await?;
            Ok(found("user", user)?.into_response())
        }
        Wanted { email: None, ids: Some(ids) } => {
            let users = reader.view().get_many(many(&ids)?.into_iter().map(User::by_id)).await?;
            Ok(Json(users).into_response())
        }
        _ => Err(AppError::invalid("say `?email=…` or `?ids=1,2,3`")),
    }
}

async fn insert_user(
    State(app): State<App>,
    Body(fields): Body<UserFields>,
) -> Result<(StatusCode, Json<User>), AppError> {
    Ok((StatusCode::CREATED, Json(User::insert(&app, fields).await?)))
}

async fn update_user(
    State(app): State<App>,
    Path(id): Path<i64>,
    Body(fields): Body<UserFields>,
) -> Result<Json<User>, AppError> {
    Ok(Json(User::update(&app, id, fields).await?))
}

async fn delete_user(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode, AppError> {
    User::delete(&app, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn a_post(
    State(reader): State<Reader>,
    Path(id): Path<i64>,
) -> Result<Json<Arc<Post>>, AppError> {
    found("post", reader.view().get(Post::by_id(id)).await?)
}

async fn find_posts(
    State(reader): State<Reader>,
    Query(wanted): Query<Wanted>,
) -> Result<impl IntoResponse, AppError> {
    match wanted {
        Wanted { email: None, ids: Some(ids) } => {
            Ok(Json(reader.view().get_many(many(&ids)?.into_iter().map(Post::by_id)).await?))
        }
        _ => Err(AppError::invalid("say `?ids=1,2,3`")),
    }
}

async fn the_latest_posts(State(reader): State<Reader>) -> Result<impl IntoResponse, AppError> {
    Ok(Json(reader.view().ask(latest_posts::of()).await?))
}

async fn posts_of_author(
    State(reader): State<Reader>,
    Path(author_id): Path<i64>,
) -> Result<impl IntoResponse, AppError> {
    Ok(Json(reader.view().list(Post::list_by_author_id(author_id)).await?))
}

async fn insert_post(
    State(app): State<App>,
    Path(author_id): Path<i64>,
    Body(fields): Body<PostFields>,
) -> Result<(StatusCode, Json<Post>), AppError> {
    Ok((StatusCode::CREATED, Json(Post::insert(&app, author_id, fields).await?)))
}

async fn update_post(
    State(app): State<App>,
    Path(id): Path<i64>,
    Body(fields): Body<PostFields>,
) -> Result<Json<Post>, AppError> {
    Ok(Json(Post::update(&app, id, fields).await?))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Author {
    author_id: i64,
}

async fn move_post(
    State(app): State<App>,
    Path(id): Path<i64>,
    Body(Author { author_id }): Body<Author>,
) -> Result<Json<Post>, AppError> {
    Ok(Json(Post::move_to(&app, id, author_id).await?))
}

async fn delete_post(State(app): State<App>, Path(id): Path<i64>) -> Result<StatusCode, AppError> {
    Post::delete(&app, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Always 200, since the service also works without Redis, only slower. The answer says what a person should look
/// at, why, and since when.
async fn healthz(State(app): State<App>) -> Json<Health> {
    Json(app.cow.health())
}

async fn stats(State(app): State<App>) -> Json<Stats> {
    Json(app.cow.stats())
}

async fn metrics(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], app.metrics.render())
}

fn found<T>(what: &'static str, object: Option<Arc<T>>) -> Result<Json<Arc<T>>, AppError> {
    object.map(Json).ok_or(AppError::NotFound(what))
}

fn many(ids: &str) -> Result<Vec<i64>, AppError> {
    let ids: Result<Vec<i64>, _> = ids.split(',').map(|id| id.trim().parse()).collect();
    let ids = ids.map_err(|_| AppError::invalid("`ids` is numbers with commas between them"))?;
    if ids.len() > MANY {
        return Err(AppError::invalid(format!("`ids` names at most {MANY}")));
    }
    Ok(ids)
}
