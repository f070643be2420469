//! `cachecow doctor`: what is wrong with the servers, and what to do about it.

mod rights;
mod settings;
mod timing;

use cachecow::__tools::OneServer;
use serde_json::json;

use crate::fault::{Exit, Fault};
use crate::session::Session;

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Ok,
    /// Good to know.
    Note,
    /// It works, with a risk or a cost.
    Warning,
    /// It does not work, or a promise is not kept.
    Fault,
}

/// What was checked, what was found, and what to do about it.
#[derive(Debug)]
struct Check {
    topic: &'static str,
    level: Level,
    found: String,
    remedy: Option<String>,
}

impl Check {
    fn new(topic: &'static str, level: Level, found: impl Into<String>) -> Self {
        Self { topic, level, found: found.into(), remedy: None }
    }

    fn ok(topic: &'static str, found: impl Into<String>) -> Self {
        Self::new(topic, Level::Ok, found)
    }

    fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Fault => "fault",
        }
    }
}

pub(crate) async fn run(session: &Session) -> Result<Exit, Fault> {
    let servers = session.all().await?;
    let (mut reports, mut unreachable) = (Vec::new(), 0);
    for server in &servers {
        let checks = match examined(session, server).await {
            Ok(checks) => checks,
            Err(check) => {
                unreachable += 1;
                vec![check]
            }
        };
        reports.push((server.address(), checks));
    }
    let worst = reports.iter().flat_map(|(_, checks)| checks).map(|check| check.level).max();
    if session.out.is_json() { json(session, &reports) } else { tell(session, &reports) }?;
    Ok(match worst {
        _ if unreachable == servers.len() => Exit::Unreachable,
        Some(Level::Fault) => Exit::Negative,
        _ => Exit::Done,
    })
}

/// The checks of one server. The error means that the server cannot be reached.
async fn examined(session: &Session, server: &OneServer) -> Result<Vec<Check>, Check> {
    let ping = server.ask(&redis::cmd("PING")).await;
    if let Err(error) = ping {
        return Err(Check::new("reachable", Level::Fault, error.to_string()).remedy(
            "see that the server runs, that the URL, user and password are right, and that nothing on the way closes \
             the port; until then every read goes to the backing store, and invalidations wait",
        ));
    }
    let lost = |fault: Fault| Check::new("reachable", Level::Fault, fault.message().to_owned());
    let mut checks = vec![Check::ok("reachable", "it answers")];
    checks.extend(settings::checks(session, server).await.map_err(lost)?);
    checks.extend(rights::checks(session, server).await.map_err(lost)?);
    checks.extend(timing::checks(server).await.map_err(lost)?);
    Ok(checks)
}

fn json(session: &Session, reports: &[(String, Vec<Check>)]) -> Result<(), Fault> {
    let servers = reports.iter().map(|(address, checks)| {
        let checks = checks.iter().map(|check| {
            json!({
                "topic": check.topic,
                "level": check.level.word(),
                "found": check.found,
                "remedy": check.remedy,
            })
        });
        json!({"server": address, "checks": checks.collect::<Vec<_>>()})
    });
    session.out.json(&json!({"servers": servers.collect::<Vec<_>>()}))
}

fn tell(session: &Session, reports: &[(String, Vec<Check>)]) -> Result<(), Fault> {
    let out = &session.out;
    let mut counts = [0_usize; 3];
    for (address, checks) in reports {
        out.line(address)?;
        for check in checks {
            match check.level {
                Level::Fault => counts[0] += 1,
                Level::Warning => counts[1] += 1,
                Level::Note => counts[2] += 1,
                Level::Ok => {}
            }
            out.line(&format!("  {:8} {}: {}", check.level.word(), check.topic, check.found))?;
            if let Some(remedy) = &check.remedy {
                out.line(&format!("           -> {remedy}"))?;
            }
        }
    }
    let [faults, warnings, notes] = counts;
    out.line(&format!("{faults} fault(s), {warnings} warning(s), {notes} note(s)"))
}
