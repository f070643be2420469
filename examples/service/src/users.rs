//! Users: looked up by id or by e-mail address.

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
#[cache(context = PgPool, ttl = "10m", negative_ttl = "5s", table = "users")]
#[cache(key = "user:{id}", fetch = User::find, fetch_many = User::find_many)]
#[cache(key = "user:email:{email}", fetch = User::find_by_email)]
pub struct User {
    /// Chosen by the database.
    pub id: i64,
    /// Unique.
    #[cache(normalize = normalize_email)]
    pub email: String,
    /// The name that others see.
    pub name: String,
}

/// The fields of a user from a client.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserFields {
    /// In upper or lower case.
    pub email: String,
    /// The name that others see.
    pub name: String,
}

/// Returns one spelling for all spellings of the same mailbox. The table holds this one.
pub fn normalize_email(email: &str) -> String {
    email.trim().to_lowercase()
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl User {
    async fn find(db: &PgPool, id: i64) -> sqlx::Result<Option<Self>> {
        sqlx::query_as("SELECT * FROM users WHERE id = $1").bind(id).fetch_optional(db).await
    }

    async fn find_many(db: &PgPool, ids: &[i64]) -> sqlx::Result<Vec<Self>> {
        sqlx::query_as("SELECT * FROM users WHERE id = ANY($1)").bind(ids).fetch_all(db).await
    }

    async fn find_by_email(db: &PgPool, email: &str) -> sqlx::Result<Option<Self>> {
        sqlx::query_as("SELECT * FROM users WHERE email = $1").bind(email).fetch_optional(db).await
    }
}

/// The writes. Each names the keys that it changes before it begins, and passes its transaction to
/// [`CacheCow::write`](cachecow::CacheCow::write), which returns the database's own result.
impl User {
    /// Creates a user.
    ///
    /// # Errors
    ///
    /// [`AppError::Refused`] if another user has the e-mail address.
    pub async fn insert(app: &App, fields: UserFields) -> Result<Self, AppError> {
        let fields = fields.checked()?;
        // The absence of a user with this address may be cached.
        let by_email = Self::by_email(&fields.email);
        let db = app.db.clone();
        let work = async move {
            sqlx::query_as("INSERT INTO users (email, name) VALUES ($1, $2) RETURNING *")
                .bind(fields.email)
                .bind(fields.name)
                .fetch_one(&db)
                .await
                .map_err(email_is_taken())
        };
        // The database chooses the id, so its key is named afterwards.
        let write = app.cow.write(by_email, work);
        carry_out(write.invalidating(|user: &Self| Self::by_id(user.id))).await
    }

    /// Changes a user. Afterwards it is found by the new e-mail address, and no longer by the old one.
    ///
    /// # Errors
    ///
    /// [`AppError::NotFound`]; [`AppError::Refused`] if another user has the e-mail address.
    pub async fn update(app: &App, id: i64, fields: UserFields) -> Result<Self, AppError> {
        let fields = fields.checked()?;
        let keys = (Self::by_id(id), Self::by_email(&fields.email));
        let db = app.db.clone();
        let work = async move {
            let mut transaction = db.begin().await?;
            let old: Option<Self> = sqlx::query_as("SELECT * FROM users WHERE id = $1 FOR UPDATE")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
            let old = old.ok_or(AppError::NotFound("user"))?;
            let new: Self =
                sqlx::query_as("UPDATE users SET email = $2, name = $3 WHERE id = $1 RETURNING *")
                    .bind(id)
                    .bind(fields.email)
                    .bind(fields.name)
                    .fetch_one(&mut *transaction)
                    .await
                    .map_err(email_is_taken())?;
            transaction.commit().await?;
            Ok((old, new))
        };
        let write = app.cow.write(keys, work).invalidating(|(old, _)| Self::by_email(&old.email));
        // The next read is a hit, unless another write happened meanwhile.
        let (_, new) = carry_out(write.storing(|(_, new)| Some(new))).await?;
        Ok(new)
    }

    /// Deletes a user.
    ///
    /// # Errors
    ///
    /// [`AppError::NotFound`]; [`AppError::Refused`] if the user has posts.
    pub async fn delete(app: &App, id: i64) -> Result<(), AppError> {
        let db = app.db.clone();
        let work = async move {
            let deleted = sqlx::query("DELETE FROM users WHERE id = $1")
                .bind(id)
                .execute(&db)
                .await
                .map_err(AppError::refused(
                    ErrorKind::ForeignKeyViolation,
                    StatusCode::CONFLICT,
                    "the user has posts; delete or move them first",
                ))?;
            if deleted.rows_affected() == 0 { Err(AppError::NotFound("user")) } else { Ok(()) }
        };
        // This also covers reads by e-mail: the cached pointer leads to the object of this id.
        carry_out(app.cow.write(Self::by_id(id), work)).await
    }
}

impl UserFields {
    fn checked(self) -> Result<Self, AppError> {
        let email = normalize_email(&self.email);
        check_text("email", &email, 254)?;
        if !email.contains('@') {
            return Err(AppError::invalid("`email` is an e-mail address"));
        }
        check_text("name", &self.name, 100)?;
        Ok(Self { email, name: self.name })
    }
}

fn email_is_taken() -> impl FnOnce(sqlx::Error) -> AppError {
    AppError::refused(
        ErrorKind::UniqueViolation,
        StatusCode::CONFLICT,
        "another user has this e-mail address",
    )
}
