//! A write around the backing store.

use std::time::Duration;

use super::command::{Command, Lost, Token};

/// What a write does when its hold cannot be placed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum HoldPolicy {
    /// Write all the same, and invalidate afterwards: the cache is never the reason for a failure.
    /// Should the process die between the two, other processes may be served the old value for its
    /// time to live.
    #[default]
    Proceed,
    /// Do not write; [`ErrorKind::HoldRefused`](crate::ErrorKind::HoldRefused).
    Require,
}

/// What the driver of a write does next, for every key of the write.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum WriteStep<V> {
    /// Send the command → [`WriteMachine::on_reply`].
    Send(Command<V>),
    /// Do the work → [`WriteMachine::on_worked`].
    Work,
    /// The write is over.
    Done(WriteOutcome),
}

/// How a write ended, as far as the cache is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WriteOutcome {
    /// The key is invalidated.
    Invalidated,
    /// The hold stands and was not released: nothing stale is served, and readers do not fill until
    /// it expires or a later release succeeds.
    HeldUntilExpiry,
    /// The cache could not be told before or after the work.
    NotInvalidated,
    /// The work was not begun.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    HoldDue,
    HoldSent,
    WorkDue,
    Working,
    ReleaseDue,
    ReleaseSent,
    Done(WriteOutcome),
}

/// A write of one key: hold, work, release; or, to let replicas settle, hold, work, a last short hold.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WriteMachine {
    state: State,
    token: Token,
    ttl: Duration,
    policy: HoldPolicy,
    /// How long nothing is stored after the work; zero: a release.
    settle: Duration,
    held: bool,
}

impl WriteMachine {
    /// A write that has not begun; the token marks its hold, which lasts `ttl` if it is never
    /// released.
    pub fn new(token: Token, ttl: Duration, policy: HoldPolicy) -> Self {
        Self { state: State::HoldDue, token, ttl, policy, settle: Duration::ZERO, held: false }
    }

    /// Keeps readers from filling for this time after the work.
    #[must_use]
    pub fn with_settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// What to do next.
    pub fn next_step<V>(&mut self) -> WriteStep<V> {
        let (state, step) = match self.state {
            State::HoldDue => {
                let hold = Command::Hold { token: self.token, ttl: self.ttl };
                (State::HoldSent, WriteStep::Send(hold))
            }
            State::WorkDue => (State::Working, WriteStep::Work),
            State::ReleaseDue => (State::ReleaseSent, WriteStep::Send(self.last_command())),
            State::Done(outcome) => (State::Done(outcome), WriteStep::Done(outcome)),
            waiting @ (State::HoldSent | State::Working | State::ReleaseSent) => {
                debug_assert!(false, "a step was asked for before the last one was answered");
                (waiting, WriteStep::Work)
            }
        };
        self.state = state;
        step
    }

    /// Takes the cache's answer.
    pub fn on_reply(&mut self, reply: Result<(), Lost>) {
        self.state = match (self.state, reply) {
            (State::HoldSent, Ok(())) => {
                self.held = true;
                State::WorkDue
            }
            (State::HoldSent, Err(Lost)) => match self.policy {
                HoldPolicy::Proceed => State::WorkDue,
                HoldPolicy::Require => State::Done(WriteOutcome::Refused),
            },
            (State::ReleaseSent, Ok(())) => State::Done(WriteOutcome::Invalidated),
            (State::ReleaseSent, Err(Lost)) => State::Done(if self.held {
                WriteOutcome::HeldUntilExpiry
            } else {
                WriteOutcome::NotInvalidated
            }),
            (state, _) => {
                debug_assert!(false, "a reply does not answer the last step");
                state
            }
        };
    }

    /// Takes the end of the work, however it ended: a failed work may have changed something.
    pub fn on_worked(&mut self) {
        debug_assert_eq!(self.state, State::Working, "the work does not answer the last step");
        self.state = State::ReleaseDue;
    }

    /// Ends a write whose work will not be done, another key's hold having been refused: there is
    /// nothing to settle.
    pub fn abort(&mut self) {
        self.settle = Duration::ZERO;
        self.state = State::ReleaseDue;
    }

    /// Whether the work must not be done.
    pub fn refused(&self) -> bool {
        self.state == State::Done(WriteOutcome::Refused)
    }

    /// Whether the cache confirmed the hold.
    pub fn held(&self) -> bool {
        self.held
    }

    fn last_command<V>(&self) -> Command<V> {
        if self.settle.is_zero() {
            Command::Release { token: self.token }
        } else {
            // The write's own hold, with another end.
            Command::Hold { token: self.token, ttl: self.settle }
        }
    }

    /// How the write ended; `None` while it goes on.
    pub fn outcome(&self) -> Option<WriteOutcome> {
        match self.state {
            State::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}
