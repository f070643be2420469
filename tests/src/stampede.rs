//! Several processes that all want one value at once.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use redis::AsyncCommands as _;

use crate::peer::Peer;
use crate::servers::RedisServer;

/// How many processes take part.
pub const PROCESSES: usize = 4;
/// How many tasks each has.
pub const TASKS: usize = 1_000;

/// The processes and their server.
#[derive(Debug)]
pub struct Stampede {
    server: RedisServer,
    peers: Vec<Peer>,
}

/// What became of one key.
#[derive(Clone, Copy, Debug)]
pub struct Trampled {
    /// How often it was fetched.
    pub fetches: u64,
    /// From the word to begin until the last task of the last process had its value.
    pub last: Duration,
}

impl Stampede {
    /// Starts a server and the processes, which read through `cachecow` or `bare`, by the binary
    /// `cachecow-stampede`.
    ///
    /// # Panics
    ///
    /// If they cannot be started.
    pub fn start(binary: &str, mode: &str, fetch: Duration, fill_wait: Duration) -> Self {
        let server = RedisServer::start();
        let [fetch, fill_wait] = [fetch, fill_wait].map(|time| time.as_millis().to_string());
        let arguments = [&server.url(), mode, &TASKS.to_string(), &fetch, &fill_wait];
        let peer = || Peer::start_with(std::process::Command::new(binary).args(arguments));
        let peers = (0..PROCESSES).map(|_| peer()).collect();
        Self { server, peers }
    }

    /// Lets every task of every process read one key.
    ///
    /// # Panics
    ///
    /// If a process is gone.
    pub async fn trample(&mut self, id: u64) -> Trampled {
        let began = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        for peer in &mut self.peers {
            peer.say(&id.to_string());
        }
        let ends = self.peers.iter_mut().map(Peer::hear);
        let last = ends.map(|end| end.parse().expect("a time")).max().expect("a process");
        let fetches = self.server.connection().await.get(format!("fetches:{id}")).await;
        Trampled {
            fetches: fetches.expect("the processes count"),
            last: Duration::from_micros(last).saturating_sub(began),
        }
    }
}
