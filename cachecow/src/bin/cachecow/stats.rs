//! `cachecow stats`.

use std::collections::{BTreeMap, HashMap};

use cachecow::__tools::{self as tools, OneServer};
use redis::Pipeline;
use serde_json::json;

use crate::args::Stats;
use crate::fault::{Exit, Fault};
use crate::scan::{self, Kind, Names, Progress, Scan};
use crate::session::{Session, ask, ask_all};
use crate::{replies, shown};

/// The totals of one type. The words at the start of a key's name give the type.
#[derive(Default)]
struct OfType {
    values: u64,
    bytes: u64,
    /// The memory that Redis uses for the values whose `MEMORY USAGE` was answered.
    memory: u64,
    measured: u64,
}

#[derive(Default)]
struct Found {
    types: BTreeMap<String, OfType>,
    flags: u64,
    tags: u64,
    others: u64,
    looked_at: u64,
    /// Whether the figures are of a sample, and there is more.
    is_sample: bool,
}

/// The totals of all servers.
#[derive(Default)]
struct OfServers {
    keys: u64,
    hits: u64,
    misses: u64,
    evicted: u64,
    used: u64,
    max: u64,
}

pub(crate) async fn run(session: &Session, arguments: &Stats) -> Result<Exit, Fault> {
    let servers = session.all().await?;
    let totals = totals(&servers).await?;
    let limit =
        if arguments.all { u64::MAX } else { u64::try_from(arguments.sample).unwrap_or(u64::MAX) };
    let found = look(session, &servers, limit, totals.keys).await?;
    if session.out.is_json() {
        json(session, &found, &totals)
    } else {
        tell(session, &found, &totals)
    }?;
    Ok(Exit::Done)
}

async fn totals(servers: &[OneServer]) -> Result<OfServers, Fault> {
    let mut totals = OfServers::default();
    for server in servers {
        let keys = ask(server, &redis::cmd("DBSIZE")).await?;
        totals.keys += replies::int(&keys).unwrap_or_default().unsigned_abs();
        let mut info = Pipeline::new();
        info.cmd("INFO").arg("stats").cmd("INFO").arg("memory");
        let answers = ask_all(server, &info).await?;
        let pairs: HashMap<String, String> = answers.iter().flat_map(replies::pairs).collect();
        let number = |name: &str| pairs.get(name).and_then(|n| n.parse().ok()).unwrap_or(0_u64);
        totals.hits += number("keyspace_hits");
        totals.misses += number("keyspace_misses");
        totals.evicted += number("evicted_keys");
        totals.used += number("used_memory");
        totals.max += number("maxmemory");
    }
    Ok(totals)
}

async fn look(
    session: &Session,
    servers: &[OneServer],
    limit: u64,
    keys: u64,
) -> Result<Found, Fault> {
    let (mut found, mut progress) = (Found::default(), Progress::new());
    let names = Names::all(session);
    let count = u64::try_from(servers.len()).unwrap_or(1).max(1);
    for (at, server) in (1..).zip(servers) {
        // Each server has its share of the sample.
        let share =
            if limit == u64::MAX { limit } else { limit.saturating_mul(at).div_ceil(count) };
        let mut scan = Scan::new(server, &names);
        while found.looked_at < share
            && let Some(mut batch) = scan.step().await?
        {
            let room = usize::try_from(share - found.looked_at).unwrap_or(usize::MAX);
            found.is_sample |= batch.len() > room;
            batch.truncate(room);
            measure(session, server, batch, &mut found).await?;
            progress.tell(|| format!("{} of about {keys} keys looked at", found.looked_at));
        }
        found.is_sample |= !scan.is_over();
    }
    Ok(found)
}

