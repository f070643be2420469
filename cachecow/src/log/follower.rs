//! The handle of a follower, and what it shares with the task.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Instant;

use super::lag::LagPolicy;
use super::position::LogPosition;
use super::status::{FollowerState, FollowerStatus, Lag};
use crate::cache::view::View;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::Scope;

/// A request to the task for the end of the log.
pub(super) type Ask = oneshot::Sender<LogPosition>;

/// The handle of a task that follows a change log. It is cheap to clone. Dropping it does not end the task;
/// [`stop`](Self::stop) does.
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
/// # use cachecow::log::PostgresLog;
/// let log = PostgresLog::connect("postgres://app:secret@db/shop").slot("cachecow");
/// let follower = cow.follow(log).types::<(User,)>().start().await?;
/// follower.caught_up().await?;                    // everything committed before this call is invalidated
/// println!("{:?} behind, {:?}", follower.lag().time, follower.status().state);
/// follower.stop().await;                          // at the end of the program
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Follower {
    pub(super) shared: Arc<Shared>,
}

impl Follower {
    /// Returns how far the cache is behind the database.
    pub fn lag(&self) -> Lag {
        self.shared.state.lock().lag()
    }

    /// Returns the follower's state and counters.
    pub fn status(&self) -> FollowerStatus {
        self.shared.state.lock().status()
    }

    /// Waits until everything that was committed before this call is invalidated: later reads in any process on the
    /// cache return nothing older. You may pass the position to another service, which can wait for it with
    /// [`reached`](Self::reached).
    ///
    /// It waits as long as the follower is down, so use a timeout if the caller cannot wait.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`]: the follower was stopped.
    ///
    /// # Consistency
    ///
    /// The near tier of another process may serve an object until the message about its invalidation arrives.
    ///
    /// # Round trips
    ///
    /// One to the database, which writes a small record to its log.
    pub async fn caught_up(&self) -> Result<LogPosition, Error> {
        let position = loop {
            let (ask, answer) = oneshot::channel();
            if self.shared.asks.send(ask).await.is_err() {
                return Err(stopped());
            }
            // If the log failed, the request was dropped; the next request waits until the log is open again.
            if let Ok(position) = answer.await {
                break position;
            }
        };
        self.reached(position).await?;
        Ok(position)
    }

    /// Waits until everything before this position is invalidated.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::Unavailable`]: the follower was stopped.
    pub async fn reached(&self, position: LogPosition) -> Result<(), Error> {
        self.shared.reached(position).await
    }

    /// Ends the task, and waits for its end. Invalidated changes are acknowledged before, and another instance
    /// takes over. If the follower is behind, [`OnLag::ReadPast`](super::OnLag::ReadPast) says what reads do then.
    pub async fn stop(&self) {
        self.shared.end();
        let mut progress = self.shared.progress.subscribe();
        // The sender lives in `shared`.
        let _ = progress.wait_for(|progress| progress.stopped).await;
    }
}

impl<C: ?Sized> View<'_, C> {
    /// Waits until everything before this position of the followed log is invalidated, then returns this view: its
    /// reads return nothing older. The position is one that [`Follower::caught_up`] returned, in any service.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], unless exactly one log is followed in this view's scope; with several, use
    /// [`Follower::reached`]. Followers that were stopped count only if there is no other. [`ErrorKind::Unavailable`]: the follower was stopped.
    ///
    /// # Consistency
    ///
    /// Its reads bypass this process's memory (the near tier), which may not have heard of the invalidation yet.
    pub async fn after(self, position: LogPosition) -> Result<Self, Error> {
        let message = "after: this handle's scope follows no log, or several; use `Follower::reached` \
            of the one that you mean";
        let follower = self.engine.followers.only(self.scope);
        let follower = follower.ok_or_else(|| Error::new(ErrorKind::InvalidConfig, message))?;
        follower.reached(position).await?;
        Ok(self.past_near())
    }
}

fn stopped() -> Error {
    let message = "caught_up: the follower was stopped; follow the log again to wait for it";
    Error::new(ErrorKind::Unavailable, message)
}

impl fmt::Debug for Follower {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.state.lock().doing;
        f.debug_struct("Follower").field("name", &self.shared.name).field("state", &state).finish()
    }
}

/// The task's progress.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    pub(super) settled: Option<LogPosition>,
    pub(super) stopped: bool,
}

