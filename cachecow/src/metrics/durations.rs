//! The durations since the last export.

use std::collections::BTreeMap;
use std::time::Duration;

use super::table::{FETCH_DURATION, Metric, READ_DURATION};
use crate::cache::read::Source;
use crate::engine::Engine;
use crate::stats::{FetchEnd, Histogram};

/// The durations that were exported so far, a number for each bucket.
#[derive(Default)]
pub(super) struct Recorded(BTreeMap<Series, Vec<u64>>);

/// The metric's name, the type and the other labels. Types of one name are one.
type Series = (&'static str, &'static str, &'static [&'static str]);

impl Recorded {
    /// Shows the durations that were measured since the last call, and how often each was.
    pub(super) fn each_new(
        &mut self,
        engine: &Engine,
        mut show: impl FnMut(&Metric, &[&str], Duration, usize),
    ) {
        let mut all: BTreeMap<Series, Vec<(Duration, u64)>> = BTreeMap::new();
        for state in engine.types.iter() {
            let reads = state.durations().reads();
            let reads = reads.map(|(source, of)| (&READ_DURATION, of_source(source), of));
            let fetches = state.durations().fetches();
            let fetches = fetches.map(|(end, of)| (&FETCH_DURATION, of_end(end), of));
            for (metric, labels, histogram) in reads.chain(fetches) {
                add(all.entry((metric.name, state.name(), labels)).or_default(), histogram);
            }
        }
        for (series, counts) in all {
            let (name, r#type, labels) = series;
            let labels = [&[r#type], labels].concat();
            let metric = if name == READ_DURATION.name { &READ_DURATION } else { &FETCH_DURATION };
            let recorded = self.0.entry(series).or_insert_with(|| vec![0; counts.len()]);
            for ((duration, count), recorded) in counts.into_iter().zip(recorded) {
                let new = count.saturating_sub(*recorded);
                if new > 0 {
                    let new = usize::try_from(new).unwrap_or(usize::MAX);
                    show(metric, &labels, duration, new);
                    *recorded = count;
                }
            }
        }
    }
}

fn add(to: &mut Vec<(Duration, u64)>, histogram: &Histogram) {
    if to.is_empty() {
        to.extend(histogram.counts());
    } else {
        to.iter_mut().zip(histogram.counts()).for_each(|(sum, (_, count))| sum.1 += count);
    }
}

/// The labels of a read: its source and its outcome.
fn of_source(source: Option<Source>) -> &'static [&'static str] {
    match source {
        Some(Source::Near) => &["near", "ok"],
        Some(Source::Cache) => &["cache", "ok"],
        Some(Source::Fetched) => &["fetched", "ok"],
        Some(Source::Stale) => &["stale", "ok"],
        None => &["none", "error"],
    }
}

fn of_end(end: FetchEnd) -> &'static [&'static str] {
    match end {
        FetchEnd::Found => &["ok"],
        FetchEnd::Failed => &["error"],
    }
}
