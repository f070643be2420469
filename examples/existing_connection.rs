//! Using a Redis connection that the program already has, for cachecow too.
//!
//! ```sh
//! REDIS_URL=redis://127.0.0.1:6379 cargo run -p cachecow-examples --example existing_connection
//! ```

use std::error::Error;
use std::process::ExitCode;

use cachecow::{CacheCow, Cached};
use redis::AsyncTypedCommands as _;
use redis::aio::ConnectionManager;

#[derive(Clone, Debug, Cached)]
#[cache(ttl = "1m")]
#[cache(key = "square:{root}", fetch = Square::compute)]
struct Square {
    root: u32,
    value: u64,
}

impl Square {
    async fn compute(root: u32) -> Result<Self, tokio::task::JoinError> {
        let value = tokio::task::spawn_blocking(move || u64::from(root).pow(2)).await?;
        Ok(Self { root, value })
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "redis://127.0.0.1:6379".to_owned());
    match run(&url).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "existing_connection: {error}; is there a Redis, and is REDIS_URL its address?"
            );
            ExitCode::FAILURE
        }
    }
}

async fn run(url: &str) -> Result<(), Box<dyn Error>> {
    // A connection manager reconnects by itself; cachecow requires that of a connection it did not
    // open. All clones share one connection, so cachecow's commands and the program's use the same
    // one.
    let mut connection = ConnectionManager::new(redis::Client::open(url)?).await?;
    let cow = CacheCow::builder()
        // Every key of the cache begins with this, so it cannot collide with the program's own keys.
        .namespace("cachecow-example")
        .redis_connection(connection.clone())?;

    let visits = connection.incr("cachecow-example-visits", 1).await?;
    println!("run number {visits}, counted by the program's own use of the connection");
    for _ in 0..2 {
        let read = cow.read(Square::by_root(12)).await?;
        let value = read.value.map(|square| square.value);
        println!("12 squared is {value:?}, source: {:?}", read.source);
    }
    cow.invalidate(Square::by_root(12)).await?;
    Ok(())
}
