//! `cachecow list`.

use std::collections::HashSet;
use std::time::Duration;

use cachecow::__tools::{OneServer, Stored};
use redis::Pipeline;
use serde_json::json;

use crate::args::List;
use crate::fault::{Exit, Fault};
use crate::scan::{self, Kind, Names, Progress, Scan};
use crate::session::{Session, ask, ask_all};
use crate::shown::millis;
use crate::{replies, shown};

/// A stored value, without its content.
struct Entry {
    name: Vec<u8>,
    len: u64,
    left: Option<Duration>,
    age: Option<Duration>,
}

pub(crate) async fn run(session: &Session, arguments: &List) -> Result<Exit, Fault> {
    let names = Names::of_values(session, arguments.of.as_deref())?;
    let limit = if arguments.all { usize::MAX } else { arguments.limit };
    let (mut listed, mut progress) = (HashSet::new(), Progress::new());
    let (mut count, mut scanned) = (0, 0);
    let servers = session.all().await?;
    'servers: for server in &servers {
        let mut scan = Scan::new(server, &names);
        while let Some(batch) = scan.step().await? {
            scanned += batch.len();
            progress.tell(|| format!("{scanned} names scanned"));
            let mut ours: Vec<Vec<u8>> = batch
                .into_iter()
                .filter(|name| {
                    let parsed = scan::parsed(session.servers.prefix(), name);
                    parsed.is_some_and(|(kind, key)| kind == Kind::Value && names.include(key))
                })
                // A bounded listing lists no name twice. For an unbounded one, the names might not fit into memory.
                .filter(|name| arguments.all || listed.insert(name.clone()))
                .collect();
            ours.truncate(limit - count);
            if ours.is_empty() {
                continue;
            }
            let entries = entries(server, ours).await?;
            progress.clear();
            count += entries.len();
            tell(session, &entries)?;
            if count >= limit {
                break 'servers;
            }
        }
    }
    progress.clear();
    if !session.out.is_json() {
        match count {
            0 => session.out.line("nothing is stored")?,
            _ if count >= limit => session.out.line(&format!(
                "{count} listed; there may be more: --limit N or --all lists them"
            ))?,
            _ => session.out.line(&format!("{count} listed"))?,
        }
    }
    Ok(Exit::Done)
}

async fn entries(server: &OneServer, names: Vec<Vec<u8>>) -> Result<Vec<Entry>, Fault> {
    let now = replies::micros(&ask(server, &redis::cmd("TIME")).await?).unwrap_or_default() / 1000;
    let mut questions = Pipeline::with_capacity(3 * names.len());
    for name in &names {
        questions.cmd("STRLEN").arg(&name[..]);
        questions.cmd("PTTL").arg(&name[..]);
        questions.cmd("GETRANGE").arg(&name[..]).arg(0).arg(Stored::HEAD - 1);
    }
    let answers = ask_all(server, &questions).await?;
    let (answers, _) = answers.as_chunks::<3>();
    let found = names.into_iter().zip(answers).filter_map(|(name, [len, left, head])| {
        let len = replies::int(len).unwrap_or_default().unsigned_abs();
        let left = replies::int(left)?;
        // The value has disappeared since the scan.
        if left == -2 {
            return None;
        }
        let left = u64::try_from(left).ok().map(Duration::from_millis);
        let stored_at = replies::bytes(head).and_then(Stored::stored_at);
        let age = stored_at.map(|at| Duration::from_millis(now.saturating_sub(at)));
        Some(Entry { name, len, left, age })
    });
    Ok(found.collect())
}

fn tell(session: &Session, entries: &[Entry]) -> Result<(), Fault> {
    if session.out.is_json() {
        return entries.iter().try_for_each(|entry| {
            session.out.json(&json!({
                "name": shown::bytes(&entry.name),
                "bytes": entry.len,
                "age_ms": entry.age.map(millis),
                "ttl_left_ms": entry.left.map(millis),
            }))
        });
    }
    let rows = entries.iter().map(|entry| {
        let time =
            |time: Option<Duration>, none: &str| time.map_or_else(|| none.to_owned(), shown::time);
        vec![
            shown::bytes(&entry.name),
            shown::size(entry.len),
            format!("age {}", time(entry.age, "not known")),
            format!("kept for {}", time(entry.left, "ever")),
        ]
    });
    session.out.table(&rows.collect::<Vec<_>>())
}
