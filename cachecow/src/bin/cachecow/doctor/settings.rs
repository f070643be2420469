//! The server's version, role and settings.

use std::collections::HashMap;

use cachecow::__tools::OneServer;
use redis::Pipeline;

use super::{Check, Level};
use crate::fault::Fault;
use crate::replies;
use crate::session::{Session, ask_all};
use crate::shown;

/// The oldest version that works.
const OLDEST: (u32, u32) = (6, 2);

type Pairs = HashMap<String, String>;

pub(super) async fn checks(session: &Session, server: &OneServer) -> Result<Vec<Check>, Fault> {
    let mut questions = Pipeline::new();
    questions.cmd("INFO");
    for setting in ["maxmemory-policy", "save", "appendonly", "appendfsync"] {
        questions.cmd("CONFIG").arg("GET").arg(setting);
    }
    questions.cmd("CLUSTER").arg("INFO");
    questions.cmd("CLUSTER").arg("NODES");
    let answers = ask_all(server, &questions).await?;
    if replies::is_error(&answers[0]) {
        return Ok(vec![
            Check::new(
                "settings",
                Level::Note,
                "INFO is denied: version and settings were not checked",
            )
            .remedy("run `doctor` as a user with the rights +info and +config|get"),
        ]);
    }
    let info = replies::pairs(&answers[0]);
    let config: Pairs = answers[1..5].iter().flat_map(replies::pairs).collect();
    let mut checks = vec![version(&info), role(&info)];
    checks.extend(memory(&info, &config));
    checks.extend(persistence(&info, &config));
    checks.push(replicas(&info));
    if session.servers.is_cluster() {
        checks.extend(cluster(
            &replies::pairs(&answers[5]),
            &replies::text(&answers[6]).unwrap_or_default(),
        ));
    }
    Ok(checks)
}

fn of<'a>(pairs: &'a Pairs, name: &str) -> &'a str {
    pairs.get(name).map_or("", |value| &**value)
}

fn number(pairs: &Pairs, name: &str) -> u64 {
    of(pairs, name).parse().unwrap_or_default()
}

fn version(info: &Pairs) -> Check {
    let redis = of(info, "redis_version");
    let shown = match info.get("valkey_version") {
        Some(valkey) => format!("Valkey {valkey}"),
        None => format!("Redis {redis}"),
    };
    let mut parts = redis.split('.').map(|part| part.parse().unwrap_or(0));
    if (parts.next().unwrap_or(0), parts.next().unwrap_or(0)) >= OLDEST {
        Check::ok("version", shown)
    } else {
        Check::new("version", Level::Fault, shown).remedy("use Redis 6.2 or later, or Valkey")
    }
}

fn role(info: &Pairs) -> Check {
    if of(info, "loading") == "1" {
        return Check::new("role", Level::Fault, "the server is loading its data from disk")
            .remedy("wait; a cache needs no persistence, and without it a server starts at once");
    }
    match of(info, "role") {
        "master" => Check::ok("role", "master"),
        _ => Check::new("role", Level::Fault, "the server is a replica, and accepts no writes").remedy(
            "put the master into the URL, or the sentinels that know it: redis+sentinel://a,b,c/name",
        ),
    }
}

