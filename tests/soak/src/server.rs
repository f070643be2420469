//! One real Redis, a link to it, and what goes wrong with both.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cachecow_tests::servers::RedisServer;
use fastrand::Rng;
use redis::{Cmd, FromRedisValue};

use crate::faults::Fault;
use crate::proxy::{Direction, Proxy};

/// So little that some of what is cached must be evicted.
const MEMORY: &str = "7mb";
/// Less than the server itself needs.
const HARDLY_ANY: &str = "1mb";

pub(crate) struct Server {
    redis: RedisServer,
    proxy: Proxy,
    evicted_before: u64,
}

impl Server {
    pub(crate) fn start(folder: &Path) -> io::Result<Self> {
        let arguments = ["--maxmemory", MEMORY, "--maxmemory-policy", "allkeys-lru"];
        let redis = RedisServer::start_with(&arguments);
        let proxy = Proxy::start(folder, redis.socket())?;
        Ok(Self { redis, proxy, evicted_before: 0 })
    }

    /// Where the process connects to: every other one goes by the link.
    pub(crate) fn url_for(&self, process: usize) -> String {
        if (process / 2).is_multiple_of(2) { self.proxy.url() } else { self.redis.url() }
    }

    /// Where its near tier hears of changes, if it has one: by the link, also where all else does not
    /// go by it.
    pub(crate) fn near_url_for(&self, process: usize) -> Option<String> {
        (process % 2 == 1).then(|| self.proxy.url())
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.redis.socket()
    }

    /// Brings a fault about, and ends it.
    pub(crate) async fn carry_out(&mut self, fault: Fault, random: &mut Rng) -> io::Result<()> {
        let mut for_a_while =
            |longest: u64| Duration::from_millis(random.u64(longest / 5..longest));
        match fault {
            Fault::ServerRestarted => {
                self.evicted_before = self.evicted().await;
                self.redis.kill();
                tokio::time::sleep(for_a_while(200)).await;
                self.redis.restart();
            }
            Fault::ServerPaused => {
                self.redis.pause();
                tokio::time::sleep(for_a_while(1500)).await;
                self.redis.resume();
            }
            Fault::ClientsPaused => {
                let time = for_a_while(1000);
                let milliseconds = u64::try_from(time.as_millis()).expect("a short time");
                let what = if random.bool() { "ALL" } else { "WRITE" };
                self.ask::<()>(&["CLIENT", "PAUSE", &milliseconds.to_string(), what]).await;
                tokio::time::sleep(time).await;
            }
            Fault::ScriptsFlushed => self.ask(&["SCRIPT", "FLUSH"]).await,
            Fault::AllFlushed => self.ask(&["FLUSHALL"]).await,
            Fault::ClientsKilled => self.ask(&["CLIENT", "KILL", "TYPE", "normal"]).await,
            Fault::TrackersKilled => self.kill_trackers().await,
            Fault::Evicted => {
                self.ask::<()>(&["CONFIG", "SET", "maxmemory", HARDLY_ANY]).await;
                tokio::time::sleep(for_a_while(500)).await;
                self.ask::<()>(&["CONFIG", "SET", "maxmemory", MEMORY]).await;
            }
            Fault::RequestCut => self.proxy.cut(Direction::Requests),
            Fault::ReplyCut => self.proxy.cut(Direction::Replies),
            Fault::LinkDelayed => {
                self.proxy.delay(for_a_while(800));
                tokio::time::sleep(for_a_while(1500)).await;
                self.proxy.delay(Duration::ZERO);
            }
            Fault::LinkHeldUp => {
                self.proxy.hold_up(true);
                tokio::time::sleep(for_a_while(3000)).await;
                self.proxy.hold_up(false);
            }
            _ => return Err(io::Error::other("a fault that is not a server's")),
        }
        Ok(())
    }

    async fn kill_trackers(&self) {
        let clients: String = self.ask(&["CLIENT", "LIST"]).await;
        for client in clients.lines() {
            let field = |name: &str| {
                client.split(' ').find_map(|field| field.strip_prefix(name)).unwrap_or_default()
            };
            if field("flags=").contains('t') {
                // It may be gone by now.
                self.ask::<u64>(&["CLIENT", "KILL", "ID", field("id=")]).await;
            }
        }
    }

    /// How many keys were evicted since the run began.
    pub(crate) async fn evicted(&self) -> u64 {
        self.evicted_before + self.info("stats", "evicted_keys").await.parse().unwrap_or(0)
    }

    /// Its program and version.
    pub(crate) async fn version(&self) -> String {
        match self.info("server", "valkey_version").await {
            version if version.is_empty() => {
                format!("Redis {}", self.info("server", "redis_version").await)
            }
            version => format!("Valkey {version}"),
        }
    }

    async fn info(&self, section: &str, name: &str) -> String {
        let info: String = self.ask(&["INFO", section]).await;
        let value = info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        value.unwrap_or_default().trim().to_owned()
    }

    async fn ask<T: FromRedisValue>(&self, command: &[&str]) -> T {
        let client = redis::Client::open(self.redis.url()).expect("a valid address");
        ask(&client, command).await.expect("the server runs")
    }
}

/// Carries a command out, however long that takes.
pub(crate) async fn ask<T: FromRedisValue>(
    client: &redis::Client,
    command: &[&str],
) -> redis::RedisResult<T> {
    let config =
        redis::AsyncConnectionConfig::new().set_connection_timeout(None).set_response_timeout(None);
    let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
    let mut all = Cmd::new();
    all.arg(command).query_async(&mut connection).await
}
