//! A server that answers, and refuses.

use cachecow_tests::servers::RedisServer;

use crate::row::Circuit::{Opens, StaysClosed};
use crate::row::Seen::{Cached, Fetched, Never};
use crate::row::Told::{Done, HoldRefused, NotInvalidated};
use crate::row::faults;
use crate::servers::{say, until_info};
use crate::trial::{Trial, within};

faults! {
    /// The server becomes a replica, which takes no writes; it was named itself, and not its sentinels.
    async fn replica(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "",
        remedy: "name the master, or the sentinels or the cluster that know it",
    }
    {
        let server = RedisServer::start();
        let mut control = server.connection().await;
        let commands: [&[&str]; 2] = [&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]];
        Trial::between(row, &server.url(), &mut control, commands).await;
    }

    /// The server becomes a replica without its master, and serves no old data
    /// (`replica-serve-stale-data no`).
    async fn replica_without_master(row) {
        kept: Fetched, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "MASTERDOWN",
        remedy: "name the master, or the sentinels or the cluster that know it",
    }
    {
        let server = RedisServer::start_with(&["--replica-serve-stale-data", "no"]);
        let mut control = server.connection().await;
        let commands: [&[&str]; 2] = [&["REPLICAOF", "127.0.0.1", "1"], &["REPLICAOF", "NO", "ONE"]];
        Trial::between(row, &server.url(), &mut control, commands).await;
    }

    /// The server is full, and evicts nothing (`maxmemory`, `noeviction`).
    async fn full(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: Done, write: Done, strict: Done,
        ping: "",
        remedy: "more memory, or `maxmemory-policy allkeys-lru`",
    }
    {
        let server = RedisServer::start_with(&["--maxmemory-policy", "noeviction"]);
        let mut control = server.connection().await;
        let commands: [&[&str]; 2] = [&["CONFIG", "SET", "maxmemory", "1"], &["CONFIG", "SET", "maxmemory", "0"]];
        Trial::between(row, &server.url(), &mut control, commands).await;
    }

    /// The server cannot save its snapshots, and takes no writes therefore (`MISCONF`).
    async fn unsaved(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "MISCONF",
        remedy: "a cache needs no snapshots: `save \"\"`",
    }
    {
        let server = RedisServer::start();
        let trial = Trial::warm(row, &server.url()).await;
        let mut control = server.connection().await;
        // A folder where the snapshot should be.
        std::fs::create_dir(server.socket().with_file_name("dump.rdb")).unwrap();
        say(&mut control, &["CONFIG", "SET", "save", "3600 1"]).await;
        say(&mut control, &["BGSAVE"]).await;
        within(until_info(&mut control, "rdb_last_bgsave_status:err")).await;
        let trial = trial.suffer().await;
        say(&mut control, &["CONFIG", "SET", "save", ""]).await;
        trial.recover(&server.url()).await;
    }

    /// The server has fewer replicas than it needs to take a write (`min-replicas-to-write`).
    async fn too_few_replicas(row) {
        kept: Cached, other: Fetched, circuit: StaysClosed,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "",
        remedy: "replicas, or a smaller `min-replicas-to-write`",
    }
    {
        let server = RedisServer::start();
        let mut control = server.connection().await;
        let commands: [&[&str]; 2] = [&["CONFIG", "SET", "min-replicas-to-write", "1"], &["CONFIG", "SET", "min-replicas-to-write", "0"]];
        Trial::between(row, &server.url(), &mut control, commands).await;
    }

    /// The server has as many clients as it takes (`maxclients`) when the program starts.
    async fn too_many_clients(row) {
        kept: Never, other: Fetched, circuit: Opens,
        invalidate: NotInvalidated, write: NotInvalidated, strict: HoldRefused,
        ping: "the cache cannot be reached: ",
        remedy: "a larger `maxclients` (`INFO stats` counts `rejected_connections`); a process takes a connection, one more to wait for others' \
                 fills, one for the near tier, and up to 16 for `replica_acks`",
    }
    {
        let server = RedisServer::start();
        let mut control = server.connection().await;
        say(&mut control, &["CONFIG", "SET", "maxclients", "1"]).await;
        let trial = Trial::cold(row, &server.url()).await.suffer().await;
        say(&mut control, &["CONFIG", "SET", "maxclients", "100"]).await;
        trial.recover(&server.url()).await;
    }
}
