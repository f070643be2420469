//! The database, its rows, and how they are read and written.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use async_graphql::SimpleObject;
use cachecow::{CacheCow, Cached};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{FromRow, Result, SqlitePool};

/// Rows to begin with.
pub const SAMPLE: &str = "
    INSERT INTO author VALUES (1, 'Ursula Le Guin'), (2, 'Iain Banks');
    INSERT INTO book VALUES
        (1, 'The Dispossessed', 1), (2, 'Excession', 2), (3, 'The Word for World is Forest', 1);";

/// The context of the fetch functions. It counts their queries, to show which ones the cache saves.
#[derive(Debug)]
pub struct Db {
    pool: SqlitePool,
    queries: AtomicU64,
}

impl Db {
    /// Opens the database in this file, and creates it if needed.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub async fn open(file: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new().filename(file).create_if_missing(true);
        let pool = SqlitePool::connect_with(options).await?;
        let db = Self { pool, queries: AtomicU64::new(0) };
        db.execute(
            "CREATE TABLE IF NOT EXISTS author (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS book
                 (id INTEGER PRIMARY KEY, title TEXT NOT NULL,
                  author_id INTEGER NOT NULL REFERENCES author);",
        )
        .await?;
        Ok(db)
    }

    /// Runs SQL that returns no rows.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub async fn execute(&self, sql: &str) -> Result<()> {
        sqlx::raw_sql(sql).execute(&self.pool).await.map(drop)
    }

    /// How many queries have read from it so far.
    pub fn queries(&self) -> u64 {
        self.queries.load(Ordering::Relaxed)
    }

    /// The connections, for one query.
    fn for_query(&self) -> &SqlitePool {
        self.queries.fetch_add(1, Ordering::Relaxed);
        &self.pool
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, SimpleObject, Cached)]
#[graphql(complex)]
#[cache(context = Db, ttl = "10m", negative_ttl = "1m")]
#[cache(key = "author:{id}", fetch = Author::find, fetch_many = Author::find_many)]
pub struct Author {
    /// Chosen by the database.
    pub id: i64,
    /// As on the cover.
    pub name: String,
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, SimpleObject, Cached)]
#[graphql(complex)]
#[cache(context = Db, ttl = "10m")]
#[cache(key = "book:{id}", fetch = Book::find, fetch_many = Book::find_many)]
#[cache(list = "book:author:{author_id}", fetch = Book::find_by_author)]
pub struct Book {
    /// Chosen by the database.
    pub id: i64,
    /// As on the cover.
    pub title: String,
    /// In the schema, the field `author` is in its place.
    #[graphql(skip)]
    pub author_id: i64,
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl Author {
    async fn find(db: &Db, id: i64) -> Result<Option<Self>> {
        let query = sqlx::query_as("SELECT * FROM author WHERE id = ?").bind(id);
        query.fetch_optional(db.for_query()).await
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>> {
        let query = "SELECT * FROM author WHERE id IN (SELECT value FROM json_each(?))";
        sqlx::query_as(query).bind(json(ids)).fetch_all(db.for_query()).await
    }
}

/// The fetch functions.
impl Book {
    async fn find(db: &Db, id: i64) -> Result<Option<Self>> {
        let query = sqlx::query_as("SELECT * FROM book WHERE id = ?").bind(id);
        query.fetch_optional(db.for_query()).await
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>> {
        let query = "SELECT * FROM book WHERE id IN (SELECT value FROM json_each(?))";
        sqlx::query_as(query).bind(json(ids)).fetch_all(db.for_query()).await
    }

    async fn find_by_author(db: &Db, author: i64) -> Result<Vec<Self>> {
        let query = sqlx::query_as("SELECT * FROM book WHERE author_id = ? ORDER BY id");
        query.bind(author).fetch_all(db.for_query()).await
    }

    /// Not cached.
    pub(crate) async fn all(db: &Db) -> Result<Vec<Self>> {
        sqlx::query_as("SELECT * FROM book ORDER BY id").fetch_all(db.for_query()).await
    }
}

/// SQLite has no arrays as parameters, but it reads JSON.
fn json(ids: &[i64]) -> String {
    format!("{ids:?}")
}

/// The writes. Each names the keys that it changes before it begins, and returns SQLite's result.
impl Author {
    /// `None`: there is no such author.
    pub(crate) async fn rename(
        cow: &CacheCow,
        db: &Db,
        id: i64,
        name: &str,
    ) -> Result<Option<Self>> {
        let update = sqlx::query_as("UPDATE author SET name = ? WHERE id = ? RETURNING *");
        let work = update.bind(name).bind(id).fetch_optional(&db.pool);
        cow.write(Self::by_id(id), work).await
    }
}

impl Book {
    /// The id is known only afterwards.
    pub(crate) async fn add(cow: &CacheCow, db: &Db, author: i64, title: &str) -> Result<Self> {
        let insert =
            sqlx::query_as("INSERT INTO book (title, author_id) VALUES (?, ?) RETURNING *");
        let work = insert.bind(title).bind(author).fetch_one(&db.pool);
        let write = cow.write(Self::list_by_author_id(author), work);
        write.invalidating(|book: &Self| Self::by_id(book.id)).await
    }
}
