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
/// 2. [`resume`](Self::resume) and [`open`](Self::open), at first and again after every error of the methods below, with
///    growing pauses.
/// 3. [`next`](Self::next), which adds changes to a batch; then [`settle`](Self::settle); then the follower
///    invalidates what the batch names, until the cache confirms it; then, now and then,
///    [`acknowledge`](Self::acknowledge).
///
/// So a log gives every change **at least once**, and it forgets a change only after it was acknowledged.
///
/// # Consistency
///
/// Three duties keep a stale object from staying in the cache:
///
/// - After an invalidation, a fetch must see the change. Where a log tells of a change before every reader of the
///   database sees it, [`settle`](Self::settle) waits until they do. A fixed pause is wrong: the gap has no bound.
/// - Where changes may be missing, the log says so: by [`Opened::missed`], by
///   [`Batch::everything`] for one table, or by [`Batch::everything_of_all`].
/// - [`Opened::identity`] differs wherever positions mean something else (another server, another timeline).
///
/// # Cancellation
///
/// The future of [`next`](Self::next) is dropped whenever the follower has something else to do. What was added to
/// the batch stays there, and the next call goes on. The other futures are dropped only when the follower stops.
///
/// # Implementing
///
/// `examples/debezium.rs` follows Debezium's JSON in some fifty lines.
pub trait ChangeLog: Send + 'static {
    /// Checks whether the log has what the tables need; what is not as it should be and does no harm is returned
    /// as warnings, which are logged.
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

    /// Called before each [`open`](Self::open), with the [`bookmark`](Self::bookmark) that the cache has: that of whichever
    /// instance wrote last. `None`, if the cache has none, or has one of other types: everything is invalidated then.
    ///
    /// This is for logs that keep nothing themselves of how far they were read.
    fn resume(&mut self, bookmark: Option<String>) {
        let _ = bookmark;
    }

    /// From where to read on, in the log's own words. It is kept in the cache, for [`resume`](Self::resume).
    ///
    /// It is asked for at any time, also while changes that [`next`](Self::next) gave are not invalidated yet. Their
    /// invalidation is confirmed when `next`, [`end`](Self::end) or [`heartbeat`](Self::heartbeat) is called again: the
    /// bookmark must not be beyond that, or changes are lost.
    fn bookmark(&self) -> Option<String> {
        None
    }

    /// The database that the changes are of, by the name that OpenTelemetry has for it (`postgresql`, `mysql`, `sqlite`,
    /// `mongodb`): `db.system.name` of the follower's [spans](crate::guide::events).
    fn database_system(&self) -> Option<&'static str> {
        None
    }

    /// Whether it is of no use without followed types. A log of keys that writers name needs none.
    fn needs_types(&self) -> bool {
        true
    }

    /// Connects, and goes on after what was acknowledged last.
    ///
    /// # Errors
    ///
    /// If that fails now. It is called again.
    fn open(&mut self) -> impl Future<Output = Result<Opening, Error>> + Send;

    /// Waits for changes, adds them to the batch and [moves its position](Batch::set_position). It returns soon after
    /// the first, with what there is by then, and at the latest when the [batch is full](Batch::is_full).
    ///
    /// `next`, [`end`](Self::end) and [`heartbeat`](Self::heartbeat) are called only after the cache has confirmed the
    /// invalidation of all that `next` gave before: what is asked for then may be forgotten by the log.
    ///
    /// # Errors
    ///
    /// If the log cannot be read any further. The batch is dropped, and the log opened again.
    fn next(&mut self, batch: &mut Batch) -> impl Future<Output = Result<(), Error>> + Send;

    /// Waits until every fetch that starts from now on sees all changes that [`next`](Self::next) gave.
    ///
    /// # Errors
    ///
    /// If that cannot be told. The log is opened again, and gives the changes again.
    fn settle(&mut self) -> impl Future<Output = Result<(), Error>> + Send {
        future::ready(Ok(()))
    }

    /// Everything before this position is invalidated: the log need not give it again.
    ///
    /// # Errors
    ///
    /// If the log cannot be told. It is opened again.
    fn acknowledge(
        &mut self,
        position: LogPosition,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// The end of the log: all changes that were visible in the database before this call come before it.
    /// [`next`](Self::next) must reach it soon, also if nothing else happens.
    ///
    /// # Errors
    ///
    /// If it cannot be told.
    fn end(&mut self) -> impl Future<Output = Result<LogPosition, Error>> + Send;

    /// Called every second or so, while it is open and while another instance has it.
    ///
    /// # Errors
    ///
    /// If the log cannot be relied upon any more. It is opened again.
    fn heartbeat(
        &mut self,
        batch: &mut Batch,
    ) -> impl Future<Output = Result<Heartbeat, Error>> + Send {
        let _ = batch;
        future::ready(Ok(Heartbeat::default()))
    }
}

/// What a log is followed for.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Setting<'a> {
    /// The followed types.
    pub tables: &'a [FollowedTable],
    /// Whether the cache is one for many processes.
    pub cache: CacheReach,
}

/// Who reads from the cache that a log is followed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheReach {
    /// This process alone: `memory://`. Each process needs to see every change.
    Process,
    /// Many processes: Redis. One of them at a time sees the changes for all.
    Shared,
}

/// How opening a log ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// Changes can be read.
    Open(Opened),
    /// Another instance reads them, for this one as well. It is asked again every second.
    InUse,
}

/// Where an opened log goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What the positions belong to: of a database, its identifier, the timeline and the slot. One line.
    pub identity: String,
    /// The log gives all changes from here on.
    pub position: LogPosition,
    /// Why changes before that are missing, if they are. Then everything of the followed types is invalidated.
    ///
    /// It need not be told where `position` is beyond what was acknowledged, or `identity` another: the follower
    /// notices that by a mark that it keeps in the cache.
    pub missed: Option<String>,
    /// Whether changes from before `position` may not be visible to everyone yet. Then a follower that missed changes
    /// invalidates everything once more, when a [heartbeat](Heartbeat::unsettled) says that they are.
    pub unsettled: bool,
}

impl Opened {
    /// A log that missed nothing, and goes on here.
    pub fn at(identity: impl Into<String>, position: LogPosition) -> Self {
        Self { identity: identity.into(), position, missed: None, unsettled: false }
    }
}

/// What a log tells every now and then.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Heartbeat {
    /// The end of the log.
    pub end: Option<LogPosition>,
    /// What was acknowledged, by whichever instance reads the log.
    pub acknowledged: Option<LogPosition>,
    /// Whether a change from before [`Opened::position`] may still become visible; see [`Opened::unsettled`].
    pub unsettled: bool,
}

impl Heartbeat {
    /// A heartbeat with the end of the log.
    #[must_use]
    pub fn with_end(mut self, end: LogPosition) -> Self {
        self.end = Some(end);
        self
    }

    /// A heartbeat with what was acknowledged.
    #[must_use]
    pub fn with_acknowledged(mut self, position: LogPosition) -> Self {
        self.acknowledged = Some(position);
        self
    }

    /// A heartbeat that says whether older changes may still become visible.
    #[must_use]
    pub fn with_unsettled(mut self, unsettled: bool) -> Self {
        self.unsettled = unsettled;
        self
    }
}
