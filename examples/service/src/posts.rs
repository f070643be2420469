//! Posts: looked up by id, listed by author, and the latest of all.

use axum::http::StatusCode;
use cachecow::Cached;
use serde::{Deserialize, Serialize};
use sqlx::error::ErrorKind;
use sqlx::{FromRow, PgPool};

use crate::app::{App, carry_out};
use crate::errors::AppError;
use crate::extract::check_text;

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, FromRow, Cached)]
#[cache(context = PgPool, ttl = "10m", negative_ttl = "5s", table = "posts")]
#[cache(key = "post:{id}", fetch = Post::find, fetch_many = Post::find_many)]
#[cache(list = "post:author:{author_id}", fetch = Post::find_by_author)]
pub struct Post {
    /// Chosen by the database; a later post has a larger one.
    pub id: i64,
    /// The user who wrote it.
    pub author_id: i64,
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
}

/// The fields of a post from a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostFields {
    /// One line.
    pub title: String,
    /// The text.
    pub body: String,
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl Post {
    async fn find(db: &PgPool, id: i64) -> sqlx::Result<Option<Self>> {
        sqlx::query_as("SELECT * FROM posts WHERE id = $1").bind(id).fetch_optional(db).await
    }

    async fn find_many(db: &PgPool, ids: &[i64]) -> sqlx::Result<Vec<Self>> {
        sqlx::query_as("SELECT * FROM posts WHERE id = ANY($1)").bind(ids).fetch_all(db).await
    }

    async fn find_by_author(db: &PgPool, author_id: i64) -> sqlx::Result<Vec<Self>> {
        sqlx::query_as("SELECT * FROM posts WHERE author_id = $1 ORDER BY id DESC LIMIT 100")
            .bind(author_id)
            .fetch_all(db)
            .await
    }
}

/// The latest posts of all authors.
///
/// Every write that may change the result names it: `latest_posts::of()`. If the change log is followed, any
/// changed row of the table invalidates it.
///
/// # Errors
///
/// The database's.
#[cachecow::query(key = "posts:latest", ttl = "1m")]
#[cache(rows = "posts")]
pub async fn latest_posts(db: &PgPool) -> sqlx::Result<Vec<Post>> {
    sqlx::query_as("SELECT * FROM posts ORDER BY id DESC LIMIT 20").fetch_all(db).await
}

/// The writes; see those of [`User`](crate::users::User).
impl Post {
    /// Creates a post.
    ///
    /// # Errors
    ///
    /// [`AppError::Refused`] if there is no such author.
    pub async fn insert(app: &App, author_id: i64, fields: PostFields) -> Result<Self, AppError> {
        let fields = fields.checked()?;
        let db = app.db.clone();
        let work = async move {
            let insert =
                "INSERT INTO posts (author_id, title, body) VALUES ($1, $2, $3) RETURNING *";
            sqlx::query_as(insert)
                .bind(author_id)
                .bind(fields.title)
                .bind(fields.body)
                .fetch_one(&db)
                .await
                .map_err(no_such_author(StatusCode::NOT_FOUND))
        };
        let keys = (Self::list_by_author_id(author_id), latest_posts::of());
        let write = app.cow.write(keys, work);
        carry_out(write.invalidating(|post: &Self| Self::by_id(post.id))).await
    }

    /// Changes a post's text.
    ///
    /// # Errors
    ///
    /// [`AppError::NotFound`].
    pub async fn update(app: &App, id: i64, fields: PostFields) -> Result<Self, AppError> {
        let fields = fields.checked()?;
        let db = app.db.clone();
        let work = async move {
            sqlx::query_as("UPDATE posts SET title = $2, body = $3 WHERE id = $1 RETURNING *")
                .bind(id)
                .bind(fields.title)
                .bind(fields.body)
                .fetch_optional(&db)
                .await?
                .ok_or(AppError::NotFound("post"))
        };
        // The lists stay as they are: they hold the posts' ids.
        let keys = (Self::by_id(id), latest_posts::of());
        carry_out(app.cow.write(keys, work).storing(|post| Some(post))).await
    }

    /// Moves a post to another author: from one list to another.
    ///
    /// # Errors
    ///
    /// [`AppError::NotFound`]; [`AppError::Refused`] if there is no such author.
    pub async fn move_to(app: &App, id: i64, author_id: i64) -> Result<Self, AppError> {
        let db = app.db.clone();
        let work = async move {
            let mut transaction = db.begin().await?;
            let old: Option<Self> = sqlx::query_as("SELECT * FROM posts WHERE id = $1 FOR UPDATE")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
            let old = old.ok_or(AppError::NotFound("post"))?;
            let new: Self =
                sqlx::query_as("UPDATE posts SET author_id = $2 WHERE id = $1 RETURNING *")
                    .bind(id)
                    .bind(author_id)
                    .fetch_one(&mut *transaction)
                    .await
                    .map_err(no_such_author(StatusCode::UNPROCESSABLE_ENTITY))?;
            transaction.commit().await?;
            Ok((old, new))
        };
        let keys = (Self::by_id(id), Self::list_by_author_id(author_id), latest_posts::of());
        // The list that it leaves is known only now. An object names all of its keys, including its lists.
        let write = app.cow.write(keys, work).invalidating_object(|(old, _)| Some(old));
        let (_, new) = carry_out(write.storing(|(_, new)| Some(new))).await?;
        Ok(new)
    }

    /// Deletes a post.
    ///
    /// # Errors
    ///
    /// [`AppError::NotFound`].
    pub async fn delete(app: &App, id: i64) -> Result<(), AppError> {
        let db = app.db.clone();
        let work = async move {
            let deleted: Option<Self> =
                sqlx::query_as("DELETE FROM posts WHERE id = $1 RETURNING *")
                    .bind(id)
                    .fetch_optional(&db)
                    .await?;
            deleted.ok_or(AppError::NotFound("post"))
        };
        let keys = (Self::by_id(id), latest_posts::of());
        carry_out(app.cow.write(keys, work).invalidating_object(|post| Some(post))).await?;
        Ok(())
    }
}

impl PostFields {
    fn checked(self) -> Result<Self, AppError> {
        check_text("title", &self.title, 200)?;
        check_text("body", &self.body, 10_000)?;
        Ok(self)
    }
}

fn no_such_author(status: StatusCode) -> impl FnOnce(sqlx::Error) -> AppError {
    AppError::refused(ErrorKind::ForeignKeyViolation, status, "there is no such author")
}
