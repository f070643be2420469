//! One of the processes of a stampede, told line by line which key to read.
//!
//! Arguments: the server's URL, `cachecow` or `bare`, how many tasks read at once, how long the fetch
//! takes and how long a read waits for another process's fill, both in milliseconds. A fetch counts
//! itself in Redis under `fetches:<id>`. Each line is an id; the answer is the time when the last
//! task had its value, in microseconds since 1970.

use std::io::BufRead as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cachecow::{CacheCow, Cached};
use cachecow_tests::patient::{connect, patient};
use redis::AsyncCommands as _;
use redis::aio::MultiplexedConnection;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(context = Database)]
#[cache(key = "report:{id}", fetch = Database::report)]
struct Report {
    id: u64,
    text: String,
}

#[derive(Clone, Debug)]
struct Database {
    counter: MultiplexedConnection,
    takes: Duration,
}

impl Database {
    async fn report(&self, id: u64) -> Result<Report, redis::RedisError> {
        let () = self.counter.clone().incr(format!("fetches:{id}"), 1).await?;
        tokio::time::sleep(self.takes).await;
        Ok(Report { id, text: "a long report, and dear".to_owned() })
    }
}

#[derive(Clone, Debug)]
enum Cache {
    Cow(CacheCow),
    /// As everybody writes it.
    Bare(MultiplexedConnection),
}

impl Cache {
    async fn get(&self, database: &Database, id: u64) -> Report {
        match self {
            Self::Cow(cow) => {
                let report = cow.with(database).get(Report::by_id(id)).await;
                (*report.expect("the fetch does not fail").expect("every report exists")).clone()
            }
            Self::Bare(connection) => {
                let (mut connection, name) = (connection.clone(), format!("bare:{id}"));
                let cached: Option<Vec<u8>> = connection.get(&name).await.expect("it runs");
                if let Some(cached) = cached {
                    return rmp_serde::from_slice(&cached).expect("what was stored");
                }
                let report = database.report(id).await.expect("the fetch does not fail");
                let encoded = rmp_serde::to_vec_named(&report).expect("it can be serialized");
                let () = connection.set_ex(&name, encoded, 600).await.expect("it runs");
                report
            }
        }
    }
}

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, url, mode, tasks, takes, wait] = &arguments[..] else {
        eprintln!("usage: cachecow-stampede URL cachecow|bare TASKS FETCH_MS WAIT_MS");
        std::process::exit(2);
    };
    let milliseconds = |text: &str| Duration::from_millis(text.parse().expect("a number"));
    let tasks: usize = tasks.parse().expect("a number");
    let counter = connect(url).await.expect("the server runs");
    let database = Database { counter, takes: milliseconds(takes) };
    let cache = if mode == "bare" {
        Cache::Bare(connect(url).await.expect("the server runs"))
    } else {
        let opened = patient().fill_wait(milliseconds(wait)).open(url).await;
        Cache::Cow(opened.expect("a valid address"))
    };
    for line in std::io::stdin().lock().lines() {
        let id: u64 = line.expect("text").parse().expect("an id");
        let reads: Vec<_> = (0..tasks)
            .map(|_| {
                let (cache, database) = (cache.clone(), database.clone());
                tokio::spawn(async move { cache.get(&database, id).await })
            })
            .collect();
        for read in reads {
            assert_eq!(read.await.expect("no task fails").id, id);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        println!("{}", now.as_micros());
    }
}
