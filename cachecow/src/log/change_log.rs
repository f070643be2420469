//! The trait behind every change log.

use std::future::{self, Future};

use super::batch::Batch;
use super::mapping::FollowedTable;
use super::position::LogPosition;
use crate::error::Error;

/// A source of changes that a follower reads: a database's log, a topic, an outbox.
///
/// The follower ([`CacheCow::follow`](crate::CacheCow::follow)) calls these methods one at a time, from one task:
///
/// 1. [`check`](Self::check), once, before anything else. Its error is that of `start`.
/// 2. [`resume`](Self::resume) and [`open`](Self::open), first, and again after every error of the methods below,
///    with growing pauses.
/// 3. [`next`](Self::next), which adds changes to a batch; then [`settle`](Self::settle). Then the follower
///    invalidates the keys of the batch, until the cache confirms it. From time to time it calls
///    [`acknowledge`](Self::acknowledge).
///
/// So a log delivers every change **at least once**, and may drop a change only after it was acknowledged.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::log::{
///     Batch, CacheReach, ChangeLog, Heartbeat, LogPosition, Opened, Opening, Row, Setting, Value,
/// };
/// use cachecow::{CacheCow, Cached, Error, Source};
/// use tokio::sync::mpsc;
///
/// #[derive(Cached)]
/// #[cache(table = "users")]
/// #[cache(key = "user:{id}", fetch = User::find)]
/// struct User { id: i64, name: String }
/// # impl User {
/// #     async fn find(id: i64) -> Result<User, std::io::Error> { Ok(User { id, name: "Ann".into() }) }
/// # }
///
/// /// The ids of changed users, which another part of the program sends. They are gone with the process.
/// struct Sent { ids: mpsc::Receiver<i64>, received: u64 }
///
/// impl Sent {
///     fn at_end(&self) -> LogPosition {
///         LogPosition::new(self.received + self.ids.len() as u64)
///     }
/// }
///
/// impl ChangeLog for Sent {
///     async fn check(&mut self, setting: &Setting<'_>) -> Result<Vec<String>, Error> {
///         let is_shared = setting.cache == CacheReach::Shared;
///         Ok(is_shared.then(|| "ids that were not read are lost with this process".to_owned()).into_iter().collect())
///     }
///     async fn open(&mut self) -> Result<Opening, Error> {
///         Ok(Opening::Open(Opened::at("sent", LogPosition::new(self.received))))
///     }
///     async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
///         let Some(id) = self.ids.recv().await else { return std::future::pending().await };
///         let row = Row::new().with("id", Value::text(id.to_string()));
///         batch.change("public", "users", None, Some(&row));
///         self.received += 1;
///         batch.set_position(LogPosition::new(self.received));
///         Ok(())
///     }
///     async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
///         Ok(())
///     }
///     async fn end(&mut self) -> Result<LogPosition, Error> {
///         Ok(self.at_end())
///     }
///     async fn heartbeat(&mut self, _: &mut Batch) -> Result<Heartbeat, Error> {
///         Ok(Heartbeat::default().with_end(self.at_end()))
///     }
/// }
///
/// let cow = CacheCow::memory();
/// let (sender, ids) = mpsc::channel(64);
/// let follower = cow.follow(Sent { ids, received: 0 }).types::<User>().start().await?;
/// follower.caught_up().await?;
/// cow.get(User::by_id(42)).await?;
/// sender.send(42).await?;
/// follower.caught_up().await?;
/// assert_eq!(cow.read(User::by_id(42)).await?.source, Source::Fetched);
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
///
/// # Consistency
///
/// A log has three duties, so that no stale object stays in the cache:
///
/// - After an invalidation, a fetch must see the change. If a log reports a change before every reader of the
///   database sees it, [`settle`](Self::settle) must wait until all do. A fixed pause is wrong, because this delay
///   has no limit.
/// - If changes may be missing, the log must say so: with [`Opened::missed`], with
///   [`Batch::everything`] for one table, or with [`Batch::everything_of_all`].
/// - [`Opened::identity`] must differ if positions mean something else (on another server, or another timeline).
///
/// # Cancellation
///
/// The follower drops the future of [`next`](Self::next) whenever it has something else to do. Changes that were
/// added to the batch stay there, and the next call goes on. The other futures are dropped only when the follower
/// stops.
///
/// # Implementing
///
/// `examples/debezium.rs` follows Debezium's JSON in some fifty lines.
pub trait ChangeLog: Send + 'static {
    /// Checks whether the log has what the tables need. Returns harmless problems as warnings, which are logged.
    ///
    /// # Errors
    ///
    /// If following the tables would lose changes or harm the database. The message says what to do.
    fn check(
        &mut self,
        setting: &Setting<'_>,
    ) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        let _ = setting;
        future::ready(Ok(Vec::new()))
    }

    /// Called before each [`open`](Self::open), with the [`bookmark`](Self::bookmark) in the cache, from the
    /// instance that wrote last. `None` if the cache has none, or has one for other types; then everything is
    /// invalidated.
    ///
    /// This is for logs that do not remember themselves how far they were read.
    fn resume(&mut self, bookmark: Option<String>) {
        let _ = bookmark;
    }

    /// Returns where to continue reading, in the log's own format. The follower keeps it in the cache, for
    /// [`resume`](Self::resume).
    ///
    /// The follower may ask for it at any time, even while changes from [`next`](Self::next) are not invalidated
    /// yet. Their invalidation is confirmed only when `next`, [`end`](Self::end) or [`heartbeat`](Self::heartbeat)
    /// is called again. The bookmark must not be beyond confirmed changes, or changes are lost.
    fn bookmark(&self) -> Option<String> {
        None
    }

    /// The database that the changes are of, by the name that OpenTelemetry has for it (`postgresql`, `mysql`, `sqlite`,
    /// `mongodb`): `db.system.name` of the follower's [spans](crate::guide::logged_events).
    fn database_system(&self) -> Option<&'static str> {
        None
    }

    /// Returns whether the log needs followed types. A log of keys that writers name does not.
    fn needs_types(&self) -> bool {
        true
    }

    /// Returns whether no other instance reads the log while this one has it open. Then only this instance writes the
    /// position to the cache, and the follower notices a cache that came back in an older state (after a failover, or
    /// from an old snapshot): it has an older position than was written. Everything is then invalidated. A cache that
    /// lost no more than happened since the last heartbeat is not noticed.
    fn reads_alone(&self) -> bool {
        false
    }

    /// Connects, and continues after the last acknowledged position.
    ///
    /// # Errors
    ///
    /// If that fails; it is then called again.
    fn open(&mut self) -> impl Future<Output = Result<Opening, Error>> + Send;

    /// Waits for changes, adds them to the batch and [moves its position](Batch::set_position). It returns soon
    /// after the first change, with all changes that are there by then, and at the latest when the
    /// [batch is full](Batch::is_full).
    ///
    /// The follower calls `next`, [`end`](Self::end) and [`heartbeat`](Self::heartbeat) only after the cache has
    /// confirmed the invalidation of all earlier changes from `next`. So the log may then drop those changes.
    ///
    /// # Errors
    ///
    /// If the log cannot be read any further. The batch is dropped, and the log is opened again.
    fn next(&mut self, batch: &mut Batch) -> impl Future<Output = Result<(), Error>> + Send;

    /// Waits until every fetch that starts from now on sees all changes that [`next`](Self::next) returned.
    ///
    /// # Errors
    ///
    /// If that is not known. The log is opened again, and returns the changes again.
    fn settle(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        future::ready(Ok(()))
    }

    /// Says that everything before this position is invalidated: the log need not return it again.
    ///
    /// # Errors
    ///
    /// If that fails; the log is then opened again.
    fn acknowledge(
        &mut self,
        position: LogPosition,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Returns the end of the log: all changes that were visible in the database before this call are before it.
    /// [`next`](Self::next) must reach this position soon, even if nothing else happens.
    ///
    /// # Errors
    ///
    /// If it is not known.
    fn end(&mut self) -> impl Future<Output = Result<LogPosition, Error>> + Send;

    /// Called about every second, while the log is open, and while another instance has it.
    ///
    /// # Errors
    ///
    /// If the log is not reliable any more; it is then opened again.
    fn heartbeat(
        &mut self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<Heartbeat, Error>> + Send {
        let _ = batch;
        future::ready(Ok(Heartbeat::default()))
    }
}

/// What a log is followed for: the types and the cache.
///
/// [`ChangeLog`] has an example.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting<'a> {
    /// The followed types.
    pub tables: &'a [FollowedTable],
    /// Whether many processes use the cache.
    pub cache: CacheReach,
}

