//! Checks command by command what the user may do. It changes nothing: commands that write are tried on keys that
//! do not exist.

use cachecow::__tools::{self as tools, OneServer};
use cachecow::{Key, KeyEncoder};
use redis::{Cmd, Pipeline, Value};

use super::{Check, Level};
use crate::fault::Fault;
use crate::manifest::words_of;
use crate::replies;
use crate::session::{Session, ask_all};

/// A command to try, the name of the right to it, and how bad it is if the right is missing.
struct Trial {
    right: &'static str,
    command: Cmd,
    level: Level,
    /// What does not work without it.
    without: &'static str,
}

pub(super) async fn checks(session: &Session, server: &OneServer) -> Result<Vec<Check>, Fault> {
    let user = user(server).await?;
    let mut checks = commands(session, server, &user).await?;
    checks.extend(keys(session, server, &user).await?);
    Ok(checks)
}

/// The user's name, or a placeholder for it if the user may not ask.
async fn user(server: &OneServer) -> Result<String, Fault> {
    let mut question = Pipeline::new();
    question.cmd("ACL").arg("WHOAMI");
    let answers = ask_all(server, &question).await?;
    Ok(replies::text(&answers[0]).unwrap_or_else(|| "USER".to_owned()))
}

async fn commands(session: &Session, server: &OneServer, user: &str) -> Result<Vec<Check>, Fault> {
    let name = session.name("cache", probe(session));
    let trials = trials(session, server, &name);
    let mut questions = Pipeline::new();
    for trial in &trials {
        questions.add_command(trial.command.clone());
    }
    let answers = ask_all(server, &questions).await?;
    let denied: Vec<&Trial> = trials
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| is_denied_command(answer))
        .map(|(trial, _)| trial)
        .collect();
    if denied.is_empty() {
        return Ok(vec![Check::ok("rights", format!("all {} commands are allowed", trials.len()))]);
    }
    Ok(denied
        .into_iter()
        .map(|trial| {
            let found = format!("+{} is denied: {}", trial.right, trial.without);
            Check::new("rights", trial.level, found)
                .remedy(format!("ACL SETUSER {user} +{}", trial.right))
        })
        .collect())
}

/// Which names the user may read and write: of each type of the manifest, or one without words.
async fn keys(session: &Session, server: &OneServer, user: &str) -> Result<Vec<Check>, Fault> {
    let mut words = words_of(session.manifest.types.iter());
    if words.is_empty() {
        words.insert(String::new());
    }
    let mut tried = Vec::new();
    let mut questions = Pipeline::new();
    for words in &words {
        let key = KeyEncoder::new(words).key();
        for kind in ["cache", "flag", "tag"] {
            tried.push(format!("~{}{kind}:{{{words}*", session.servers.prefix()));
            questions.cmd("SET").arg(session.name(kind, key)).arg("").arg("XX").arg("PX").arg(1);
        }
    }
    let answers = ask_all(server, &questions).await?;
    let denied: Vec<&str> = tried
        .iter()
        .zip(&answers)
        .filter(|(_, answer)| is_denied_key(answer))
        .map(|(pattern, _)| &**pattern)
        .collect();
    if denied.is_empty() {
        return Ok(vec![Check::ok(
            "names",
            format!("{} patterns of names are allowed", tried.len()),
        )]);
    }
    let hint = if session.manifest.types.is_empty() {
        "; if the user is confined to some types, give --manifest, and only their names are tried"
    } else {
        ""
    };
    let remedy = format!("ACL SETUSER {user} {}{hint}", denied.join(" "));
    let found =
        format!("{} are denied: these values are served from the backing store", denied.join(" "));
    Ok(vec![Check::new("names", Level::Fault, found).remedy(remedy)])
}

/// A key that is never in use, because no template looks like it.
fn probe(session: &Session) -> Key {
    let words = session.manifest.types.first().and_then(|entry| entry.keyed().next());
    let words = words.map(crate::manifest::Keyed::words).unwrap_or_default();
    let mut key = KeyEncoder::new(&words);
    key.scope("cachecow doctor");
    tools::key_of(key.as_bytes()).unwrap_or_else(|| key.key())
}

fn trials(session: &Session, server: &OneServer, name: &str) -> Vec<Trial> {
    const CACHE: &str = "the cache is of no use";
    const COMMAND: &str = "only this program needs it";
    let trial = |right: &'static str, arguments: &[&str], level, without| {
        let mut words = right.split('|');
        let mut command = redis::cmd(&words.next().unwrap_or_default().to_uppercase());
        words.chain(arguments.iter().copied()).for_each(|argument| {
            command.arg(argument);
        });
        Trial { right, command, level, without }
    };
    let none = "0000000000000000000000000000000000000000";
    // `XX`, and keys that do not exist: nothing is written.
    let needed: &[(&'static str, &[&str])] = &[
        ("get", &[name]),
        ("mget", &[name]),
        ("eval", &["return 1", "0"]),
        ("evalsha", &[none, "0"]),
        ("set", &[name, "", "XX", "PX", "1"]),
        ("del", &[name]),
        ("type", &[name]),
        ("time", &[]),
        ("pttl", &[name]),
        ("pexpire", &[name, "1"]),
        ("pexpireat", &[name, "1"]),
        ("zadd", &[name, "XX", "1", "none"]),
        ("zrem", &[name, "none"]),
        ("zcard", &[name]),
        ("zscore", &[name, "none"]),
        ("zrange", &[name, "0", "0"]),
        ("zremrangebyscore", &[name, "0", "0"]),
        ("ping", &[]),
    ];
    let mut trials: Vec<Trial> = needed
        .iter()
        .map(|(right, arguments)| trial(right, arguments, Level::Fault, CACHE))
        .collect();
    if server.has_sentinels() {
        trials.push(trial("role", &[], Level::Fault, "a master is not recognized as a master"));
    }
    if session.servers.is_cluster() {
        let without = "the nodes of the cluster cannot be found";
        trials.push(trial("cluster|slots", &[], Level::Fault, without));
        trials.push(trial("cluster|info", &[], Level::Fault, without));
    }
    let without = "reads that wait for another process poll instead, and near tiers keep nothing";
    trials.push(trial("client|tracking", &["OFF"], Level::Warning, without));
    trials.push(trial("wait", &["0", "1"], Level::Note, "`replica_acks` does not work"));
    let own: &[(&'static str, &[&str])] = &[
        ("scan", &["0", "COUNT", "1"]),
        ("strlen", &[name]),
        ("getrange", &[name, "0", "0"]),
        ("memory|usage", &[name]),
        ("dbsize", &[]),
        ("info", &["server"]),
        ("config|get", &["save"]),
    ];
    trials
        .extend(own.iter().map(|(right, arguments)| trial(right, arguments, Level::Note, COMMAND)));
    trials
}

/// Redis says "… no permissions to run the 'get' command", and of keys "… to access …".
fn is_denied_command(answer: &Value) -> bool {
    match answer {
        Value::ServerError(error) => {
            let details = error.details().unwrap_or_default();
            (error.code() == "NOPERM" && !details.contains("access"))
                || details.starts_with("unknown command")
        }
        _ => false,
    }
}

fn is_denied_key(answer: &Value) -> bool {
    match answer {
        Value::ServerError(error) => {
            error.code() == "NOPERM" && error.details().unwrap_or_default().contains("access")
        }
        _ => false,
    }
}
