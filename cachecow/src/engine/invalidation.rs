//! Invalidations, and what they share with writes: keys and tags, and a state machine for each.

use std::slice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;

use super::{Engine, Urgency, carried_out};
use crate::backend::{BackendError, Request};
use crate::clock::LONGEST;
use crate::error::{Error, ErrorKind};
use crate::events::say;
use crate::key::{Key, Scope};
use crate::model::cached::TypePolicy;
use crate::model::keys::{CacheKeys, KeySet};
use crate::protocol::{Command, Lost, Reply, WriteMachine, WriteOutcome, WriteStep};
use crate::stats::TypeState;

/// A key that is invalidated or written, the tags of one type, or the epoch of query results.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Target {
    /// The key, the tags' guard, or the epoch.
    pub(crate) key: Key,
    /// How long nothing is stored afterwards (the settle time); may be zero.
    pub(super) settle: Duration,
    /// Empty for a key, and for an epoch of query results.
    pub(crate) tags: Vec<Key>,
    /// Whether the key is that of an epoch of query results.
    pub(crate) of_answers: bool,
}

impl Engine {
    /// Returns each key once, and all tags of a type together. For duplicates, the longest settle time counts.
    pub(crate) fn targets(&self, scope: Scope, keys: &(impl CacheKeys + ?Sized)) -> Vec<Target> {
        let mut set = KeySet::default();
        keys.add_to(&mut set);
        self.targets_of(scope, set)
    }

    /// The same for a set of keys.
    pub(crate) fn targets_of(&self, scope: Scope, set: KeySet) -> Vec<Target> {
        let target = |key, policy, tags| Target {
            key: scope.key(key),
            settle: self.settle(policy),
            tags,
            of_answers: false,
        };
        let keys = set.keys.into_iter().map(|(key, policy)| target(key, policy, Vec::new()));
        let mut targets = each_once(keys.collect());
        let keys = targets.len();
        let of_answers =
            |(key, policy)| Target { of_answers: true, ..target(key, policy, Vec::new()) };
        let answers = each_once(set.answers.into_iter().map(of_answers).collect());
        for named in set.tags {
            let (guard, tag) = (scope.key(named.guard), scope.key(named.tag));
            match targets[keys..].iter_mut().find(|group| group.key == guard) {
                Some(group) => group.tags.push(tag),
                None => targets.push(target(named.guard, named.policy, vec![tag])),
            }
        }
        for group in &mut targets[keys..] {
            group.tags.sort_unstable();
            group.tags.dedup();
        }
        targets.extend(answers);
        targets
    }

    /// The settle time of a type.
    pub(crate) fn settle(&self, policy: TypePolicy) -> Duration {
        policy.settle.unwrap_or(self.settings.settle).min(LONGEST)
    }

    /// Invalidates the keys and the tags; what fails is retried in the background.
    pub(crate) async fn invalidate(self: &Arc<Self>, targets: Vec<Target>) -> Result<(), Error> {
        self.note_invalidated(&targets);
        let mut changes = self.invalidations(targets);
        let error = self.drive(&mut changes, Urgency::Invalidation).await;
        self.count_confirmed(&changes);
        let Some(error) = error else { return Ok(()) };
        self.retry_lost(&changes, &error);
        let lost = changes.iter().filter(|change| change.is_lost());
        Err(not_invalidated("invalidate", lost, error))
    }

    /// The invalidations of these targets, not begun.
    pub(super) fn invalidations(&self, targets: Vec<Target>) -> Vec<Change> {
        let machine = WriteMachine::invalidation(self.tokens.fresh());
        targets.into_iter().map(|target| Change::new(target, &machine)).collect()
    }

    /// Drives each change to its end, or until its work is next; returns the first error.
    pub(super) async fn drive(
        &self,
        changes: &mut [Change],
        urgency: Urgency,
    ) -> Option<BackendError> {
        let mut first_error = None;
        loop {
            let mut sent = Vec::new();
            let mut requests = Vec::new();
            for (at, change) in changes.iter_mut().enumerate() {
                let Some((command, keys)) = change.next_command() else { continue };
                let request = |key: &Key| Request { key: *key, command: command.clone() };
                requests.extend(keys.iter().map(request));
                let stores = matches!(command, Command::ReleaseAndStore { .. });
                sent.push((at, keys.len(), stores));
            }
            if sent.is_empty() {
                return first_error;
            }
            let mut replies = self.change(requests, urgency).await.into_iter();
            for (at, count, stores) in sent {
                // Take all replies, also after a failed one.
                let mine: Vec<_> = replies.by_ref().take(count).collect();
                let result: Result<(), BackendError> = match mine.as_slice() {
                    [Ok(Reply::Settled)] if stores => {
                        changes[at].stored = true;
                        Ok(())
                    }
                    [Ok(Reply::Refused)] if stores => Ok(()),
                    _ => mine.into_iter().try_for_each(carried_out),
                };
                changes[at].on_reply(result.as_ref().map_err(|_| Lost).copied());
                first_error = first_error.or(result.err());
            }
        }
    }

    /// Counts the changes that the cache confirmed.
    pub(super) fn count_confirmed(&self, changes: &[Change]) {
        let confirmed = changes.iter().filter(|change| !change.is_lost()).count();
        self.confirmed.fetch_add(confirmed as u64, Ordering::Relaxed);
    }

    /// Passes unconfirmed changes to the background retries.
    pub(super) fn retry_lost(self: &Arc<Self>, changes: &[Change], error: &BackendError) {
        let lost: Vec<(Target, Command)> = changes
            .iter()
            .filter(|change| change.is_lost())
            .map(|change| (change.target.clone(), change.last_command()))
            .collect();
        if !lost.is_empty() {
            if let Some(left_out) = self.rates.invalidation_failed.admits() {
                let count = lost.len();
                say!(INVALIDATION_FAILED, count, %error, left_out, "invalidation failed; retrying in the background");
            }
            self.pending.add(self, lost);
        }
    }
}

