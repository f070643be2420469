//! The status of a follower.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::position::LogPosition;

/// The current state of a follower.
///
/// ```no_run
/// # #[cfg(all(feature = "derive", feature = "postgres-log"))]
/// # async fn follow() -> Result<(), cachecow::Error> {
/// # use cachecow::{CacheCow, Cached};
/// # #[derive(Cached)]
/// # #[cache(table = "users")]
/// # #[cache(key = "user:{id}", fetch = User::find)]
/// # struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(_: i64) -> Result<Option<User>, std::convert::Infallible> { Ok(None) }
/// # }
/// # let cow = CacheCow::open("redis://127.0.0.1/").await?;
/// use cachecow::log::{FollowerState, PostgresLog};
///
/// # let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
/// let follower = cow.follow(log).types::<(User,)>().start().await?;
/// match follower.status().state {
///     FollowerState::Following | FollowerState::Standby => println!("changes are seen"),
///     state => eprintln!("{state:?}: {:?}", follower.status().error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FollowerState {
    /// It has no connection to the log, and tries again.
    Down,
    /// Another instance reads the log. This one takes over when the other is gone.
    Standby,
    /// It reads the log.
    Following,
    /// It was stopped.
    Stopped,
}

/// How far the cache is behind the database.
///
/// [`FollowerStatus`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lag {
    /// How much of the log was not settled at the last heartbeat, in the log's own unit: bytes for PostgreSQL; for
    /// MongoDB a difference of cluster times, in which a second is 2^32.
    pub bytes: u64,
    /// Everything that was committed longer ago than this is settled. It is measured at heartbeats, one second
    /// apart, so it is up to about a second even if the log is read at once. Until a follower has caught up for the
    /// first time, it counts from the follower's start, and earlier commits may not be settled either:
    /// [`Follower::caught_up`](super::Follower::caught_up) waits for them.
    #[serde(serialize_with = "crate::stats::seconds")]
    pub time: Duration,
}

/// A follower's state, and its counters since the start.
///
/// ```
/// use std::time::Duration;
/// use cachecow::log::{FollowerStatus, Lag};
///
/// /// What an operator should know, if anything; for `stats().followers`.
/// fn trouble(status: &FollowerStatus) -> Option<String> {
///     let Lag { time, bytes, .. } = status.lag;
///     if let Some(error) = &status.error {
///         return Some(format!("it cannot read the log: {error}"));
///     }
///     (time > Duration::from_secs(10)).then(|| format!("{bytes} bytes of the log are left"))
/// }
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// # let cow = cachecow::CacheCow::memory();
/// assert!(cow.stats().followers.values().filter_map(trouble).next().is_none());
/// # }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FollowerStatus {
    /// Its state.
    pub state: FollowerState,
    /// Everything before this position was invalidated.
    pub settled: Option<LogPosition>,
    /// How far the cache is behind.
    pub lag: Lag,
    /// Whether that is more than the limit of [`Follow::on_lag`](super::Follow::on_lag).
    pub behind: bool,
    /// Changed rows of followed tables.
    pub rows: u64,
    /// Batches that were invalidated.
    pub batches: u64,
    /// How often everything of a type was invalidated, because changes were missed, or the changed rows were not
    /// known.
    pub drops: u64,
    /// The reason for the last of these.
    pub last_drop: Option<String>,
    /// How often the log was opened.
    pub opened: u64,
    /// The last error, until everything works again.
    pub error: Option<String>,
}

impl fmt::Display for FollowerStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            FollowerState::Down => "down",
            FollowerState::Standby => "standby",
            FollowerState::Following => "following",
            FollowerState::Stopped => "stopped",
        };
        write!(f, "{state}, {:?} and {} bytes behind", self.lag.time, self.lag.bytes)?;
        write!(f, "; {} rows in {} batches, {} drops", self.rows, self.batches, self.drops)?;
        match &self.error {
            Some(error) => write!(f, "; {error}"),
            None => Ok(()),
        }
    }
}
