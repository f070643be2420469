//! How long the reads and fetches of a type take.

use std::sync::OnceLock;
use std::time::Duration;

use super::histogram::Histogram;
use crate::cache::read::Source;

/// The durations of one type's reads, by where they were served from or that they failed, and of its fetches, by how they ended.
#[derive(Default)]
pub(crate) struct TypeDurations {
    reads: OnceLock<Box<[Histogram; READS.len()]>>,
    fetches: OnceLock<Box<[Histogram; FETCHES.len()]>>,
}

/// In the order of the histograms.
const READS: [Option<Source>; 5] =
    [Some(Source::Near), Some(Source::Cache), Some(Source::Fetched), Some(Source::Stale), None];
const FETCHES: [FetchEnd; 2] = [FetchEnd::Found, FetchEnd::Failed];

/// How a fetch ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FetchEnd {
    /// It returned an object, or that there is none.
    Found,
    /// With an error.
    Failed,
}

impl TypeDurations {
    /// A read of this source; without one it ended with an error.
    pub(crate) fn read(&self, source: Option<Source>, took: Duration) {
        let reads = self.reads.get_or_init(Box::default);
        if let Some(at) = READS.iter().position(|each| *each == source) {
            reads[at].add(took);
        }
    }

    pub(crate) fn fetched(&self, end: FetchEnd, took: Duration) {
        let fetches = self.fetches.get_or_init(Box::default);
        if let Some(at) = FETCHES.iter().position(|each| *each == end) {
            fetches[at].add(took);
        }
    }

    /// Those that were measured.
    #[cfg(feature = "metrics")]
    pub(crate) fn reads(&self) -> impl Iterator<Item = (Option<Source>, &Histogram)> {
        READS.into_iter().zip(self.reads.get().into_iter().flat_map(|reads| reads.iter()))
    }

    #[cfg(feature = "metrics")]
    pub(crate) fn fetches(&self) -> impl Iterator<Item = (FetchEnd, &Histogram)> {
        FETCHES.into_iter().zip(self.fetches.get().into_iter().flat_map(|fetches| fetches.iter()))
    }
}
