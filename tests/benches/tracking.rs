//! What it costs the server to tell processes of changes, by broadcast and key by key: its own processor
//! time for one change of a key, with everything that follows from it.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench tracking [-- --quick]
//! ```

mod support;

use cachecow_tests::servers::RedisServer;
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands as _, AsyncConnectionConfig, ProtocolVersion};

use crate::support::quick;

/// As long as a small object's document.
const VALUE: [u8; 160] = [7; 160];
const KEYS: u16 = 1000;

#[derive(Clone, Copy)]
enum Tracking {
    None,
    Broadcast,
    PerKey,
}

#[tokio::main]
async fn main() {
    let rounds = if quick() { 20 } else { 200 };
    println!("the server's processor time for a change of one key, in microseconds");
    println!(
        "{:>9} {:>8} {:>8} {:>10} {:>8}",
        "processes", "readers", "none", "broadcast", "per key"
    );
    for processes in [1, 4, 16] {
        // Everyone keeps what changes, or one in all.
        for readers in [1, processes] {
            if readers == 1 && processes == 1 {
                continue;
            }
            let mut figures = Vec::new();
            for tracking in [Tracking::None, Tracking::Broadcast, Tracking::PerKey] {
                figures.push(cost(tracking, processes, readers, rounds).await);
            }
            println!(
                "{processes:>9} {readers:>8} {:>8.2} {:>10.2} {:>8.2}",
                figures[0], figures[1], figures[2]
            );
        }
    }
}

async fn cost(tracking: Tracking, processes: usize, readers: usize, rounds: u32) -> f64 {
    let server = RedisServer::start();
    let mut writer = server.connection().await;
    let mut all = Vec::new();
    for _ in 0..processes {
        all.push(process(&server, tracking).await);
    }
    let before = processor_time(&mut writer).await;
    for _ in 0..rounds {
        let mut changes = redis::Pipeline::new();
        let mut reads = redis::Pipeline::new();
        for key in 0..KEYS {
            changes.set(format!("cache:{{{key:022}}}"), &VALUE).ignore();
            reads.get(format!("cache:{{{key:022}}}"));
        }
        changes.exec_async(&mut writer).await.expect("the server runs");
        for reader in &mut all[..readers] {
            let _: Vec<Vec<u8>> = reads.query_async(reader).await.expect("the server runs");
        }
    }
    let took = processor_time(&mut writer).await - before;
    took * 1e6 / f64::from(rounds) / f64::from(KEYS)
}

/// A connection as a process has it: with broadcast another one listens.
async fn process(server: &RedisServer, tracking: Tracking) -> MultiplexedConnection {
    let client = redis::Client::open(server.url()).expect("a valid address");
    let info = client.get_connection_info().clone();
    let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
    let client = redis::Client::open(info.set_redis_settings(settings)).expect("a valid address");
    let config = AsyncConnectionConfig::new()
        .set_response_timeout(None)
        .set_push_sender(|_push: redis::PushInfo| Ok::<(), ()>(()));
    let connect = || client.get_multiplexed_async_connection_with_config(&config);
    let mut connection = connect().await.expect("the server runs");
    let mut track = redis::cmd("CLIENT");
    track.arg("TRACKING").arg("ON");
    match tracking {
        Tracking::None => {}
        Tracking::PerKey => track.exec_async(&mut connection).await.expect("the server can"),
        Tracking::Broadcast => {
            let mut listener = connect().await.expect("the server runs");
            track.arg("BCAST").arg("PREFIX").arg("cache:{");
            track.exec_async(&mut listener).await.expect("the server can");
            // Listens for as long as the benchmark runs.
            std::mem::forget(listener);
        }
    }
    connection
}

/// In seconds, since the server started.
async fn processor_time(connection: &mut MultiplexedConnection) -> f64 {
    let _: () = connection.ping().await.expect("the server runs");
    let info: String =
        redis::cmd("INFO").arg("cpu").query_async(connection).await.expect("the server runs");
    let field = |name: &str| -> f64 {
        let line = info.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        line.trim().parse().expect("a number")
    };
    field("used_cpu_user:") + field("used_cpu_sys:")
}