async fn measure(
    session: &Session,
    server: &OneServer,
    batch: Vec<Vec<u8>>,
    found: &mut Found,
) -> Result<(), Fault> {
    let (mut questions, mut words) = (Pipeline::new(), Vec::new());
    for name in batch {
        found.looked_at += 1;
        match scan::parsed(session.servers.prefix(), &name) {
            Some((Kind::Value, key)) => {
                questions.cmd("STRLEN").arg(&name[..]);
                questions.cmd("MEMORY").arg("USAGE").arg(&name[..]);
                words.push(tools::words_of(key));
            }
            Some((Kind::Flag, _)) => found.flags += 1,
            Some((Kind::Tag, _)) => found.tags += 1,
            None => found.others += 1,
        }
    }
    if words.is_empty() {
        return Ok(());
    }
    let answers = ask_all(server, &questions).await?;
    let (answers, _) = answers.as_chunks::<2>();
    for (words, [len, memory]) in words.into_iter().zip(answers) {
        let of_type = found.types.entry(words).or_default();
        of_type.values += 1;
        of_type.bytes += replies::int(len).unwrap_or_default().unsigned_abs();
        if let Some(memory) = replies::int(memory) {
            of_type.memory += memory.unsigned_abs();
            of_type.measured += 1;
        }
    }
    Ok(())
}

impl OfServers {
    /// In thousandths.
    fn hit_ratio(&self) -> Option<u64> {
        (self.hits * 1000).checked_div(self.hits + self.misses)
    }
}

/// `user:email:` is printed `user:email`.
fn named(words: &str) -> &str {
    if words.is_empty() { "(no words)" } else { words.trim_end_matches(':') }
}

fn json(session: &Session, found: &Found, totals: &OfServers) -> Result<(), Fault> {
    let types = found.types.iter().map(|(words, of_type)| {
        json!({
            "words": named(words),
            "lookups": session.manifest.by_words(words),
            "values": of_type.values,
            "bytes": of_type.bytes,
            "bytes_per_value": of_type.bytes / of_type.values.max(1),
            "memory_per_value": of_type.memory.checked_div(of_type.measured),
        })
    });
    session.out.json(&json!({
        "types": types.collect::<Vec<_>>(),
        "flags": found.flags,
        "tags": found.tags,
        "others": found.others,
        "looked_at": found.looked_at,
        "is_sample": found.is_sample,
        "keys_in_database": totals.keys,
        "keyspace_hits": totals.hits,
        "keyspace_misses": totals.misses,
        "evicted_keys": totals.evicted,
        "used_memory": totals.used,
        "maxmemory": totals.max,
    }))
}

fn tell(session: &Session, found: &Found, totals: &OfServers) -> Result<(), Fault> {
    let out = &session.out;
    let mut rows =
        vec![["type", "values", "bytes each", "memory each", ""].map(str::to_owned).to_vec()];
    for (words, of_type) in &found.types {
        rows.push(vec![
            named(words).to_owned(),
            of_type.values.to_string(),
            shown::size(of_type.bytes / of_type.values.max(1)),
            of_type
                .memory
                .checked_div(of_type.measured)
                .map_or_else(|| "unknown".to_owned(), shown::size),
            session.manifest.by_words(words).unwrap_or_default(),
        ]);
    }
    out.table(&rows)?;
    out.line(&format!(
        "{} flag(s), {} tag(s), {} other key(s); {} of {} keys in the database looked at{}",
        found.flags,
        found.tags,
        found.others,
        found.looked_at,
        totals.keys,
        if found.is_sample { "; --all looks at all" } else { "" },
    ))?;
    let ratio = totals.hit_ratio().map_or_else(
        || "nothing was read yet".to_owned(),
        |ratio| format!("{}.{} % of the server's reads were hits", ratio / 10, ratio % 10),
    );
    out.line(&format!("{ratio}, by all its clients; {} keys evicted", totals.evicted))?;
    let max = if totals.max == 0 {
        "no maximum".to_owned()
    } else {
        format!("of {}", shown::size(totals.max))
    };
    out.line(&format!("{} of memory in use, {max}", shown::size(totals.used)))
}