fn memory(info: &Pairs, config: &Pairs) -> Vec<Check> {
    let (max, used) = (number(info, "maxmemory"), number(info, "used_memory"));
    let policy = config.get("maxmemory-policy").or_else(|| info.get("maxmemory_policy"));
    let policy = policy.map_or("", |policy| &**policy);
    let mut checks = Vec::new();
    if max == 0 {
        let found = format!("no maximum, {} in use", shown::size(used));
        checks.push(Check::new("maxmemory", Level::Warning, found).remedy(
            "set maxmemory, and a maxmemory-policy that evicts: otherwise the system kills the server when memory runs out",
        ));
    } else {
        checks.push(Check::ok(
            "maxmemory",
            format!("{} of {} in use", shown::size(used), shown::size(max)),
        ));
    }
    let check = match policy {
        "noeviction" if max > 0 => Check::new("maxmemory-policy", Level::Warning, policy).remedy(
            "choose allkeys-lru or allkeys-lfu: when a server with noeviction is full, nothing is stored",
        ),
        "volatile-ttl" => Check::new("maxmemory-policy", Level::Warning, policy).remedy(
            "choose allkeys-lru or allkeys-lfu: volatile-ttl evicts leases and holds first, because they expire first",
        ),
        "" => Check::new("maxmemory-policy", Level::Note, "unknown"),
        policy => Check::ok("maxmemory-policy", policy),
    };
    checks.push(check);
    let evicted = number(info, "evicted_keys");
    if evicted > 0 {
        let found = format!("{evicted} keys since the server started");
        checks.push(Check::new("evictions", Level::Note, found).remedy(
            "give the server more memory if the hit ratio is low; a write whose hold is evicted is protected as by \
             `invalidate` alone",
        ));
    }
    checks
}

fn persistence(info: &Pairs, config: &Pairs) -> Vec<Check> {
    let mut checks = Vec::new();
    match config.get("save").map(|save| &**save) {
        Some("") => checks.push(Check::ok("snapshots", "none")),
        Some(_) => checks.push(Check::new("snapshots", Level::Warning, "they are saved").remedy(
            "CONFIG SET save '': a restart from a snapshot brings back what was invalidated since, for its time to \
             live",
        )),
        None => checks.push(
            Check::new("snapshots", Level::Note, "unknown: CONFIG GET is denied")
                .remedy("make sure that the cache's server saves no snapshots"),
        ),
    }
    if of(info, "aof_enabled") == "1" {
        let always = of(config, "appendfsync") == "always";
        let level = if always { Level::Note } else { Level::Warning };
        checks.push(Check::new("append-only file", level, "it is written").remedy(
            "CONFIG SET appendonly no: after a crash the last invalidations may be missing in it, about a second's \
             with appendfsync everysec",
        ));
    } else {
        checks.push(Check::ok("append-only file", "none"));
    }
    if of(info, "rdb_last_bgsave_status") == "err" {
        checks.push(
            Check::new(
                "last snapshot",
                Level::Fault,
                "the last save failed, and the server may refuse writes",
            )
            .remedy("CONFIG SET save '', or free space on the disk"),
        );
    }
    checks
}

fn replicas(info: &Pairs) -> Check {
    match number(info, "connected_slaves") {
        0 => Check::ok("replicas", "none"),
        count => Check::new("replicas", Level::Note, format!("{count} connected")).remedy(format!(
            "a failover may lose what was just invalidated, for its time to live; \
             `Builder::replica_acks({count}, …)` waits for them"
        )),
    }
}

fn cluster(info: &Pairs, nodes: &str) -> Vec<Check> {
    let mut checks = Vec::new();
    match of(info, "cluster_state") {
        "ok" => checks.push(Check::ok("cluster", "every slot has a master")),
        "" => checks.push(Check::new("cluster", Level::Note, "unknown: CLUSTER INFO is denied")),
        _ => checks.push(Check::new("cluster", Level::Fault, "some slots have no master").remedy(
            "see CLUSTER NODES for the node that failed; reads of keys in its slots go to the backing store",
        )),
    }
    // `[slot->-node]` and `[slot-<-node]` occur only in the line of the node itself.
    let own = nodes.lines().find(|line| line.contains("myself"));
    let moving = own.map_or(0, |line| line.matches(" [").count());
    if moving > 0 {
        checks.push(Check::new("slots", Level::Note, format!("{moving} are moving")).remedy(
            "nothing new is stored in them until the move has ended; a move that was broken off is ended by \
             redis-cli --cluster fix",
        ));
    }
    checks
}
