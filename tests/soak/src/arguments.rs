//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

use crate::run::{Acks, Limit, On, Options};
use crate::worker::Settings;

/// What the program says if it does not understand.
pub const USAGE: &str = "\
usage: cachecow-soak [LIMIT] [OPTION]...

Several processes read and write through cachecow on one real Redis, while processes, server and
links go wrong; every read is checked. LIMIT is a time (90s, 10m, 1h) or a number of checked reads
(10000000); 1m if it is left out. Every fault comes at least once, however short the limit.

  --processes N   processes at a time (4)
  --seed N        from which the order of the faults follows (random)
  --calm          no faults
  --only WORD     only the faults whose names have this in them; more than once for more of them
  --foreign N     meanwhile N rows are changed by plain SQL, by writers that know nothing of the cache,
                  which follows their database's log
  --tokenless     without the token: must find a violation, and ends with the first
  --cluster       on a Redis Cluster: masters are killed, stopped and replaced, and slots move
  --sentinel      on a master and two replicas under sentinels, whose links are cut as well
  --replica-acks  on a cluster, if no sentinels are asked for: with invalidations that all replicas
                  have acknowledged, of which none may be lost
  --traces DIR    where to keep the traces of violations (a folder of its own)

Exit status: 0 if no promise was broken; with --tokenless, if one was.";

/// What the program is to be.
#[derive(Clone, Debug)]
pub enum Command {
    /// The run.
    Run(Options),
    /// One of its processes.
    Work(Settings),
    /// A word of help.
    Help,
}

/// Understands the arguments of `program`, which does not stand among them.
///
/// # Errors
///
/// What was not understood.
pub fn parse(
    program: PathBuf,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Command, lexopt::Error> {
    let mut options = Options { progress: true, ..Options::new(program) };
    let mut worker: Option<Settings> = None;
    let mut parser = lexopt::Parser::from_args(arguments);
    while let Some(argument) = parser.next()? {
        match (argument, &mut worker) {
            (Long("help") | Short('h'), _) => return Ok(Command::Help),
            (Long("worker"), None) => {
                let process = parser.value()?.parse()?;
                worker = Some(Settings { process, ..Settings::default() });
            }
            (Long("url"), Some(settings)) => settings.url = parser.value()?.string()?,
            (Long("near-url"), Some(settings)) => {
                settings.near_url = Some(parser.value()?.string()?);
            }
            (Long("history"), Some(settings)) => settings.history = parser.value()?.into(),
            (Long("socket"), Some(settings)) => settings.socket = Some(parser.value()?.into()),
            (Long("traces"), Some(settings)) => settings.traces = parser.value()?.into(),
            (Long("replica-acks"), Some(settings)) => {
                settings.replica_acks = parser.value()?.parse()?;
            }
            (Long("tokenless"), Some(settings)) => settings.tokenless = true,
            (Long("processes"), None) => {
                options.processes = parser.value()?.parse()?;
                if !(1..=Options::MAX_PROCESSES).contains(&options.processes) {
                    let most = Options::MAX_PROCESSES;
                    return Err(format!("--processes must be from 1 to {most}").into());
                }
            }
            (Long("seed"), None) => options.seed = parser.value()?.parse()?,
            (Long("calm"), None) => options.calm = true,
            (Long("only"), None) => options.only.push(parser.value()?.string()?),
            (Long("foreign"), None) => options.foreign = Some(parser.value()?.parse()?),
            (Long("tokenless"), None) => options.tokenless = true,
            (Long("cluster"), None) => options.on = On::Cluster,
            (Long("sentinel"), None) => options.on = On::Sentinels,
            (Long("replica-acks"), None) => options.acks = Acks::Replicas,
            (Long("traces"), None) => options.traces = Some(parser.value()?.into()),
            (Value(value), None) => options.limit = limit(&value.string()?)?,
            (other, _) => return Err(other.unexpected()),
        }
    }
    if options.foreign.is_some() && (options.on, options.acks) != (On::OneServer, Acks::Master) {
        return Err("--foreign is for one server".into());
    }
    if options.acks == Acks::Replicas && options.on == On::OneServer {
        options.on = On::Cluster;
    }
    Ok(worker.map_or(Command::Run(options), Command::Work))
}

fn limit(text: &str) -> Result<Limit, lexopt::Error> {
    if let Ok(reads) = text.parse() {
        return Ok(Limit::Reads(reads));
    }
    let time = humantime::parse_duration(text);
    time.map(Limit::Time).map_err(|_| {
        format!("{text:?} is neither a time, as 10m, nor a number of reads, as 10000000").into()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let arguments = line.split_whitespace().map(OsString::from);
        parse("soak".into(), arguments).map_err(|error| error.to_string())
    }

    fn options(line: &str) -> Options {
        match parsed(line) {
            Ok(Command::Run(options)) => options,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_limit_is_a_time_or_a_number() {
        assert_eq!(options("").limit, Limit::Time(Duration::from_secs(60)));
        assert_eq!(options("10m").limit, Limit::Time(Duration::from_secs(600)));
        assert_eq!(options("10000000").limit, Limit::Reads(10_000_000));
        assert!(parsed("soon").unwrap_err().contains("10m"));
    }

    #[test]
    fn the_options_are_understood() {
        for (line, on) in [("", On::Cluster), ("--sentinel 2m", On::Sentinels)] {
            let options = options(&format!("--replica-acks {line}"));
            assert!(options.acks == Acks::Replicas && options.on == on, "{options:?}");
        }
        assert_eq!(options("--foreign 1000000").foreign, Some(1_000_000));
        assert_eq!(options("--only burst --only runtime").only, ["burst", "runtime"]);
        let options = options("--cluster --tokenless --calm --seed 7 --processes=6 5s --traces x");
        assert_eq!((options.on, options.seed, options.processes), (On::Cluster, 7, 6));
        assert!(options.tokenless && options.calm && options.traces == Some("x".into()));
        assert_eq!(options.limit, Limit::Time(Duration::from_secs(5)));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(parsed("--frobnicate").unwrap_err().contains("--frobnicate"));
        assert!(parsed("--processes 16").unwrap_err().contains("from 1 to 15"));
        assert!(parsed("--foreign 7 --cluster").unwrap_err().contains("one server"));
        assert!(parsed("--url x").is_err(), "a process's argument");
        assert!(matches!(parsed("--help"), Ok(Command::Help)));
    }

    #[test]
    fn a_process_is_told_its_settings() {
        let line = "--worker 3 --url u --near-url n --history h --traces t --socket s --replica-acks 2 --tokenless";
        let Ok(Command::Work(settings)) = parsed(line) else { panic!("a process") };
        assert_eq!((settings.process, &*settings.url), (3, "u"));
        assert_eq!(settings.near_url.as_deref(), Some("n"));
        assert_eq!((settings.history, settings.traces), ("h".into(), "t".into()));
        assert!(settings.replica_acks == 2 && settings.tokenless);
        assert_eq!(settings.socket, Some("s".into()));
    }
}
