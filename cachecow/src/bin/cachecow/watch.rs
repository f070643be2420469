//! `cachecow watch`: receives the servers' notices of changed keys (`CLIENT TRACKING … BCAST`), and then looks up
//! what is stored under each key.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use cachecow::__tools::{self as tools, OneServer};
use cachecow::Key;
use redis::{Pipeline, PushInfo, PushKind, Value};
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::args::Watch;
use crate::fault::{Exit, Fault};
use crate::flag::{self, Flag};
use crate::scan::{self, Kind, Names};
use crate::session::{Session, ask_all};
use crate::{replies, shown};

/// About how many changes may wait to be printed. Further ones are left out and counted: the reader of the output may be
/// slow, and meanwhile neither this program nor the server should store them.
const MOST_WAITING: usize = 10_000;

/// A notice from a server.
enum News {
    Changed(usize, Vec<Changed>),
    /// Any key may have changed.
    Flushed(usize),
    Ended(usize),
}

/// A key that has changed.
struct Changed {
    name: Vec<u8>,
    kind: Kind,
    key: Key,
}

/// The notices that are not printed yet.
struct Heard {
    names: Names,
    prefix: String,
    sender: UnboundedSender<News>,
    waiting: AtomicUsize,
    left_out: AtomicUsize,
}

pub(crate) async fn run(session: &Session, arguments: &Watch) -> Result<Exit, Fault> {
    let names = Names::of_values(session, arguments.of.as_deref())?;
    let servers = session.all().await?;
    let (sender, mut news) = unbounded_channel();
    let prefix = session.servers.prefix().to_owned();
    let (waiting, left_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let heard = Arc::new(Heard { names, prefix, sender, waiting, left_out });
    let mut listening = Vec::new();
    for (at, server) in servers.iter().enumerate() {
        let hears = Arc::clone(&heard);
        let greeting = track(session, arguments.flags);
        let listener = server.listen(greeting, move |push| hears.take(at, &push)).await;
        listening.push(listener.map_err(|error| Fault::at(&server.address(), &error))?);
    }
    // A script that starts `watch` can wait for this line.
    let _ = writeln!(io::stderr(), "watching {} server(s); end with Ctrl-C", servers.len());
    print_all(session, arguments, &heard, &servers, &mut news).await
}

fn track(session: &Session, flags: bool) -> redis::Cmd {
    let mut track = redis::cmd("CLIENT");
    track.arg("TRACKING").arg("ON").arg("BCAST");
    let kinds: &[&str] = if flags { &["cache", "tag", "flag"] } else { &["cache", "tag"] };
    for kind in kinds {
        track.arg("PREFIX").arg(format!("{}{kind}:{{", session.servers.prefix()));
    }
    track
}

impl Heard {
    fn take(&self, at: usize, push: &PushInfo) {
        let news = match (&push.kind, &push.data[..]) {
            (PushKind::Disconnection, _) => News::Ended(at),
            (PushKind::Invalidate, [Value::Array(names)]) => {
                let names = names.iter().filter_map(replies::bytes);
                let changed: Vec<_> = names.filter_map(|name| self.changed(name)).collect();
                if changed.is_empty() {
                    return;
                }
                if self.waiting.load(Ordering::Relaxed) >= MOST_WAITING {
                    self.left_out.fetch_add(changed.len(), Ordering::Relaxed);
                    return;
                }
                self.waiting.fetch_add(changed.len(), Ordering::Relaxed);
                News::Changed(at, changed)
            }
            (PushKind::Invalidate, _) => News::Flushed(at),
            _ => return,
        };
        // Fails only when nobody prints any more.
        let _ = self.sender.send(news);
    }

    /// The change of this name, if it is to be printed.
    fn changed(&self, name: &[u8]) -> Option<Changed> {
        let (kind, key) = scan::parsed(&self.prefix, name)?;
        self.names.include(key).then(|| Changed { name: name.to_vec(), kind, key })
    }
}

async fn print_all(
    session: &Session,
    arguments: &Watch,
    heard: &Heard,
    servers: &[OneServer],
    news: &mut UnboundedReceiver<News>,
) -> Result<Exit, Fault> {
    let mut left = arguments.count.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(told) = news.recv().await else { break };
        match told {
            News::Ended(at) => {
                return Err(Fault::unreachable(format!(
                    "{}: the connection was lost; events since then are missing",
                    servers[at].address()
                )));
            }
            News::Flushed(at) => {
                left -= 1;
                print(session, &servers[at].address(), "flushed", "every key was deleted")?;
            }
            News::Changed(at, changed) => {
                heard.waiting.fetch_sub(changed.len(), Ordering::Relaxed);
                for Changed { name, kind, key } in changed {
                    if left > 0 {
                        left -= 1;
                        let (event, detail) = happened(session, &servers[at], kind, key).await?;
                        print(session, &shown::bytes(&name), event, &detail)?;
                    }
                }
            }
        }
        let left_out = heard.left_out.swap(0, Ordering::Relaxed);
        if left_out > 0 {
            let detail =
                format!("{left_out} changes, which came faster than they could be printed");
            print(session, "(several)", "left out", &detail)?;
        }
        session.out.flush()?;
    }
    Ok(Exit::Done)
}

