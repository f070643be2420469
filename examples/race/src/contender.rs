//! What a cache must offer to take part.

use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, join_all};

use crate::database::Database;
use crate::free_running::{Load, Tally};
use crate::schedule::Outcome;
use crate::{free_running, schedule, stampede};

/// The time to live that every cache is given, if it has one.
pub const TTL: Duration = Duration::from_mins(10);

/// A cache in front of a [`Database`], used as its documentation says. Clones share one cache.
pub trait Contender: Clone + Send + Sync + 'static {
    /// Its name and place, for the output.
    fn name(&self) -> &'static str;

    /// The time to live of values, if the cache has one.
    fn ttl(&self) -> Option<Duration> {
        Some(TTL)
    }

    /// The database behind the cache.
    fn database(&self) -> &Database;

    /// Reads a row through the cache, and returns its version.
    fn read(&self, id: u64) -> impl Future<Output = u64> + Send;

    /// Reads several rows. A cache without batches is asked for each one.
    fn read_many(&self, ids: &[u64]) -> impl Future<Output = Vec<u64>> + Send {
        join_all(ids.iter().map(|&id| self.read(id)))
    }

    /// What a writer calls after its commit.
    fn invalidate(&self, id: u64) -> impl Future<Output = ()> + Send;
}

/// A [`Contender`] of any type.
pub trait Entrant: Send + Sync {
    /// [`Contender::name`].
    fn name(&self) -> &'static str;

    /// [`Contender::ttl`].
    fn ttl(&self) -> Option<Duration>;

    /// The forced order of steps, on row 0.
    fn schedule(&self) -> BoxFuture<'_, Outcome>;

    /// Readers and writers that run freely, on the rows from 1.
    fn free_running(&self, load: Load) -> BoxFuture<'_, Tally>;

    /// How many fetches this number of concurrent callers of a cold row cause.
    fn stampede(&self, callers: usize, id: u64) -> BoxFuture<'_, u64>;
}

impl<C: Contender> Entrant for C {
    fn name(&self) -> &'static str {
        Contender::name(self)
    }

    fn ttl(&self) -> Option<Duration> {
        Contender::ttl(self)
    }

    fn schedule(&self) -> BoxFuture<'_, Outcome> {
        schedule::run(self).boxed()
    }

    fn free_running(&self, load: Load) -> BoxFuture<'_, Tally> {
        free_running::run(self, load).boxed()
    }

    fn stampede(&self, callers: usize, id: u64) -> BoxFuture<'_, u64> {
        stampede::run(self, callers, id).boxed()
    }
}
