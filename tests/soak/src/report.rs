//! What a run came to.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::act::{ACTS, Act, CHECKED, FAILED};
use crate::failovers::Judged;
use crate::faults::Fault;
use crate::foreign::ForeignReport;
use crate::history::History;

/// The end of a run.
#[derive(Clone, Debug)]
pub struct Report {
    /// The server's name and version.
    pub server: String,
    /// How many processes there were at a time.
    pub processes: usize,
    /// From which the order of the faults follows.
    pub seed: u64,
    /// How long it ran.
    pub took: Duration,
    /// How often each fault was brought about.
    pub faults: Vec<(Fault, u64)>,
    /// How many keys the server evicted.
    pub evicted: u64,
    /// By how much a near read was older than promised, at the most.
    pub latest_near: Duration,
    /// Reads that broke the promise.
    pub violations: u64,
    /// Processes that ended, or did not, as nobody had told them to.
    pub crashes: Vec<String>,
    /// Of a cluster, what became of the reads that were older than promised.
    pub judged: Option<Judged>,
    /// What became of rows that others changed, if they were asked for.
    pub foreign: Option<ForeignReport>,
    /// Where the traces of violations are.
    pub traces: PathBuf,
    counts: Vec<u64>,
}

impl Report {
    pub(crate) fn of(history: &History) -> Self {
        Self {
            server: String::new(),
            processes: 0,
            seed: 0,
            took: Duration::from_micros(history.now()),
            faults: Vec::new(),
            evicted: 0,
            latest_near: Duration::from_micros(history.latest_near()),
            violations: history.violations(),
            crashes: Vec::new(),
            judged: None,
            foreign: None,
            traces: PathBuf::new(),
            counts: ACTS.iter().map(|act| history.counted(*act)).collect(),
        }
    }

    /// How often this was done.
    pub fn count(&self, act: Act) -> u64 {
        self.counts[act as usize]
    }

    /// How many reads were checked.
    pub fn reads(&self) -> u64 {
        CHECKED.iter().map(|act| self.count(*act)).sum()
    }

    /// How many fetch errors were checked.
    pub fn errors(&self) -> u64 {
        FAILED.iter().map(|act| self.count(*act)).sum()
    }

    /// Whether no promise was broken, and no process broke down.
    pub fn is_clean(&self) -> bool {
        self.violations == 0
            && self.crashes.is_empty()
            && self.foreign.as_ref().is_none_or(ForeignReport::is_clean)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, processes, seed, .. } = self;
        let took = humantime::format_duration(Duration::from_secs(self.took.as_secs()));
        writeln!(f, "{processes} processes on {server} for {took}, seed {seed}")?;
        line(f, "reads checked", self.reads())?;
        let of = |act: &Act| (act.name(), self.count(*act));
        let lines = |f: &mut fmt::Formatter<'_>, acts: &[Act]| {
            acts.iter().map(of).try_for_each(|(name, count)| line(f, &format!("  {name}"), count))
        };
        lines(f, &CHECKED)?;
        line(f, "errors checked", self.errors())?;
        lines(f, &FAILED)?;
        writeln!(f, "other operations")?;
        let rest: Vec<Act> = ACTS
            .into_iter()
            .filter(|act| !CHECKED.contains(act) && !FAILED.contains(act))
            .filter(|act| !matches!(act, Act::Fault | Act::NearLate))
            .collect();
        lines(f, &rest)?;
        line(f, "faults", self.faults.iter().map(|(_, count)| count).sum())?;
        for (fault, count) in &self.faults {
            line(f, &format!("  {}", fault.name()), *count)?;
        }
        line(f, "keys evicted", self.evicted)?;
        if self.judged.is_none() {
            line(f, "near reads older than promised, within the bound", self.count(Act::NearLate))?;
            writeln!(f, "  the oldest by {:?}", self.latest_near)?;
        }
        if let Some(judged) = &self.judged {
            let all = judged.inside + judged.outside;
            line(f, "reads older than promised", all as u64)?;
            line(f, "  inside what is not promised", judged.inside as u64)?;
            line(f, "  invalidations lost at a failover", judged.lost as u64)?;
            let Judged { longest_lag, longest_stay, .. } = judged;
            writeln!(f, "  begun at most {longest_lag:.1?} before the end of its master")?;
            writeln!(f, "  read at most {longest_stay:.1?} after that")?;
        }
        if let Some(foreign) = &self.foreign {
            write!(f, "{foreign}")?;
        }
        for crash in &self.crashes {
            writeln!(f, "{crash}")?;
        }
        line(f, "violations", self.violations)?;
        if self.violations > 0 {
            writeln!(f, "  traces in {}", self.traces.display())?;
        }
        Ok(())
    }
}

pub(crate) fn line(f: &mut fmt::Formatter<'_>, name: &str, count: u64) -> fmt::Result {
    writeln!(f, "{name:<52}{:>14}", grouped(count))
}

/// With a comma before every three digits.
pub(crate) fn grouped(count: u64) -> String {
    let digits = count.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_grouped() {
        let numbers = [0, 999, 1000, 12_345_678];
        assert_eq!(numbers.map(grouped), ["0", "999", "1,000", "12,345,678"]);
    }
}
