//! The table, as Markdown.

use std::fmt;

/// How many columns have speeds.
pub(crate) const COLUMNS: usize = 5;

/// One cache.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) speeds: [String; COLUMNS],
    pub(crate) fetches: String,
    pub(crate) stale: String,
    pub(crate) race: String,
}

/// Lines by their place.
#[derive(Default)]
pub(crate) struct Table(Vec<(&'static str, Line)>);

impl Table {
    pub(crate) fn add(&mut self, place: &'static str, lines: Vec<Line>) {
        self.0.extend(lines.into_iter().map(|line| (place, line)));
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| where | cache | hits/s, 1 task | 32 tasks | 256 tasks | cold reads/s | batches of 100/s | fetches of 100 callers | the race | stale reads per million |"
        )?;
        writeln!(f, "|---|---|---|---|---|---|---|---|---|---|")?;
        for (place, line) in &self.0 {
            let Line { name, speeds, fetches, stale, race } = line;
            let speeds = speeds.join(" | ");
            writeln!(f, "| {place} | {name} | {speeds} | {fetches} | {race} | {stale} |")?;
        }
        Ok(())
    }
}

/// A rate with three digits.
pub(crate) fn short(rate: f64) -> String {
    match rate {
        1e6.. => format!("{:.3} M", rate / 1e6),
        1e3.. => format!("{:.1} k", rate / 1e3),
        _ => format!("{rate:.0}"),
    }
}
