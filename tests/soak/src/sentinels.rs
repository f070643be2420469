//! A master and its replicas under the eyes of sentinels, and what goes wrong with them.

use std::time::Duration;

use cachecow_tests::servers::RedisSentinels;
use fastrand::Rng;
use redis::aio::MultiplexedConnection;
use rustix::process::{Pid, Signal, kill_process};

use crate::cluster::for_a_while;
use crate::failovers::{Failover, Failovers};
use crate::faults::Fault;
use crate::history::{History, Micros};
use crate::proxy::Proxy;
use crate::server::ask;

pub(crate) const REPLICAS: usize = 2;
const LOOKING: Duration = Duration::from_millis(20);
/// How long the sentinels rest after a failover, in milliseconds: short, since there are many.
const FAILOVER_TIMEOUT: &str = "2000";
/// How long after its links are up again a process asks a former master at the most. The sentinels
/// leave one alone for 8 s.
const HEARD: Micros = 5_000_000;

pub(crate) struct Sentinels {
    servers: RedisSentinels,
    /// What the sentinels call the master.
    name: String,
    ports: Vec<u16>,
    /// The processes' links to the sentinels.
    links: Vec<Proxy>,
    pub(crate) failovers: Failovers,
}

impl Sentinels {
    pub(crate) async fn start() -> std::io::Result<Self> {
        let servers = RedisSentinels::start(REPLICAS).await;
        let url = servers.url();
        let (hosts, name) = url
            .strip_prefix("redis+sentinel://")
            .and_then(|rest| rest.split_once('/'))
            .expect("an address as ours are");
        let port = |host: &str| host.rsplit(':').next().and_then(|port| port.parse().ok());
        let ports: Vec<u16> = hosts.split(',').filter_map(port).collect();
        let mut links = Vec::new();
        for port in &ports {
            links.push(Proxy::of_port(*port).await?);
        }
        let name = name.to_owned();
        let group = Self { servers, name, ports, links, failovers: Failovers::default() };
        for sentinel in 0..group.ports.len() {
            let set = ["SENTINEL", "SET", &group.name, "failover-timeout", FAILOVER_TIMEOUT];
            let done: redis::RedisResult<String> = ask(&group.sentinel(sentinel), &set).await;
            done.expect("a sentinel that runs");
        }
        Ok(group)
    }

    /// The address, with the sentinels behind their links.
    pub(crate) fn url(&self) -> String {
        let hosts: Vec<String> = self.links.iter().map(Proxy::url).collect();
        format!("redis+sentinel://{}/{}", hosts.join(","), self.name)
    }

    /// Brings a fault about, and ends it.
    pub(crate) async fn carry_out(&mut self, fault: Fault, random: &mut Rng, history: &History) {
        let master = self.servers.master().await;
        match fault {
            Fault::FailedOver => {
                let went = history.now();
                self.servers.kill(master);
                self.failovers.note(Failover::of_the_master(went, history.now()));
                let successor = self.successor_of(master).await;
                self.servers.restart(master);
                self.follow(master, successor).await;
            }
            Fault::FailedOverByHand => self.hand_over(master, history).await,
            Fault::MasterStopped => {
                let went = history.now();
                let stopped = self.stop(master).await;
                tokio::time::sleep(for_a_while(random, 800)).await;
                stopped.wake();
                self.note_if_replaced(master, went, history).await;
            }
            Fault::SentinelsCutOff => {
                // What was heard before is what is outdated then.
                if self.failovers.is_empty() {
                    self.hand_over(master, history).await;
                    self.until_well().await;
                }
                self.replace_unheard(Proxy::take_down, random, history).await;
            }
            Fault::SentinelsHeldUp => {
                self.replace_unheard(Proxy::hold_up, random, history).await;
            }
            Fault::SentinelsBlinked => {
                self.links.iter().for_each(|link| link.take_down(true));
                tokio::time::sleep(for_a_while(random, 500)).await;
                self.links.iter().for_each(|link| link.take_down(false));
            }
            Fault::SentinelStopped => {
                let sentinel = self.sentinel(random.usize(..self.ports.len()));
                let stopped = Stopped::of(&sentinel).await;
                tokio::time::sleep(for_a_while(random, 2000)).await;
                stopped.wake();
            }
            Fault::ScriptsFlushed => self.tell_all(&["SCRIPT", "FLUSH"]).await,
            Fault::AllFlushed => self.tell_all(&["FLUSHALL"]).await,
            _ => self.tell_all(&["CLIENT", "KILL", "TYPE", "normal"]).await,
        }
        self.until_well().await;
    }

    /// Switches to another master as for maintenance, so that all can hear of it.
    async fn hand_over(&mut self, master: usize, history: &History) {
        let went = history.now();
        loop {
            self.ask_for_a_failover().await;
            // The sentinels give one up that a busy machine holds up, and do not begin it again.
            let succeeded = self.successor_of(master);
            if tokio::time::timeout(Duration::from_secs(20), succeeded).await.is_ok() {
                break;
            }
        }
        self.servers.demoted(master).await;
        self.failovers.note(Failover::of_the_master(went, history.now()));
    }

