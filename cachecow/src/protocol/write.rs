//! Writes around the backing store, and invalidations.

use std::time::Duration;

use super::command::{Command, Lost, Token};

/// What a write does when its hold cannot be placed.
///
/// [`WriteMachine`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
#[non_exhaustive]
pub enum HoldPolicy {
    /// Write nevertheless, and invalidate afterwards: the cache is never the reason for a failure.
    /// If the process dies between the two, other processes may be served the old value for its
    /// time to live.
    #[default]
    Proceed,
    /// Do not write; [`ErrorKind::HoldRefused`](crate::ErrorKind::HoldRefused).
    Require,
}

/// What the driver of a write does next, for each key and each guard of tags in the write.
///
/// [`WriteMachine`] has an example.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum WriteStep<V> {
    /// Send the command, for the key or for the guard → [`WriteMachine::on_reply`].
    Send(Command<V>),
    /// Send the command for each tag → [`WriteMachine::on_reply`], with `Ok` if all were carried out.
    SendToTags(Command<V>),
    /// Run the work → [`WriteMachine::on_worked`].
    Work,
    /// The write is over.
    Done(WriteOutcome),
}

/// How a write ended, as far as the cache is concerned.
///
/// [`WriteMachine`] has an example.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum WriteOutcome {
    /// The key or the tags are invalidated.
    Invalidated,
    /// The hold was confirmed, but its end was not: nothing stale is served, and readers do not fill until the hold
    /// expires or a later release succeeds.
    HeldUntilExpiry,
    /// The cache confirmed neither the hold before the work nor the invalidation after it.
    NotInvalidated,
    /// The work did not begin.
    Refused,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum State {
    HoldDue,
    HoldSent,
    /// End the tags' epochs before the work.
    TagsDue,
    TagsSent,
    WorkDue,
    Working,
    ReleaseDue,
    ReleaseSent,
    /// End them again after the work, in case the hold was lost.
    TagsDueAgain,
    TagsSentAgain,
    Done(WriteOutcome),
}

/// What is written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Of {
    Key,
    /// The tags of one type, with their guard.
    Tags,
    /// The epoch of query results.
    Answers,
}

/// A write of one key: hold, work, release. With a settle time: hold, work, a last short hold.
///
/// For the tags of one type, it holds their [guard](super::tags), and ends their epochs after the hold and after
/// the release.
///
/// An invalidation is a write that begins with its last step.
///
/// ```
/// use std::time::Duration;
/// use cachecow::protocol::{Command, HoldPolicy, Lost, Token, WriteMachine, WriteOutcome, WriteStep};
///
/// let (token, ttl) = (Token::from_bytes([7; 16]), Duration::from_secs(60));
/// let mut write = WriteMachine::new(token, ttl, HoldPolicy::Require);
/// assert_eq!(write.next_step::<()>(), WriteStep::Send(Command::Hold { token, ttl }));
/// write.on_reply(Ok(()));
/// assert_eq!(write.next_step::<()>(), WriteStep::Work);
/// write.on_worked();
/// assert_eq!(write.next_step::<()>(), WriteStep::Send(Command::Release { token }));
/// // The hold stands, so that nothing stale is served.
/// write.on_reply(Err(Lost));
/// assert_eq!(write.next_step::<()>(), WriteStep::Done(WriteOutcome::HeldUntilExpiry));
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct WriteMachine {
    state: State,
    of: Of,
    token: Token,
    ttl: Duration,
    policy: HoldPolicy,
    /// How long nothing is stored after the work; if zero, the write ends with a release.
    settle: Duration,
    /// Whether there is no hold to release.
    only_invalidates: bool,
    held: bool,
}

impl WriteMachine {
    /// Makes a write that has not begun. `token` marks its hold, which lasts for `ttl` if it is
    /// never released.
    pub fn new(token: Token, ttl: Duration, policy: HoldPolicy) -> Self {
        Self {
            state: State::HoldDue,
            of: Of::Key,
            token,
            ttl,
            policy,
            settle: Duration::ZERO,
            only_invalidates: false,
            held: false,
        }
    }