/// The state shared by the handles and the task.
pub(crate) struct Shared {
    pub(super) name: String,
    /// The scope in which changes are invalidated.
    scope: Scope,
    pub(super) state: Mutex<State>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) asks: mpsc::Sender<Ask>,
    pub(super) stop: watch::Sender<bool>,
    /// Locked after `state`. `None` once the task has ended, so that a handle does not keep the cache alive.
    policy: Mutex<Option<LagPolicy>>,
}

impl Shared {
    pub(super) fn new(
        name: String,
        scope: Scope,
        asks: mpsc::Sender<Ask>,
        policy: LagPolicy,
    ) -> Self {
        Self {
            name,
            scope,
            state: Mutex::new(State::new()),
            progress: watch::Sender::default(),
            asks,
            stop: watch::Sender::new(false),
            policy: Mutex::new(Some(policy)),
        }
    }

    /// Waits until everything before this position is invalidated.
    async fn reached(&self, position: LogPosition) -> Result<(), Error> {
        let mut progress = self.progress.subscribe();
        let has = |progress: &Progress| progress.settled.is_some_and(|settled| settled >= position);
        let reached = progress.wait_for(|progress| progress.stopped || has(progress)).await;
        match reached {
            Ok(progress) if has(&progress) => Ok(()),
            _ => Err(stopped()),
        }
    }

    /// Notes that everything before this position is invalidated.
    pub(super) fn settle(&self, position: LogPosition) {
        self.state.lock().settle(position);
        // Before waiters are notified: reads use the cache again.
        self.judge();
        self.progress.send_if_modified(|progress| {
            let moved = progress.settled.is_none_or(|settled| settled < position);
            if moved {
                progress.settled = Some(position);
            }
            moved
        });
    }

    /// The log's end was here at this time.
    pub(super) fn ended_at(&self, position: LogPosition, at: Instant) {
        self.state.lock().ended_at(position, at);
        self.judge();
    }

    /// Compares the lag with the limit, logs a change, and switches what reads do. Returns the time for which
    /// nothing changes, unless something is settled.
    pub(super) fn judge(&self) -> Duration {
        let mut state = self.state.lock();
        let mut policy = self.policy.lock();
        let Some(policy) = &mut *policy else { return Duration::MAX };
        let (limit, on_lag) = (policy.limit, policy.on_lag);
        let lag = state.stale_for();
        let behind = lag > limit;
        let was_behind = std::mem::replace(&mut state.behind, behind);
        if behind && !was_behind {
            say!(
                CHANGE_LOG_BEHIND,
                log = self.name,
                ?limit,
                ?on_lag,
                "the cache is behind its change log by more than the limit"
            );
        } else if was_behind && !behind {
            say!(CHANGE_LOG_CAUGHT_UP, log = self.name, "the cache caught up with its change log");
        }
        policy.judge(behind || !state.caught_up);
        if behind { Duration::ZERO } else { limit.saturating_sub(lag) }
    }

    /// Notes that the task ended.
    pub(super) fn ended(&self) {
        let mut state = self.state.lock();
        state.now(FollowerState::Stopped);
        let asked_to = *self.stop.borrow();
        if let Some(mut policy) = self.policy.lock().take() {
            policy.end(state.behind || !asked_to);
        }
    }

    /// Notes that another instance has the log.
    pub(super) fn stand_by(&self) {
        let mut state = self.state.lock();
        state.now(FollowerState::Standby);
        state.error = None;
    }

    /// Notes that the instance that reads the log does not cover this cache. For a moment this is normal.
    pub(super) fn not_covered(&self) {
        let mut state = self.state.lock();
        if state.behind {
            let message = "follow: another instance reads the log, but not for this one: it follows \
                other types, or has another cache or scope, which needs its own slot";
            state.error = Some(message.to_owned());
        }
    }

    /// Notes that this instance has the log.
    pub(super) fn opened(&self) {
        let mut state = self.state.lock();
        state.now(FollowerState::Following);
        state.error = None;
        state.opened += 1;
    }

    /// Forgets the positions if the log ends here, before what was read of it: it was restored, and goes on with
    /// positions that it had before. Returns whether that is so.
    pub(super) fn forget_beyond(&self, end: LogPosition) -> bool {
        let is_beyond = self.progress.borrow().settled > Some(end);
        if is_beyond {
            self.forget_positions();
        }
        is_beyond
    }