    /// Stops the master until another server has taken its place, while nobody can hear of it, and then
    /// wakes it: it serves what it has until the sentinels demote it. Long before that everybody must
    /// have heard of its successor.
    async fn replace_unheard(
        &mut self,
        cut_off: fn(&Proxy, bool),
        random: &mut Rng,
        history: &History,
    ) {
        let master = self.servers.master().await;
        self.links.iter().for_each(|link| cut_off(link, true));
        let went = history.now();
        let stopped = self.stop(master).await;
        self.successor_of(master).await;
        tokio::time::sleep(for_a_while(random, 1500)).await;
        stopped.wake();
        self.links.iter().for_each(|link| cut_off(link, false));
        let heard = history.now() + HEARD;
        self.servers.demoted(master).await;
        let gone = history.now().min(heard);
        self.failovers.note(Failover::of_the_master(went, gone));
    }

    async fn note_if_replaced(&mut self, master: usize, went: u64, history: &History) {
        self.until_well().await;
        if self.servers.master().await != master {
            self.failovers.note(Failover::of_the_master(went, history.now()));
        }
    }

    async fn successor_of(&self, master: usize) -> usize {
        loop {
            let now = self.servers.master().await;
            if now != master {
                return now;
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    /// As the sentinels would have it some seconds later: a server that was restarted is no master.
    async fn follow(&self, server: usize, master: usize) {
        let mut connection = self.servers.connection(master).await;
        let port: Option<Vec<String>> = tell(&mut connection, &["CONFIG", "GET", "port"]).await;
        let port = &port.expect("a server that runs")[1];
        let mut connection = self.servers.connection(server).await;
        let follow = ["REPLICAOF", "127.0.0.1", port];
        let _: Option<String> = tell(&mut connection, &follow).await;
        let _: Option<u64> = tell(&mut connection, &["CLIENT", "KILL", "TYPE", "normal"]).await;
    }

    async fn ask_for_a_failover(&self) {
        let command = ["SENTINEL", "FAILOVER", &self.name];
        loop {
            // Refused while they rest after another.
            let done: redis::RedisResult<String> = ask(&self.sentinel(0), &command).await;
            if done.is_ok() {
                return;
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    /// Waits until the sentinels agree on a master, and all others follow it.
    async fn until_well(&self) {
        loop {
            let master = self.servers.master().await;
            let mut following = 0;
            for server in 0..=REPLICAS {
                // The sentinels close its clients' connections as they reconfigure a server, also those that are new.
                let info: Option<String> = match self.servers.try_connection(server).await {
                    Ok(mut connection) => tell(&mut connection, &["INFO", "replication"]).await,
                    Err(_) => None,
                };
                let info = info.unwrap_or_default();
                if server == master {
                    following = info.matches("state=online").count();
                } else if !info.contains("master_link_status:up") {
                    following = usize::MAX;
                    break;
                }
            }
            if following == REPLICAS {
                return;
            }
            tokio::time::sleep(LOOKING).await;
        }
    }

    async fn stop(&self, server: usize) -> Stopped {
        Stopped::by(&mut self.servers.connection(server).await).await
    }

    fn sentinel(&self, sentinel: usize) -> redis::Client {
        let address = format!("redis://127.0.0.1:{}", self.ports[sentinel]);
        redis::Client::open(address).expect("an address")
    }

    async fn tell_all(&self, command: &[&str]) {
        for server in 0..=REPLICAS {
            // Replicas refuse to be flushed, and are by their master.
            let _: Option<redis::Value> =
                tell(&mut self.servers.connection(server).await, command).await;
        }
    }

    /// Its servers' program and version.
    pub(crate) async fn version(&self) -> String {
        let mut connection = self.servers.connection(0).await;
        let info: Option<String> = tell(&mut connection, &["INFO", "server"]).await;
        let info = info.unwrap_or_default();
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        format!("Redis {} with sentinels", version.unwrap_or_default().trim())
    }
}

/// A server that is stopped, as its own process knows itself.
struct Stopped(Pid);

impl Stopped {
    async fn of(client: &redis::Client) -> Self {
        let info: redis::RedisResult<String> = ask(client, &["INFO", "server"]).await;
        Self::named_by(&info.expect("a sentinel that runs"))
    }

    async fn by(connection: &mut MultiplexedConnection) -> Self {
        let info: Option<String> = tell(connection, &["INFO", "server"]).await;
        Self::named_by(&info.unwrap_or_default())
    }

    fn named_by(info: &str) -> Self {
        let process = info.lines().find_map(|line| line.strip_prefix("process_id:"));
        let process = process.and_then(|process| Pid::from_raw(process.trim().parse().ok()?));
        let process = process.expect("a server knows its process");
        kill_process(process, Signal::STOP).expect("a server of ours");
        Self(process)
    }

    fn wake(&self) {
        kill_process(self.0, Signal::CONT).expect("a server of ours");
    }
}

/// None if the server refuses, or closes the connection.
async fn tell<T: redis::FromRedisValue>(
    connection: &mut MultiplexedConnection,
    command: &[&str],
) -> Option<T> {
    redis::Cmd::new().arg(command).query_async(connection).await.ok()
}