    /// Makes an invalidation that has not begun. `token` must be new.
    pub fn invalidation(token: Token) -> Self {
        let (state, only_invalidates) = (State::ReleaseDue, true);
        let write = Self::new(token, Duration::ZERO, HoldPolicy::Proceed);
        Self { state, only_invalidates, ..write }
    }

    /// Makes it a write of tags, not of a key.
    #[must_use]
    pub fn of_tags(mut self) -> Self {
        self.of = Of::Tags;
        self
    }

    /// Makes it a write of one epoch: that of the query results that carry a tag. Their tags are known before they
    /// are fetched, so this epoch is its own guard.
    #[must_use]
    pub fn of_answers(mut self) -> Self {
        self.of = Of::Answers;
        self
    }

    /// Prevents readers from filling for this time after the work.
    #[must_use]
    pub fn with_settle(mut self, settle: Duration) -> Self {
        self.settle = settle;
        self
    }

    /// Returns what to do next.
    pub fn next_step<V>(&mut self) -> WriteStep<V> {
        let (state, step) = match self.state {
            State::HoldDue => {
                let hold = Command::Hold { token: self.token, ttl: self.ttl };
                (State::HoldSent, WriteStep::Send(self.placed(hold)))
            }
            State::TagsDue => (State::TagsSent, WriteStep::SendToTags(Command::EndEpoch)),
            State::WorkDue => (State::Working, WriteStep::Work),
            State::ReleaseDue => {
                (State::ReleaseSent, WriteStep::Send(self.placed(self.last_command())))
            }
            State::TagsDueAgain => (State::TagsSentAgain, WriteStep::SendToTags(Command::EndEpoch)),
            State::Done(outcome) => (State::Done(outcome), WriteStep::Done(outcome)),
            waiting @ (State::HoldSent
            | State::TagsSent
            | State::Working
            | State::ReleaseSent
            | State::TagsSentAgain) => {
                debug_assert!(false, "a step was asked for before the last one was answered");
                (waiting, WriteStep::Work)
            }
        };
        self.state = state;
        step
    }

    /// Addresses a command of this write to its place.
    fn placed<V>(&self, command: Command<V>) -> Command<V> {
        if self.of == Of::Key { command } else { command.of_epoch() }
    }

