//! A tour of cachecow: reads, batches, writes, and the race that it wins.
//!
//! ```sh
//! cargo run --example quickstart                                     # needs no server
//! REDIS_URL=redis://127.0.0.1:6379 cargo run --example quickstart    # the same, over Redis
//! ```
//!
//! The database is embedded, in memory, and holds the packages of this workspace's `Cargo.lock`. Its fetch
//! functions are in `database.rs`.

mod database;

use std::error::Error;
use std::fmt::Display;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use cachecow::{CacheCow, Cached, Read};

use crate::database::Database;

/// The packages that the tour reads, and removes from the cache at its end.
const NAMES: [&str; 4] = ["serde", "syn", "redis", "tokio"];

type Failure = Box<dyn Error + Send + Sync>;

/// The model. The derive generates `Package::by_name`, which all reads and writes below use.
#[derive(Clone, Debug, Cached)]
#[cache(context = Database, ttl = "10m")]
#[cache(key = "package:{name}", fetch = Database::package, fetch_many = Database::packages)]
struct Package {
    name: String,
    version: String,
    /// How many packages need this one, directly or through others.
    needed_by: u32,
}

#[tokio::main]
async fn main() -> ExitCode {
    match tour().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {}", with_sources(&*error));
            ExitCode::FAILURE
        }
    }
}

async fn tour() -> Result<(), Failure> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let cow = CacheCow::builder().namespace("cachecow-quickstart").open(&url).await?;
    // Reads would also work without the cache, but then the tour would not show much.
    cow.ping().await?;
    let db = Database::of_this_workspace()?;
    let packages = cow.with(&db);
    // An interrupted run may have left values in Redis.
    cow.invalidate_many(NAMES.map(Package::by_name)).await?;

    println!("The database: {} packages of Cargo.lock, in SQLite.", db.count().await?);
    println!("The cache:    {}.", if url == "memory://" { "in this process" } else { "Redis" });

    heading("1. A cold read fetches from the database and fills the cache; the next read is a hit");
    show("cold read", &packages.read(Package::by_name("serde")).await?);
    show("again", &packages.read(Package::by_name("serde")).await?);

    heading("2. A batch fetches what the cache lacks, all of it in one call of fetch_many");
    let batch = packages.get_many(NAMES.map(Package::by_name)).await?;
    let versions: Vec<String> =
        batch.iter().flatten().map(|found| format!("{} {}", found.name, found.version)).collect();
    row("get_many", versions.join(", "));
    row("fetches so far", db.fetches());

    heading("3. A write invalidates, whatever happens to the writer; the next read is fresh");
    cow.write(Package::by_name("serde"), db.set_version("serde", "2.0.0")).await?;
    show("after the write", &packages.read(Package::by_name("serde")).await?);

    heading("4. What does not exist is None, not an error");
    show("read of \"cow\"", &packages.read(Package::by_name("cow")).await?);

    heading("5. The race: a write overtakes a slow reader, who would leave its old value behind");
    race(&cow, &db).await?;

    heading("6. Timings, the median of 200 each");
    timings(&cow, &db).await?;

    heading("7. What was counted");
    println!("   {}", cow.stats().to_string().replace('\n', "\n   "));
    cow.invalidate_many(NAMES.map(Package::by_name)).await?;
    Ok(())
}

/// A reader is held up after it has read from the database, before it returns.
async fn race(cow: &CacheCow, db: &Database) -> Result<(), Failure> {
    cow.invalidate(Package::by_name("tokio")).await?;
    let gate = db.hold_up_next_fetch();
    let slow_reader = tokio::spawn({
        let (cow, db) = (cow.clone(), db.clone());
        async move { cow.with(&db).read(Package::by_name("tokio")).await }
    });
    gate.arrived.await?;
    row("slow reader", "has read tokio from the database, and is held up");
    cow.write(Package::by_name("tokio"), db.set_version("tokio", "99.0.0")).await?;
    row("writer", "has set tokio to 99.0.0");
    gate.open.send(()).map_err(|()| "the slow reader is gone")?;
    // It returns what it read, but the cache does not accept a value that is older than the write.
    show("slow reader", &slow_reader.await??);
    show("next read", &cow.with(db).read(Package::by_name("tokio")).await?);
    Ok(())
}

async fn timings(cow: &CacheCow, db: &Database) -> Result<(), Failure> {
    let (mut cold, mut hit) = (Vec::new(), Vec::new());
    for _ in 0..200 {
        cow.invalidate(Package::by_name("syn")).await?;
        let began = Instant::now();
        cow.with(db).get(Package::by_name("syn")).await?;
        cold.push(began.elapsed());
    }
    for _ in 0..200 {
        let began = Instant::now();
        cow.with(db).get(Package::by_name("syn")).await?;
        hit.push(began.elapsed());
    }
    let (cold, hit) = (median(cold), median(hit));
    row("cold read", format!("{:8.1} µs", cold.as_secs_f64() * 1e6));
    let ratio = cold.as_secs_f64() / hit.as_secs_f64();
    row("hit", format!("{:8.1} µs, {ratio:.0} times as fast", hit.as_secs_f64() * 1e6));
    Ok(())
}

fn heading(text: &str) {
    println!("\n{text}");
}

fn row(what: &str, text: impl Display) {
    println!("   {what:<16} {text}");
}

fn show(what: &str, read: &Read<Package>) {
    let Read { value, source, fill, .. } = read;
    let value = value.as_ref().map_or_else(
        || "None".to_owned(),
        |package| format!("{} {}, needed by {}", package.name, package.version, package.needed_by),
    );
    row(what, format!("{value:<32} source: {source:?}, fill: {fill:?}"));
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// The error and what caused it, on one line.
fn with_sources(error: &dyn Error) -> String {
    let (mut line, mut cause) = (error.to_string(), error.source());
    while let Some(source) = cause {
        line = format!("{line}: {source}");
        cause = source.source();
    }
    line
}
