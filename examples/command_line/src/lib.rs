//! Cities in a file of SQLite, by rusqlite, with cachecow in front of every read. No async runtime anywhere.
//!
//! - `cachecow::blocking::CacheCow` has the methods of the async one, and each waits.
//! - `fetch = blocking(path)` names a synchronous fetch function.
//! - All runs of the program share the cache in Redis, and a run that changes a city invalidates it for all.
//! - Before the program ends it calls `close`, which sends outstanding invalidations.
//!
//! ```sh
//! export REDIS_URL=redis://127.0.0.1/       # without it each run has a cache of its own, in memory
//! cargo run -p cities -- add Bern CH 134000
//! cargo run -p cities -- show Bern
//! cargo run -p cities -- count Bern 135000
//! cargo run -p cities -- list CH
//! cargo run -p cities -- remove Bern
//! ```

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cachecow::Cached;
use cachecow::blocking::CacheCow;
use rusqlite::{Connection, OptionalExtension as _, Result, Row, params, params_from_iter};

/// The database. Calls share one connection, one at a time; a pool, such as r2d2's, would have several. It is cheap
/// to clone, as the context of a blocking fetch function must be.
#[derive(Clone, Debug)]
pub struct Db(Arc<Mutex<Connection>>);

impl Db {
    /// Opens the database in this file, and creates it if needed.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS city
                 (name TEXT PRIMARY KEY, country TEXT NOT NULL, people INTEGER NOT NULL)",
        )?;
        Ok(Self(Arc::new(Mutex::new(connection))))
    }

    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A row of the table.
#[derive(Clone, Debug, PartialEq, Eq, Cached)]
#[cache(context = Db, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "city:{name}", fetch = blocking(City::find), fetch_many = blocking(City::find_many))]
#[cache(list = "city:country:{country}", fetch = blocking(City::find_by_country))]
pub struct City {
    /// Unique.
    pub name: String,
    /// Two letters.
    pub country: String,
    /// The number of inhabitants.
    pub people: u32,
}

/// The fetch functions: plain queries, which know nothing of the cache.
impl City {
    fn of(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            name: row.get("name")?,
            country: row.get("country")?,
            people: row.get("people")?,
        })
    }

    fn find(db: &Db, name: &str) -> Result<Option<Self>> {
        let query = "SELECT * FROM city WHERE name = ?";
        db.connection().query_row(query, [name], Self::of).optional()
    }

    fn find_many(db: &Db, names: &[String]) -> Result<Vec<Self>> {
        let places = vec!["?"; names.len()].join(",");
        let query = format!("SELECT * FROM city WHERE name IN ({places})");
        db.connection().prepare(&query)?.query_map(params_from_iter(names), Self::of)?.collect()
    }

    fn find_by_country(db: &Db, country: &str) -> Result<Vec<Self>> {
        let query = "SELECT * FROM city WHERE country = ? ORDER BY name";
        db.connection().prepare(query)?.query_map([country], Self::of)?.collect()
    }
}

/// The writes. Each names the keys that it changes before it begins, and returns SQLite's result.
impl City {
    /// Inserts the city. The write names the whole object: its key, whose absence may be cached, and its list.
    ///
    /// # Errors
    ///
    /// SQLite's, also if the city already exists.
    pub fn add(&self, cow: &CacheCow, db: &Db) -> Result<()> {
        cow.write(self, || {
            let insert = "INSERT INTO city (name, country, people) VALUES (?, ?, ?)";
            let row = params![self.name, self.country, self.people];
            db.connection().execute(insert, row).map(drop)
        })
    }

    /// Sets the number of inhabitants, and stores the city in the cache. `None`: there is no such city.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn count(cow: &CacheCow, db: &Db, name: &str, people: u32) -> Result<Option<Self>> {
        let work = || {
            let update = "UPDATE city SET people = ? WHERE name = ? RETURNING *";
            db.connection().query_row(update, params![people, name], Self::of).optional()
        };
        cow.writing(Self::by_name(name), work).storing(Option::as_ref).run()
    }

    /// Deletes a city, and returns it. The list that it belonged to is known only afterwards.
    ///
    /// # Errors
    ///
    /// SQLite's.
    pub fn remove(cow: &CacheCow, db: &Db, name: &str) -> Result<Option<Self>> {
        let work = || {
            let delete = "DELETE FROM city WHERE name = ? RETURNING *";
            db.connection().query_row(delete, [name], Self::of).optional()
        };
        cow.writing(Self::by_name(name), work).invalidating_object(Option::as_ref).run()
    }
}