    /// Positions have another meaning from now on.
    pub(super) fn forget_positions(&self) {
        self.progress.send_modify(|progress| progress.settled = None);
        self.state.lock().forget_positions();
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    pub(crate) fn scope(&self) -> Scope {
        self.scope
    }

    pub(crate) fn status(&self) -> FollowerStatus {
        self.state.lock().status()
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.progress.borrow().stopped
    }

    pub(crate) fn condition(&self) -> Condition {
        self.state.lock().condition()
    }

    pub(crate) fn end(&self) {
        self.stop.send_replace(true);
    }
}

/// What a follower does, whether it is behind, and for how long.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Condition {
    pub(crate) state: FollowerState,
    pub(crate) behind: bool,
    pub(crate) lasted: Duration,
}

/// The state of the follower.
#[derive(Debug)]
pub(super) struct State {
    pub(super) doing: FollowerState,
    /// Since when it does that.
    since: Instant,
    settled: Option<LogPosition>,
    /// The log's end when it was asked last.
    end: Option<LogPosition>,
    /// An end that was not reached yet, and the time when it was the end.
    ahead: Option<(Instant, LogPosition)>,
    /// Everything committed before this is settled.
    fresh_as_of: Instant,
    /// Whether an end was reached. Before that it is not known how far behind the cache is.
    caught_up: bool,
    pub(super) behind: bool,
    pub(super) rows: u64,
    pub(super) batches: u64,
    pub(super) drops: u64,
    pub(super) last_drop: Option<String>,
    pub(super) opened: u64,
    pub(super) error: Option<String>,
}

impl State {
    fn new() -> Self {
        Self {
            doing: FollowerState::Down,
            since: Instant::now(),
            settled: None,
            end: None,
            ahead: None,
            fresh_as_of: Instant::now(),
            caught_up: false,
            behind: false,
            rows: 0,
            batches: 0,
            drops: 0,
            last_drop: None,
            opened: 0,
            error: None,
        }
    }

    /// Sets what it does from now on.
    pub(super) fn now(&mut self, doing: FollowerState) {
        if self.doing != doing {
            (self.doing, self.since) = (doing, Instant::now());
        }
    }

    fn condition(&self) -> Condition {
        let Self { doing, since, behind, .. } = *self;
        // It has been behind since then.
        let of_state = doing == FollowerState::Down || !behind;
        let lasted = if of_state { since.elapsed() } else { self.stale_for() };
        Condition { state: doing, behind, lasted }
    }

    /// The log's end was here at this time.
    pub(super) fn ended_at(&mut self, position: LogPosition, at: Instant) {
        self.end = self.end.max(Some(position));
        self.ahead.get_or_insert((at, position));
        self.catch_up();
    }

    fn settle(&mut self, position: LogPosition) {
        self.settled = self.settled.max(Some(position));
        self.catch_up();
    }

    fn catch_up(&mut self) {
        if let Some((at, position)) = self.ahead
            && self.settled >= Some(position)
        {
            self.fresh_as_of = at;
            self.caught_up = true;
            self.ahead = None;
        }
    }

    fn forget_positions(&mut self) {
        (self.settled, self.end, self.ahead) = (None, None, None);
    }

    pub(super) fn lag(&self) -> Lag {
        let settled = self.settled.map_or(0, LogPosition::number);
        let end = self.end.map_or(0, LogPosition::number);
        Lag { bytes: end.saturating_sub(settled), time: self.stale_for() }
    }

    fn stale_for(&self) -> Duration {
        self.fresh_as_of.elapsed()
    }

    fn status(&self) -> FollowerStatus {
        FollowerStatus {
            state: self.doing,
            settled: self.settled,
            lag: self.lag(),
            behind: self.behind,
            rows: self.rows,
            batches: self.batches,
            drops: self.drops,
            last_drop: self.last_drop.clone(),
            opened: self.opened,
            error: self.error.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn the_lag_counts_from_the_end_that_was_reached() {
        let mut state = State::new();
        let (first, second) = (LogPosition::new(100), LogPosition::new(200));
        tokio::time::advance(SECOND).await;
        state.ended_at(first, Instant::now());
        assert_eq!(state.lag(), Lag { bytes: 100, time: SECOND });
        tokio::time::advance(SECOND).await;
        state.ended_at(second, Instant::now());
        assert_eq!(state.lag(), Lag { bytes: 200, time: 2 * SECOND }, "nothing was settled");
        state.settle(first);
        assert_eq!(state.lag(), Lag { bytes: 100, time: SECOND }, "as of when it was the end");
        state.ended_at(second, Instant::now());
        state.settle(second);
        assert_eq!(state.lag(), Lag { bytes: 0, time: Duration::ZERO });
    }
}
