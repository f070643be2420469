//! How do I follow a database with Debezium's events, or with a log of my own?
//!
//! Reads Debezium's JSON (with its envelope's `before`, `after`, `source`), one event a line, from a file or a
//! pipe: `kafka-console-consumer … | cargo run -p cachecow-examples --example debezium -- /dev/stdin`. Without a file it
//! runs a demonstration.

use std::io::Write as _;
use std::time::Duration;

use cachecow::log::{Batch, ChangeLog, LogPosition, Opened, Opening, Row, RowVersion, Value};
use cachecow::{CacheCow, Cached, Error};
use serde_json::Value as Json;
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};

/// Reads one event in each line. A line's number is its position. Acknowledged positions are kept only in this
/// process, so the next process reads and invalidates everything again, which does no harm.
///
/// One requirement is left out to keep this short. Debezium reads the database's log, which may contain a commit
/// before it is visible; then an invalidation comes too early. A complete log implements `settle` and waits: for
/// PostgreSQL, until `source.txId` is below `pg_snapshot_xmin(pg_current_snapshot())`.
struct Debezium {
    path: String,
    lines: Option<Lines<BufReader<File>>>,
    read: u64,
}

impl ChangeLog for Debezium {
    async fn open(&mut self) -> Result<Opening, Error> {
        let file = File::open(&self.path).await;
        let file = file.map_err(|error| Error::unavailable("the events' file", error))?;
        (self.lines, self.read) = (Some(BufReader::new(file).lines()), 0);
        let identity = format!("debezium {}", self.path);
        Ok(Opening::Open(Opened::at(identity, LogPosition::new(0))))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        let Some(lines) = &mut self.lines else { return std::future::pending().await };
        let line = loop {
            let line = lines.next_line().await;
            match line.map_err(|error| Error::unavailable("the events' file", error))? {
                Some(line) => break line,
                // The end of a file, which may grow. A pipe or a topic would wait by itself.
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        self.read += 1;
        batch.set_position(LogPosition::new(self.read));
        let Ok(event) = serde_json::from_str::<Json>(&line) else {
            // It is not known which row it was for.
            batch.everything_of_all("an event is not valid JSON");
            return Ok(());
        };
        let event = event.get("payload").unwrap_or(&event);
        let source = |name: &str| event["source"][name].as_str().unwrap_or_default();
        let (schema, table) = (source("schema"), source("table"));
        if event["op"] == "t" {
            batch.everything(schema, table, "the table was truncated");
        } else {
            let old = row(RowVersion::Old, &event["before"]);
            let new = row(RowVersion::New, &event["after"]);
            batch.change(schema, table, old.as_ref(), new.as_ref());
        }
        Ok(())
    }

    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        // The current end of the file; for a topic, Kafka's end offset.
        let text = tokio::fs::read_to_string(&self.path).await;
        let text = text.map_err(|error| Error::unavailable("the events' file", error))?;
        Ok(LogPosition::new(text.lines().count() as u64))
    }
}

/// A row from the envelope.
fn row(version: RowVersion, columns: &Json) -> Option<Row<'_>> {
    let columns = columns.as_object()?;
    let mut row = Row::of(version);
    for (name, value) in columns {
        let unchanged = value == "__debezium_unavailable_value";
        row.push(name, if unchanged { Value::Unchanged } else { Value::from(value) });
    }
    Some(row)
}

#[derive(Debug, Cached)]
#[cache(table = "shop.products")]
#[cache(key = "product:{id}", fetch = Product::find)]
struct Product {
    id: i64,
    price: u32,
}

impl Product {
    async fn find(id: i64) -> Result<Product, std::convert::Infallible> {
        println!("product {id} is fetched");
        Ok(Product { id, price: 100 })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut shown = tempfile::NamedTempFile::new()?;
    let path = match std::env::args().nth(1) {
        Some(path) => path,
        None => shown.path().display().to_string(),
    };
    let cow = CacheCow::memory();
    let log = Debezium { path, lines: None, read: 0 };
    let follower = cow.follow(log).types::<Product>().start().await?;
    follower.caught_up().await?;
    cow.get(Product::by_id(7)).await?;
    cow.get(Product::by_id(7)).await?;

    println!("a change event arrives");
    writeln!(
        shown,
        r#"{{"op":"u","source":{{"schema":"shop","table":"products"}},"before":null,"after":{{"id":7,"price":120}}}}"#
    )?;
    follower.caught_up().await?;
    cow.get(Product::by_id(7)).await?;
    println!("{}", follower.status());
    Ok(())
}