/// What has probably happened to a changed key, judged by what is stored under it now.
async fn happened(
    session: &Session,
    server: &OneServer,
    kind: Kind,
    key: Key,
) -> Result<(&'static str, String), Fault> {
    let mut questions = Pipeline::new();
    questions.cmd("TIME");
    let word = match kind {
        Kind::Value | Kind::Flag => "flag",
        Kind::Tag => "tag",
    };
    flag::ask(&mut questions, &session.name(word, key));
    questions.cmd("STRLEN").arg(session.name("cache", key));
    questions.cmd("GETRANGE").arg(session.name("cache", key)).arg(0).arg(tools::Stored::HEAD - 1);
    let answers = ask_all(server, &questions).await?;
    let now = replies::micros(&answers[0]).unwrap_or_default();
    let flag = Flag::by(&answers[1..=flag::QUESTIONS], now);
    let len = answers.get(4).and_then(replies::int).unwrap_or_default().unsigned_abs();
    let fingerprint = answers.get(5).and_then(replies::bytes).and_then(tools::Stored::fingerprint);
    Ok(match (kind, flag) {
        (Kind::Value, _) if len > 0 => {
            let of = fingerprint.and_then(|print| session.manifest.by_fingerprint(print));
            let of = of.map(|(entry, _)| format!(", by the shape of {}", entry.name));
            ("filled", format!("{}{}", shown::size(len), of.unwrap_or_default()))
        }
        (Kind::Value, Flag::Held { .. }) => ("removed", "a writer holds it".to_owned()),
        (Kind::Value, _) => ("removed", "invalidated, expired or evicted".to_owned()),
        (Kind::Flag, flag @ Flag::Lease { .. }) => ("leased", flag.words()),
        (_, flag @ Flag::Held { .. }) => ("held", flag.words()),
        (Kind::Flag, _) => ("released", "filled, released or invalidated".to_owned()),
        (Kind::Tag, _) if matches!(answers.get(1), Some(Value::BulkString(_))) => {
            ("began", "an epoch of the tag: a fetch is in progress".to_owned())
        }
        (Kind::Tag, _) => ("ended", "the tag was invalidated, or its epoch expired".to_owned()),
    })
}

fn print(session: &Session, name: &str, event: &str, detail: &str) -> Result<(), Fault> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    if session.out.is_json() {
        let at = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        return session
            .out
            .json(&json!({"at_ms": at, "event": event, "name": name, "detail": detail}));
    }
    let seconds = now.as_secs() % 86_400;
    let clock = format!(
        "{:02}:{:02}:{:02}.{:03}Z",
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        now.subsec_millis()
    );
    session.out.line(&format!("{clock}  {event:8}  {name}  {detail}"))
}