/// The error of an operation with these unconfirmed changes.
pub(super) fn not_invalidated<'a>(
    operation: &str,
    lost: impl Iterator<Item = &'a Change>,
    error: BackendError,
) -> Error {
    let (mut keys, mut tags, mut answers) = (0, 0, 0);
    for change in lost {
        tags += change.target.tags.len();
        keys += usize::from(change.target.is_of_key());
        answers += usize::from(change.target.of_answers);
    }
    if keys + tags == 0 {
        tags = answers;
    }
    let counted = |count: usize, noun: &str| match count {
        0 => None,
        1 => Some(format!("1 {noun}")),
        _ => Some(format!("{count} {noun}s")),
    };
    let what = [counted(keys, "key"), counted(tags, "tag")].into_iter().flatten();
    let what = what.collect::<Vec<_>>().join(" and ");
    Error::caused_by(
        ErrorKind::NotInvalidated,
        format!(
            "{operation}: the cache did not confirm the invalidation of {what}; it is retried in the \
             background, and until then other processes may serve the old value, for its time to live \
             at most"
        ),
        error,
    )
}

/// A target on its way through an invalidation or a write.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) target: Target,
    machine: WriteMachine,
    /// The document to store when the hold is released, and its time to live.
    pub(super) storing: Option<(Bytes, Duration)>,
    /// The type of that object.
    pub(super) state: Option<fn(&Engine) -> &TypeState>,
    /// Whether it was stored.
    pub(super) stored: bool,
}

/// Of several targets with one key, keeps the one with the longest settle time.
fn each_once(mut targets: Vec<Target>) -> Vec<Target> {
    targets.sort_unstable_by(|one, other| other.cmp(one));
    targets.dedup_by_key(|target| target.key);
    targets
}

impl Target {
    /// Whether a change of this target also changes the other one. A guard and a key may be equal: they are for a
    /// type whose primary key has no placeholder.
    pub(super) fn covers(&self, other: &Self) -> bool {
        self.key == other.key
            && self.is_of_key() == other.is_of_key()
            && self.of_answers == other.of_answers
            && self.settle >= other.settle
            && other.tags.iter().all(|tag| self.tags.contains(tag))
    }

    /// Whether it is a key that an object is stored under.
    pub(crate) fn is_of_key(&self) -> bool {
        self.tags.is_empty() && !self.of_answers
    }

    /// Addresses a command to this target's place.
    pub(crate) fn placed(&self, command: Command) -> Command {
        if self.is_of_key() { command } else { command.of_epoch() }
    }
}

impl Change {
    pub(super) fn new(target: Target, machine: &WriteMachine) -> Self {
        let machine = machine.clone().with_settle(target.settle);
        let machine = match &target {
            Target { of_answers: true, .. } => machine.of_answers(),
            Target { tags, .. } if !tags.is_empty() => machine.of_tags(),
            _ => machine,
        };
        Self { target, machine, storing: None, state: None, stored: false }
    }

    /// The next command, and its tags; `None` if there is none before the work.
    fn next_command(&mut self) -> Option<(Command, &[Key])> {
        if self.machine.is_ready() {
            return None;
        }
        match self.machine.next_step() {
            WriteStep::Send(command) => {
                let command = match (command, self.storing.take()) {
                    (Command::Release { token }, Some((value, ttl))) => {
                        Command::ReleaseAndStore { token, value, ttl }
                    }
                    (command, _) => command,
                };
                Some((command, slice::from_ref(&self.target.key)))
            }
            WriteStep::SendToTags(command) => Some((command, &self.target.tags)),
            WriteStep::Work | WriteStep::Done(_) => None,
        }
    }

    fn on_reply(&mut self, result: Result<(), Lost>) {
        self.machine.on_reply(result);
    }

    /// Notes the end of the work.
    pub(super) fn on_worked(&mut self) {
        let step: WriteStep<()> = self.machine.next_step();
        debug_assert_eq!(step, WriteStep::Work, "the work follows the hold");
        self.machine.on_worked();
    }

    /// Ends a write whose work will not run.
    pub(super) fn abort(&mut self) {
        self.machine.abort();
    }

    /// Whether an object may be stored under this key when its hold is released.
    pub(super) fn may_store(&self, key: Key) -> bool {
        let Target { key: mine, settle, .. } = &self.target;
        *mine == key && settle.is_zero() && self.target.is_of_key() && self.is_held()
    }

    /// Whether the work must not run.
    pub(super) fn is_refused(&self) -> bool {
        self.machine.refused()
    }

    /// Whether the cache confirmed the hold.
    pub(super) fn is_held(&self) -> bool {
        self.machine.held()
    }

    /// The command to repeat until it is confirmed; see [`WriteMachine::last_command`].
    pub(super) fn last_command(&self) -> Command {
        self.machine.last_command()
    }

    /// Whether its last step was not confirmed.
    pub(super) fn is_lost(&self) -> bool {
        self.machine.outcome() != Some(WriteOutcome::Invalidated)
    }

    /// Whether a reader may still be served a value older than this change. It may not if a write has held the key
    /// all the time.
    pub(super) fn is_exposed(&self, hold_may_have_ended: bool) -> bool {
        match self.machine.outcome() {
            Some(WriteOutcome::Invalidated) => false,
            Some(WriteOutcome::HeldUntilExpiry) => hold_may_have_ended,
            _ => true,
        }
    }
}