/// Which processes use the cache.
///
/// [`ChangeLog`] has an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheReach {
    /// Only this process: `memory://`. Each process must see every change.
    Process,
    /// Many processes: Redis. One of them at a time reads the changes for all.
    Shared,
}

/// The result of opening a log.
///
/// [`ChangeLog`] has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Changes can be read.
    Open(Opened),
    /// Another instance reads them, also for this one. The follower asks again every second.
    InUse,
}

/// Where an opened log continues.
///
/// [`ChangeLog`] has an example.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the positions belong to: for a database, its identifier, the timeline and the slot. One line.
    pub identity: String,
    /// The log returns all changes from this position on.
    pub position: LogPosition,
    /// The reason, if changes before that position are missing. Then everything of the followed types is
    /// invalidated.
    ///
    /// It may be `None` if `position` is beyond the acknowledged one, or `identity` has changed: the follower
    /// notices these cases itself, by a mark in the cache.
    pub missed: Option<String>,
    /// The log's end, if it is known. If it is before the position that was followed, the log was restored from an older
    /// state. Then everything of the followed types is invalidated, too.
    pub end: Option<LogPosition>,
    /// Whether changes before `position` may not yet be visible to everyone. Then a follower that missed changes
    /// invalidates everything once more, when a [heartbeat](Heartbeat::unsettled) says that they are visible.
    pub unsettled: bool,
}

impl Opened {
    /// Makes one for a log that missed nothing, and continues here.
    pub fn at(identity: impl Into<String>, position: LogPosition) -> Self {
        Self { identity: identity.into(), position, missed: None, end: None, unsettled: false }
    }
}

/// What a log reports at each heartbeat.
///
/// [`ChangeLog`] has an example.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The end of the log.
    pub end: Option<LogPosition>,
    /// The acknowledged position, from the instance that reads the log.
    pub acknowledged: Option<LogPosition>,
    /// Whether a change from before [`Opened::position`] may still become visible; see [`Opened::unsettled`].
    pub unsettled: bool,
}

impl Heartbeat {
    /// Adds the end of the log.
    #[must_use]
    pub fn with_end(mut self, end: LogPosition) -> Self {
        self.end = Some(end);
        self
    }

    /// Adds the acknowledged position.
    #[must_use]
    pub fn with_acknowledged(mut self, position: LogPosition) -> Self {
        self.acknowledged = Some(position);
        self
    }

    /// Says whether older changes may still become visible.
    #[must_use]
    pub fn with_unsettled(mut self, unsettled: bool) -> Self {
        self.unsettled = unsettled;
        self
    }
}