    /// Takes the cache's answer.
    pub fn on_reply(&mut self, reply: Result<(), Lost>) {
        self.state = match (self.state, reply) {
            (State::HoldSent, Ok(())) if self.of == Of::Tags => State::TagsDue,
            (State::HoldSent | State::TagsSent, Ok(())) => {
                self.held = true;
                State::WorkDue
            }
            (State::HoldSent | State::TagsSent, Err(Lost)) => match self.policy {
                HoldPolicy::Proceed => State::WorkDue,
                HoldPolicy::Require => State::Done(WriteOutcome::Refused),
            },
            (State::ReleaseSent, Ok(())) if self.of == Of::Tags => State::TagsDueAgain,
            (State::ReleaseSent | State::TagsSentAgain, Ok(())) => {
                State::Done(WriteOutcome::Invalidated)
            }
            (State::ReleaseSent | State::TagsSentAgain, Err(Lost)) => State::Done(if self.held {
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

    /// Notes the end of the work, whether it succeeded or failed: failed work may have changed something.
    pub fn on_worked(&mut self) {
        debug_assert_eq!(self.state, State::Working, "the work does not answer the last step");
        self.state = State::ReleaseDue;
    }

    /// Ends a write whose work will not run, because the hold of another key was refused: there is
    /// nothing to settle.
    pub fn abort(&mut self) {
        self.settle = Duration::ZERO;
        self.state = State::ReleaseDue;
    }

    /// Returns whether the work must not run.
    pub fn refused(&self) -> bool {
        self.state == State::Done(WriteOutcome::Refused)
    }

    /// Returns whether the work is next.
    pub fn is_ready(&self) -> bool {
        self.state == State::WorkDue
    }

    /// Returns whether the cache confirmed the hold.
    pub fn held(&self) -> bool {
        self.held
    }

    /// Returns the command that ends the write of a key; repeat it until it is confirmed. For tags, it is sent to
    /// the guard ([`Command::of_epoch`]), and then their epochs are ended.
    pub fn last_command<V>(&self) -> Command<V> {
        if !self.settle.is_zero() {
            // The write's own hold with another end, or a new hold that is never released: it expires by itself.
            Command::Hold { token: self.token, ttl: self.settle }
        } else if self.only_invalidates {
            Command::Invalidate
        } else {
            Command::Release { token: self.token }
        }
    }

    /// Returns how the write ended; `None` while it goes on.
    pub fn outcome(&self) -> Option<WriteOutcome> {
        match self.state {
            State::Done(outcome) => Some(outcome),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TTL: Duration = Duration::from_secs(60);
    const TOKEN: Token = Token::from_bytes([1; 16]);

    /// The commands of a write, each answered by the next of these.
    fn commands(mut write: WriteMachine, answers: &[Result<(), Lost>]) -> Vec<Command<u8>> {
        let (mut answers, mut sent) = (answers.iter(), Vec::new());
        loop {
            match write.next_step() {
                WriteStep::Send(command) | WriteStep::SendToTags(command) => {
                    sent.push(command);
                    write.on_reply(*answers.next().expect("an answer for each command"));
                }
                WriteStep::Work => write.on_worked(),
                WriteStep::Done(_) => return sent,
            }
        }
    }

    fn write() -> WriteMachine {
        WriteMachine::new(TOKEN, TTL, HoldPolicy::Proceed)
    }

    #[test]
    fn tags_end_after_their_guard_is_held_and_after_it_is_released() {
        let (token, ttl) = (TOKEN, TTL);
        let hold = Command::HoldEpoch { token, ttl };
        let all =
            [hold.clone(), Command::EndEpoch, Command::ReleaseEpoch { token }, Command::EndEpoch];
        assert_eq!(commands(write().of_tags(), &[Ok(()); 4]), all);
        let settle = Duration::from_secs(1);
        let last = Command::HoldEpoch { token, ttl: settle };
        let settling = commands(write().of_tags().with_settle(settle), &[Ok(()); 4]);
        assert_eq!(settling, [hold, Command::EndEpoch, last, Command::EndEpoch]);
    }

    #[test]
    fn the_epoch_of_answers_is_held_as_a_key_is() {
        let (token, ttl) = (TOKEN, TTL);
        let all = [Command::HoldEpoch { token, ttl }, Command::ReleaseEpoch { token }];
        assert_eq!(commands(write().of_answers(), &[Ok(()); 2]), all);
        let invalidation = WriteMachine::invalidation(TOKEN).of_answers();
        assert_eq!(commands(invalidation, &[Ok(())]), [Command::EndEpoch]);
    }

    #[test]
    fn an_invalidation_is_the_end_of_a_write() {
        let invalidation = || WriteMachine::invalidation(TOKEN);
        assert_eq!(commands(invalidation(), &[Ok(())]), [Command::Invalidate]);
        let settle = Duration::from_secs(1);
        let hold = Command::Hold { token: TOKEN, ttl: settle };
        let settling = invalidation().with_settle(settle);
        assert_eq!(commands(settling, &[Ok(())]), std::slice::from_ref(&hold));
        let of_tags = commands(invalidation().of_tags(), &[Ok(()); 2]);
        assert_eq!(of_tags, [Command::EndEpoch, Command::EndEpoch]);
        let settling = invalidation().of_tags().with_settle(settle);
        assert_eq!(commands(settling, &[Ok(()); 2]), [hold.of_epoch(), Command::EndEpoch]);
        // If the guard fails, the tags are not changed.
        assert_eq!(commands(invalidation().of_tags(), &[Err(Lost)]), [Command::EndEpoch]);
    }

    #[test]
    fn tags_are_held_once_their_epochs_have_ended_too() {
        for (answers, held) in [([Ok(()); 2], true), ([Ok(()), Err(Lost)], false)] {
            let mut write = write().of_tags();
            for answer in answers {
                let _command: WriteStep<u8> = write.next_step();
                write.on_reply(answer);
            }
            assert!(write.is_ready());
            assert_eq!(write.held(), held, "{answers:?}");
        }
    }
}
