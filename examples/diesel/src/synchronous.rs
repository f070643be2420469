//! SQLite by diesel, without an async runtime.

use std::path::Path;
use std::time::Duration;

use cachecow::Cached;
use cachecow::blocking::CacheCow;
use diesel::connection::SimpleConnection as _;
use diesel::prelude::*;
use diesel::r2d2::{ConnectionManager, CustomizeConnection, Pool, PooledConnection};

use crate::failure::Failure;
use crate::schema::{posts, users};

/// The context of the fetch functions. It is cheap to clone, as such a context must be.
pub type Db = Pool<ConnectionManager<SqliteConnection>>;

/// Settings of each connection: others may read while one writes, and other writers wait.
#[derive(Debug)]
struct Settings;

impl CustomizeConnection<SqliteConnection, diesel::r2d2::Error> for Settings {
    fn on_acquire(&self, connection: &mut SqliteConnection) -> Result<(), diesel::r2d2::Error> {
        let settings = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL;";
        connection.batch_execute(settings).map_err(diesel::r2d2::Error::QueryError)
    }
}

/// Opens the database in this file, and creates its tables.
///
/// # Errors
///
/// [`Failure::Other`] if it cannot be opened; the database's.
pub fn open(file: &Path) -> Result<Db, Failure> {
    let manager = ConnectionManager::new(file.to_string_lossy());
    let pool = Pool::builder()
        .max_size(4)
        .connection_timeout(Duration::from_secs(5))
        .connection_customizer(Box::new(Settings));
    let db = pool.build(manager).map_err(Failure::other)?;
    connection(&db)?.batch_execute(
        "CREATE TABLE IF NOT EXISTS users
             (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, posts BIGINT NOT NULL);
         CREATE TABLE IF NOT EXISTS posts
             (id INTEGER PRIMARY KEY, author BIGINT NOT NULL, title TEXT NOT NULL);",
    )?;
    Ok(db)
}

fn connection(db: &Db) -> Result<PooledConnection<ConnectionManager<SqliteConnection>>, Failure> {
    db.get().map_err(Failure::other)
}

/// A person who writes posts.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable, Cached)]
#[diesel(table_name = users, check_for_backend(diesel::sqlite::Sqlite))]
#[cache(context = Db, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "user:{id}", fetch = blocking(User::find), fetch_many = blocking(User::find_many))]
#[cache(key = "user:email:{email}", fetch = blocking(User::find_by_email))]
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
#[diesel(table_name = posts, check_for_backend(diesel::sqlite::Sqlite))]
#[cache(context = Db, ttl = "10m")]
#[cache(key = "post:{id}", fetch = blocking(Post::find))]
#[cache(list = "post:author:{author}", fetch = blocking(Post::find_by_author))]
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
    fn find(db: &Db, id: i64) -> Result<Option<Self>, Failure> {
        let query = users::table.find(id).select(Self::as_select());
        Ok(query.first(&mut connection(db)?).optional()?)
    }

    fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>, Failure> {
        let query = users::table.filter(users::id.eq_any(ids)).select(Self::as_select());
        Ok(query.load(&mut connection(db)?)?)
    }

    fn find_by_email(db: &Db, email: &str) -> Result<Option<Self>, Failure> {
        let query = users::table.filter(users::email.eq(email)).select(Self::as_select());
        Ok(query.first(&mut connection(db)?).optional()?)
    }
}

/// The fetch functions.
impl Post {
    fn find(db: &Db, id: i64) -> Result<Option<Self>, Failure> {
        let query = posts::table.find(id).select(Self::as_select());
        Ok(query.first(&mut connection(db)?).optional()?)
    }

    fn find_by_author(db: &Db, author: i64) -> Result<Vec<Self>, Failure> {
        let query = posts::table.filter(posts::author.eq(author)).order(posts::id.desc());
        Ok(query.select(Self::as_select()).load(&mut connection(db)?)?)
    }
}

/// The writes.
impl User {
    /// Creates a user. The absence of the e-mail address may be cached; the id is known only afterwards.
    ///
    /// # Errors
    ///
    /// diesel's, also if another user has the e-mail address.
    pub fn register(cow: &CacheCow, db: &Db, email: &str) -> Result<Self, Failure> {
        let work = || {
            let insert = diesel::insert_into(users::table)
                .values((users::email.eq(email), users::posts.eq(0)))
                .returning(Self::as_returning());
            Ok::<_, Failure>(insert.get_result(&mut connection(db)?)?)
        };
        let write = cow.writing(Self::by_email(email), work);
        write.invalidating(|user| Self::by_id(user.id)).run()
    }
}

/// The writes.
impl Post {
    /// Creates a post, and counts it, in one transaction.
    ///
    /// # Errors
    ///
    /// diesel's: `NotFound` if there is no such user.
    pub fn publish(cow: &CacheCow, db: &Db, author: i64, title: &str) -> Result<Self, Failure> {
        // On the transaction's own connection: nothing here is read through the cache.
        let transaction = |connection: &mut SqliteConnection| {
            let count = diesel::update(users::table.find(author))
                .set(users::posts.eq(users::posts + 1))
                .execute(connection)?;
            if count == 0 {
                return Err(diesel::result::Error::NotFound);
            }
            diesel::insert_into(posts::table)
                .values((posts::author.eq(author), posts::title.eq(title)))
                .returning(Self::as_returning())
                .get_result(connection)
        };
        let work = || Ok::<_, Failure>(connection(db)?.immediate_transaction(transaction)?);
        let keys = (User::by_id(author), Self::list_by_author(author));
        cow.writing(keys, work).invalidating(|post| Self::by_id(post.id)).run()
    }
}
