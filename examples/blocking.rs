//! A program without an async runtime, on rusqlite.
//!
//! ```sh
//! cargo run --example blocking      # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

use std::sync::{Arc, Mutex, MutexGuard};
use std::thread;

use cachecow::Cached;
use cachecow::blocking::CacheCow;
use rusqlite::{Connection, OptionalExtension as _, Row, params, params_from_iter};

/// Each call gets the connection for itself; a pool, such as r2d2's, would give each call one of several.
#[derive(Clone)]
struct Db(Arc<Mutex<Connection>>);

impl Db {
    fn connection(&self) -> MutexGuard<'_, Connection> {
        self.0.lock().expect("no panics")
    }
}

#[derive(Clone, Debug, Cached)]
#[cache(context = Db, ttl = "10m")]
#[cache(key = "city:{id}", fetch = blocking(City::find), fetch_many = blocking(City::find_many))]
#[cache(key = "city:name:{name}", fetch = blocking(City::find_by_name))]
struct City {
    id: i64,
    name: String,
    people: u32,
}

impl City {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get(0)?, name: row.get(1)?, people: row.get(2)? })
    }

    fn find(db: &Db, id: i64) -> rusqlite::Result<Option<Self>> {
        println!("  SELECT … WHERE id = {id}");
        let query = "SELECT id, name, people FROM city WHERE id = ?";
        db.connection().query_row(query, [id], Self::of).optional()
    }

    fn find_many(db: &Db, ids: &[i64]) -> rusqlite::Result<Vec<Self>> {
        println!("  SELECT … WHERE id IN {ids:?}");
        let places = vec!["?"; ids.len()].join(",");
        let query = format!("SELECT id, name, people FROM city WHERE id IN ({places})");
        db.connection().prepare(&query)?.query_map(params_from_iter(ids), Self::of)?.collect()
    }

    fn find_by_name(db: &Db, name: &str) -> rusqlite::Result<Option<Self>> {
        println!("  SELECT … WHERE name = '{name}'");
        let query = "SELECT id, name, people FROM city WHERE name = ?";
        db.connection().query_row(query, [name], Self::of).optional()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let cow = CacheCow::open(&url)?;
    let db = Db(Arc::new(Mutex::new(Connection::open_in_memory()?)));
    db.connection().execute_batch(
        "CREATE TABLE city (id INTEGER PRIMARY KEY, name TEXT UNIQUE, people INTEGER);
         INSERT INTO city VALUES (1, 'Bern', 134000), (2, 'Basel', 173000), (3, 'Chur', 38000);",
    )?;
    cow.invalidate_many([1, 2, 3].map(City::by_id))?;

    println!("four threads ask for one city at the same time:");
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| cow.with(&db).get(City::by_id(1)));
        }
    });

    println!("several cities; the first is cached:");
    let cities = cow.with(&db).get_many([1, 2, 3].map(City::by_id))?;
    println!("  {} people", cities.iter().flatten().map(|city| city.people).sum::<u32>());

    println!("a write, and the next read sees it, by either key:");
    let rows = cow.write(City::by_id(3), || {
        db.connection().execute("UPDATE city SET people = ? WHERE id = ?", params![39_000, 3])
    })?;
    let chur = cow.with(&db).get(City::by_name("Chur"))?;
    println!("  {rows} row; {:?} people", chur.map(|city| city.people));

    // What the cache missed is told it before the program ends.
    cow.close()?;
    println!("\n{}", cow.stats());
    Ok(())
}
