//! PostgreSQL by diesel-async.

use std::ops::DerefMut;

use cachecow::{CacheCow, Cached};
use diesel::prelude::*;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::{
    AnsiTransactionManager, AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _,
    TransactionManager as _,
};
use tokio::sync::{Mutex, MutexGuard};

use crate::failure::Failure;
use crate::schema::{posts, users};

/// As many posts as a user may have.
const MOST_POSTS: i64 = 3;

/// What the database needs.
pub const TABLES: &str = "
    CREATE TABLE users
        (id BIGSERIAL PRIMARY KEY, email TEXT NOT NULL UNIQUE, posts BIGINT NOT NULL);
    CREATE TABLE posts
        (id BIGSERIAL PRIMARY KEY, author BIGINT NOT NULL REFERENCES users, title TEXT NOT NULL);";

/// The context of the fetch functions: a pool, or an open transaction.
#[allow(missing_debug_implementations, reason = "a connection has none")]
pub enum Db {
    /// Outside of transactions.
    Pool(Pool<AsyncPgConnection>),
    /// One query at a time.
    Transaction(Box<Mutex<Object<AsyncPgConnection>>>),
}

/// A connection for one query.
type Lent<'a> = Box<dyn DerefMut<Target = AsyncPgConnection> + Send + 'a>;

impl Db {
    /// Opens the database at this URL. It connects on first use, without TLS: `ManagerConfig::custom_setup` makes
    /// other connections. A query waits for a free connection without a limit: deadpool's `wait_timeout` sets one.
    ///
    /// # Errors
    ///
    /// [`Failure::Other`].
    pub fn open(url: &str) -> Result<Self, Failure> {
        let manager = AsyncDieselConnectionManager::new(url);
        Ok(Self::Pool(Pool::builder(manager).build().map_err(Failure::other)?))
    }

    /// Runs SQL that returns no rows.
    ///
    /// # Errors
    ///
    /// The database's.
    pub async fn execute(&self, sql: &str) -> Result<(), Failure> {
        Ok(self.connection().await?.batch_execute(sql).await?)
    }

    async fn connection(&self) -> Result<Lent<'_>, Failure> {
        Ok(match self {
            Self::Pool(pool) => Box::new(pool.get().await.map_err(Failure::other)?),
            Self::Transaction(connection) => {
                let connection = connection.lock().await;
                Box::new(MutexGuard::map(connection, |connection| &mut **connection))
            }
        })
    }

    /// Begins a transaction on a connection of the pool. If it is dropped before its commit, the pool closes the
    /// connection, and the database rolls back.
    async fn begin(&self) -> Result<Self, Failure> {
        let Self::Pool(pool) = self else { panic!("a transaction has no transactions") };
        let mut connection = pool.get().await.map_err(Failure::other)?;
        AnsiTransactionManager::begin_transaction(&mut *connection).await?;
        Ok(Self::Transaction(Box::new(Mutex::new(connection))))
    }

    async fn commit(self) -> Result<(), Failure> {
        let mut connection = self.connection().await?;
        Ok(AnsiTransactionManager::commit_transaction(&mut **connection).await?)
    }
}

/// A person who writes posts.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Cached)]
#[diesel(table_name = users, check_for_backend(diesel::pg::Pg))]
#[cache(context = Db, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "user:{id}", fetch = User::find, fetch_many = User::find_many)]
#[cache(key = "user:email:{email}", fetch = User::find_by_email)]
pub struct User {
    /// Chosen by the database.
    pub id: i64,
    /// Unique.
    pub email: String,
    /// How many.
    pub posts: i64,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Cached)]
#[diesel(table_name = posts, check_for_backend(diesel::pg::Pg))]
#[cache(context = Db, ttl = "10m")]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:author:{author}", fetch = Post::find_by_author)]
pub struct Post {
    /// Chosen by the database.
    pub id: i64,
    /// The id of a user.
    pub author: i64,
    /// What it is about.
    pub title: String,
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl User {
    async fn find(db: &Db, id: i64) -> Result<Option<Self>, Failure> {
        let query = users::table.find(id).select(Self::as_select());
        Ok(query.first(&mut **db.connection().await?).await.optional()?)
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>, Failure> {
        let query = users::table.filter(users::id.eq_any(ids)).select(Self::as_select());
        Ok(query.load(&mut **db.connection().await?).await?)
    }

    async fn find_by_email(db: &Db, email: &str) -> Result<Option<Self>, Failure> {
        let query = users::table.filter(users::email.eq(email)).select(Self::as_select());
        Ok(query.first(&mut **db.connection().await?).await.optional()?)
    }
}

/// The fetch functions.
impl Post {
    async fn find(db: &Db, id: i64) -> Result<Option<Self>, Failure> {
        let query = posts::table.find(id).select(Self::as_select());
        Ok(query.first(&mut **db.connection().await?).await.optional()?)
    }

    async fn find_by_author(db: &Db, author: i64) -> Result<Vec<Self>, Failure> {
        let query = posts::table.filter(posts::author.eq(author)).order(posts::id.desc());
        Ok(query.select(Self::as_select()).load(&mut **db.connection().await?).await?)
    }
}

/// The writes.
impl User {
    /// Creates a user. The absence of the e-mail address may be cached; the id is known only afterwards.
    ///
    /// # Errors
    ///
    /// diesel's, also if another user has the e-mail address.
    pub async fn register(cow: &CacheCow, db: &Db, email: &str) -> Result<Self, Failure> {
        let insert = diesel::insert_into(users::table)
            .values((users::email.eq(email), users::posts.eq(0)))
            .returning(Self::as_returning());
        let work = async { Ok(insert.get_result(&mut **db.connection().await?).await?) };
        cow.write(Self::by_email(email), work)
            .invalidating(|user: &Self| Self::by_id(user.id))
            .await
    }
}

/// The writes.
impl Post {
    /// Creates a post, and counts it, in one transaction.
    ///
    /// # Errors
    ///
    /// [`Failure::TooManyPosts`], and diesel's: `NotFound` if there is no such user.
    pub async fn publish(
        cow: &CacheCow,
        db: &Db,
        author: i64,
        title: &str,
    ) -> Result<Self, Failure> {
        let work = async {
            let transaction = db.begin().await?;
            // Locks the row.
            diesel::update(users::table.find(author))
                .set(users::posts.eq(users::posts + 1))
                .execute(&mut **transaction.connection().await?)
                .await?;
            // In the transaction, read without the cache: others do not see its changes yet.
            let user = cow.with(&transaction).uncached().get(User::by_id(author)).await?;
            let user = user.ok_or(diesel::result::Error::NotFound)?;
            if user.posts > MOST_POSTS {
                return Err(Failure::TooManyPosts);
            }
            let post = diesel::insert_into(posts::table)
                .values((posts::author.eq(author), posts::title.eq(title)))
                .returning(Self::as_returning())
                .get_result(&mut **transaction.connection().await?)
                .await?;
            transaction.commit().await?;
            Ok(post)
        };
        let keys = (User::by_id(author), Self::list_by_author(author));
        cow.write(keys, work).invalidating(|post: &Self| Self::by_id(post.id)).await
    }
}
