//! Invalidations that the cache did not confirm: they are retried until it does.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::{Engine, Target, Urgency, carried_out};
use crate::backend::{BackendErrorKind, Request};
use crate::events::say;
use crate::key::Key;
use crate::key::KeyMap;
use crate::protocol::{Command, Token};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The most holds of one key that are released later; in a long outage, older ones have expired anyway.
const MAX_RELEASES: usize = 16;
/// A bit in the count that makes reads take the slow path: the cache is closed.
const CLOSED: usize = 1 << (usize::BITS - 1);
/// The same, while reads of some types bypass the cache.
const PAST: usize = 1 << (usize::BITS - 2);
/// How many keys one attempt carries.
const BATCH: usize = 1000;

/// The keys and tags whose invalidation is outstanding. In this process, reads of these keys, and of the types with
/// these tags, bypass the cache.
#[derive(Default)]
pub(crate) struct PendingInvalidations {
    keys: Mutex<Outstanding>,
    /// The number of keys and tags, and whether the cache is closed; readable without the lock.
    count: AtomicUsize,
    /// How many invalidations failed so far, and how many of them were confirmed since.
    failed: AtomicU64,
    retried: AtomicU64,
}

#[derive(Default)]
struct Outstanding {
    /// By key; the tags of a type by their guard, which may be equal to a key.
    by_key: KeyMap<Debt>,
    /// The counts of `by_key`. An outage makes it large, so it is not counted again each time.
    counted: Counts,
    /// Whether a task is retrying them.
    running: bool,
    /// Whether the cache is closed.
    closed: bool,
    /// The guards of the types whose reads bypass the cache, each with the number of followers that ask for it.
    past: KeyMap<usize>,
    /// For the next task, once the runtime of the last one has ended.
    engine: Weak<Engine>,
}

impl Outstanding {
    fn has(&self, key: Key) -> bool {
        self.closed || self.by_key.contains_key(&key) || self.past.contains_key(&key)
    }

    fn len(&self) -> usize {
        self.counted.keys_and_tags + self.counted.answers
    }

    fn take_over(&mut self, command: &Command, target: Target) {
        let debt = self.by_key.entry(target.key).or_default();
        self.counted.subtract(debt.counts());
        debt.take_over(command, target);
        self.counted.add(debt.counts());
    }

    /// Forgets what was done, unless more has come meanwhile; whether it did.
    fn settle(&mut self, key: Key, done: &Debt) -> bool {
        if self.by_key.get(&key) != Some(done) {
            return false;
        }
        self.by_key.remove(&key);
        self.counted.subtract(done.counts());
        true
    }
}

/// How much is outstanding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    keys_and_tags: usize,
    answers: usize,
}

impl Counts {
    fn add(&mut self, more: Self) {
        self.keys_and_tags += more.keys_and_tags;
        self.answers += more.answers;
    }

    fn subtract(&mut self, less: Self) {
        self.keys_and_tags -= less.keys_and_tags;
        self.answers -= less.answers;
    }
}

#[derive(Clone, Default, PartialEq)]
struct Debt {
    /// Grows with every addition, so that an attempt does not remove what was added after it began.
    version: u64,
    /// When the first outstanding invalidation failed, and how many have.
    since: Option<Instant>,
    taken_over: u64,
    /// Holds to be released as well.
    releases: Vec<Token>,
    /// The hold for the settle time: the longest that was requested.
    settling: Option<(Token, Duration)>,
    /// Whether the key must be invalidated.
    of_key: bool,
    /// Whether it is the key of an epoch of query results, which must be changed.
    of_answers: bool,
    /// The tags to invalidate; if there are any, the guard too.
    tags: BTreeSet<Key>,
}

impl Debt {
    fn counts(&self) -> Counts {
        let keys_and_tags = self.tags.len() + usize::from(self.of_key);
        Counts { keys_and_tags, answers: usize::from(self.of_answers) }
    }

    fn take_over(&mut self, command: &Command, target: Target) {
        self.version += 1;
        self.taken_over += 1;
        self.since.get_or_insert_with(Instant::now);
        self.of_key |= target.is_of_key();
        self.of_answers |= target.of_answers;
        self.tags.extend(target.tags);
        match (command, self.settling) {
            (Command::Release { token }, _) => self.release(*token),
            (Command::Hold { token, ttl }, None) => self.settling = Some((*token, *ttl)),
            (Command::Hold { token, ttl }, Some((first, longest))) => {
                // One settle hold is enough for all; the end of a write also needs a release.
                self.settling = Some((first, longest.max(*ttl)));
                self.release(*token);
            }
            _ => {}
        }
    }

    fn release(&mut self, token: Token) {
        if self.releases.len() == MAX_RELEASES {
            self.releases.remove(0);
        }
        self.releases.push(token);
    }

    /// The commands for the key, and for the guard. Releasing a hold that belongs to the other one has no effect.
    fn commands(&self) -> impl Iterator<Item = Command> + '_ {
        let first = match self.settling {
            None => Command::Invalidate,
            Some((token, ttl)) => Command::Hold { token, ttl },
        };
        let releases = self.releases.iter().map(|&token| Command::Release { token });
        let (of_key, of_epoch) = (self.of_key, self.of_answers || !self.tags.is_empty());
        let placed = move |command: Command| {
            let of_epoch = of_epoch.then(|| command.clone().of_epoch());
            of_key.then_some(command).into_iter().chain(of_epoch)
        };
        std::iter::once(first).chain(releases).flat_map(placed)
    }
}

impl PendingInvalidations {
    /// Whether an invalidation of this key, or of tags with this guard, is outstanding.
    #[inline]
    pub(crate) fn contains(&self, key: Key) -> bool {
        self.contains_any(|| key)
    }

    /// The same, for a key that is expensive to compute.
    #[inline]
    pub(crate) fn contains_any(&self, key: impl FnOnce() -> Key) -> bool {
        !self.is_clear() && self.check(|outstanding| outstanding.has(key()))
    }

    /// Starts the retries again if the runtime of the last task has ended. Any use of the cache calls this.
    #[inline]
    pub(crate) fn resume(&self) {
        if !self.is_clear() {
            self.check(|_| false);
        }
    }

    #[cold]
    fn check(&self, holds: impl FnOnce(&Outstanding) -> bool) -> bool {
        let outstanding = self.lock();
        let result = holds(&outstanding);
        if !outstanding.running && !outstanding.closed && outstanding.len() > 0 {
            Self::start(outstanding);
        }
        result
    }

    /// Whether nothing is outstanding and the cache is open, so reads can skip the check.
    pub(crate) fn is_clear(&self) -> bool {
        self.count.load(Ordering::Acquire) == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire) & !(CLOSED | PAST)
    }

    /// The number as a user counts it: epochs of query results are not counted, since they belong to tags and
    /// objects that are.
    pub(crate) fn named(&self) -> usize {
        if self.len() == 0 {
            return 0;
        }
        let outstanding = self.lock();
        let (named, all) = (outstanding.counted.keys_and_tags, outstanding.len());
        if named == 0 { all } else { named }
    }

    /// How long the oldest one has been outstanding.
    pub(crate) fn oldest(&self) -> Option<Duration> {
        if self.len() == 0 {
            return None;
        }
        let outstanding = self.lock();
        let first = outstanding.by_key.values().filter_map(|debt| debt.since).min();
        first.map(|first| first.elapsed())
    }

    /// How many invalidations failed so far.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// How many of those were confirmed since.
    pub(crate) fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// From now on reads bypass the cache, and failed invalidations are not retried in the background.
    pub(super) fn close(&self) {
        let mut outstanding = self.lock();
        outstanding.closed = true;
        self.recount(&outstanding);
    }

    fn recount(&self, outstanding: &Outstanding) {
        let closed = if outstanding.closed { CLOSED } else { 0 };
        let past = if outstanding.past.is_empty() { 0 } else { PAST };
        self.count.store(outstanding.len() | closed | past, Ordering::Release);
    }

    /// From now on reads of the types with these guards bypass the cache.
    #[cfg(feature = "log")]
    pub(crate) fn read_past(&self, guards: &[Key]) {
        let mut outstanding = self.lock();
        for guard in guards {
            *outstanding.past.entry(*guard).or_default() += 1;
        }
        self.recount(&outstanding);
    }

    /// Ends what [`read_past`](Self::read_past) began.
    #[cfg(feature = "log")]
    pub(crate) fn read_again(&self, guards: &[Key]) {
        let mut outstanding = self.lock();
        for guard in guards {
            if let Some(count) = outstanding.past.get_mut(guard) {
                *count -= 1;
                if *count == 0 {
                    outstanding.past.remove(guard);
                }
            }
        }
        self.recount(&outstanding);
    }

    /// Adds unconfirmed targets, each with its last command, and starts the task that retries them.
    pub(crate) fn add(&self, engine: &Arc<Engine>, lost: Vec<(Target, Command)>) {
        self.failed.fetch_add(lost.len() as u64, Ordering::Relaxed);
        let mut outstanding = self.lock();
        for (target, command) in lost {
            outstanding.take_over(&command, target);
        }
        self.recount(&outstanding);
        outstanding.engine = Arc::downgrade(engine);
        if !outstanding.running && !outstanding.closed {
            Self::start(outstanding);
        }
    }

    /// Starts the task; there must be no other.
    fn start(mut outstanding: MutexGuard<'_, Outstanding>) {
        let Some(engine) = outstanding.engine.upgrade() else { return };
        outstanding.running = true;
        // If the runtime has ended, it drops the task at once, which takes the lock.
        drop(outstanding);
        let runtime = engine.runtime();
        let running = Running { engine, ended: false };
        if let Some(runtime) = runtime {
            runtime.spawn(running.run());
        }
    }

    async fn retry(&self, engine: &Engine) {
        let mut pause = FIRST_PAUSE;
        loop {
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            if self.attempt_all(engine).await {
                pause = FIRST_PAUSE;
            }
            let mut outstanding = self.lock();
            if outstanding.closed && outstanding.len() > 0 {
                // `close` sends what it can, and then nobody does.
                outstanding.running = false;
                return;
            }
            if outstanding.len() == 0 {
                outstanding.running = false;
                // A long outage may have made it large.
                outstanding.by_key = KeyMap::default();
                drop(outstanding);
                say!(INVALIDATIONS_DONE, "all outstanding invalidations are confirmed");
                return;
            }
        }
    }

    /// Tries every key and tag once; returns whether all were confirmed.
    pub(super) async fn attempt_all(&self, engine: &Engine) -> bool {
        let keys: Vec<Key> = self.lock().by_key.keys().copied().collect();
        let mut all = true;
        for keys in keys.chunks(BATCH) {
            let batch = self.debts_of(keys);
            let Attempt { done, refused } = self.attempt(engine, &batch).await;
            all &= done == batch.len();
            if done == 0 && !refused && !batch.is_empty() {
                // An outage: the others would fail too. If the server refused these, it may accept others.
                return false;
            }
        }
        all
    }

    /// Those of these keys that are outstanding still.
    fn debts_of(&self, keys: &[Key]) -> Vec<(Key, Debt)> {
        let outstanding = self.lock();
        let debt = |key: &Key| Some((*key, outstanding.by_key.get(key)?.clone()));
        keys.iter().filter_map(debt).collect()
    }

    /// Tries some of them.
    async fn attempt(&self, engine: &Engine, batch: &[(Key, Debt)]) -> Attempt {
        let mut done = vec![true; batch.len()];
        let mut refused = send(engine, &mut done, batch, |key, debt, add| {
            debt.commands().for_each(|command| add(Request { key, command }));
        })
        .await;
        // After their guards.
        refused |= send(engine, &mut done, batch, |_, debt, add| {
            let command = Command::EndEpoch;
            debt.tags.iter().for_each(|&key| add(Request { key, command: command.clone() }));
        })
        .await;
        let mut outstanding = self.lock();
        for ((key, debt), done) in batch.iter().zip(&done) {
            if *done && outstanding.settle(*key, debt) {
                self.retried.fetch_add(debt.taken_over, Ordering::Relaxed);
            }
        }
        self.recount(&outstanding);
        Attempt { done: done.iter().filter(|done| **done).count(), refused }
    }

    fn lock(&self) -> MutexGuard<'_, Outstanding> {
        self.keys.lock()
    }
}

/// What became of a try.
struct Attempt {
    /// How many were confirmed.
    done: usize,
    /// Whether the server answered that it does not carry out some of them.
    refused: bool,
}

/// Sends the commands that `add` creates for the debts that are `done` so far; those that fail are no longer done. Whether
/// the server refused some of them.
async fn send(
    engine: &Engine,
    done: &mut [bool],
    batch: &[(Key, Debt)],
    add_requests: impl Fn(Key, &Debt, &mut dyn FnMut(Request)),
) -> bool {
    let (mut requests, mut owners) = (Vec::new(), Vec::new());
    for (at, (key, debt)) in batch.iter().enumerate().filter(|(at, _)| done[*at]) {
        add_requests(*key, debt, &mut |request| {
            requests.push(request);
            owners.push(at);
        });
    }
    if requests.is_empty() {
        return false;
    }
    let replies = engine.change(requests, Urgency::Invalidation).await;
    let mut refused = false;
    for (owner, reply) in owners.into_iter().zip(replies) {
        let carried_out = carried_out(reply);
        done[owner] &= carried_out.is_ok();
        refused |= carried_out.is_err_and(|error| error.kind() == BackendErrorKind::Rejected);
    }
    refused
}

/// The task's right to be the only one. If its runtime ends, or there is none, it is dropped with
/// the task, and the next use of the cache starts another task.
struct Running {
    engine: Arc<Engine>,
    ended: bool,
}

impl Running {
    async fn run(mut self) {
        self.engine.pending.retry(&self.engine).await;
        self.ended = true;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.ended {
            self.engine.pending.lock().running = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn token(number: u8) -> Token {
        Token::from_bytes([number; 16])
    }

    fn release(number: u8) -> Command {
        Command::Release { token: token(number) }
    }

    fn hold(number: u8, ttl: Duration) -> Command {
        Command::Hold { token: token(number), ttl }
    }

    /// These tags of one type; without any, its key.
    fn tags(tags: Vec<Key>) -> Target {
        Target { key: Key::from_hash(0), settle: Duration::ZERO, tags, of_answers: false }
    }

    /// What is sent for what was lost.
    fn sent(lost: &[Command]) -> Vec<Command> {
        let mut debt = Debt::default();
        lost.iter().for_each(|command| debt.take_over(command, tags(vec![])));
        debt.commands().collect()
    }

    /// An outage of an hour leaves very many: to add one must not take longer the more there are.
    #[test]
    fn what_is_outstanding_is_counted_as_it_comes_and_goes() {
        let mut outstanding = Outstanding::default();
        let [one, two] = [1, 2].map(Key::from_hash);
        let answers = Target { of_answers: true, ..tags(vec![]) };
        let counts = |keys_and_tags, answers| Counts { keys_and_tags, answers };
        for (target, counted) in [
            (tags(vec![]), counts(1, 0)),
            (tags(vec![]), counts(1, 0)),
            (tags(vec![one, two]), counts(3, 0)),
            (tags(vec![two]), counts(3, 0)),
            (answers.clone(), counts(3, 1)),
            (answers, counts(3, 1)),
            (Target { key: one, ..tags(vec![]) }, counts(4, 1)),
        ] {
            outstanding.take_over(&Command::Invalidate, target);
            assert_eq!(outstanding.counted, counted);
        }
        let key = Key::from_hash(0);
        let attempted = outstanding.by_key[&key].clone();
        outstanding.take_over(&release(1), tags(vec![]));
        assert!(!outstanding.settle(key, &attempted), "more has come");
        let attempted = outstanding.by_key[&key].clone();
        assert!(outstanding.settle(key, &attempted));
        assert_eq!(outstanding.counted, counts(1, 0));
        assert!(!outstanding.settle(key, &attempted), "it is gone");
        for number in 0..200_000 {
            let target = Target { key: Key::from_hash(number), ..tags(vec![]) };
            outstanding.take_over(&Command::Invalidate, target);
            std::hint::black_box(outstanding.len());
        }
        assert_eq!(outstanding.counted, counts(200_000, 0));
    }

    #[test]
    fn a_key_is_invalidated_once_and_every_hold_released() {
        let lost = [Command::Invalidate, release(1), Command::Invalidate, release(2)];
        assert_eq!(sent(&lost), [Command::Invalidate, release(1), release(2)]);
    }

    #[test]
    fn one_hold_settles_for_the_longest_time_and_the_others_are_released() {
        let lost = [hold(1, 2 * SECOND), hold(2, 5 * SECOND), hold(3, SECOND), Command::Invalidate];
        assert_eq!(sent(&lost), [hold(1, 5 * SECOND), release(2), release(3)]);
    }

    #[test]
    fn a_long_outage_leaves_so_many_releases_and_no_more() {
        let lost: Vec<Command> = (0..100).map(release).collect();
        let newest = (84..100).map(release);
        assert_eq!(
            sent(&lost),
            std::iter::once(Command::Invalidate).chain(newest).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_lost_during_an_attempt_is_not_settled_by_it() {
        let mut debt = Debt::default();
        for lost in [Command::Invalidate, Command::Invalidate, hold(1, SECOND)] {
            let attempted = debt.clone();
            debt.take_over(&lost, tags(vec![]));
            assert!(debt != attempted, "{lost:?}");
        }
        for _ in 0..2 {
            let attempted = debt.clone();
            debt.take_over(&Command::Invalidate, tags(vec![Key::from_hash(1)]));
            assert!(debt != attempted, "tags");
        }
    }

    /// For a type whose primary key has no placeholder, the guard and the key are equal.
    #[test]
    fn a_key_is_invalidated_though_tags_with_an_equal_guard_are_outstanding() {
        let (key, tag) = (tags(vec![]), tags(vec![Key::from_hash(1)]));
        for lost in [[key.clone(), tag.clone()], [tag, key]] {
            let mut debt = Debt::default();
            lost.into_iter().for_each(|lost| debt.take_over(&Command::Invalidate, lost));
            let both = [Command::Invalidate, Command::EndEpoch];
            assert_eq!(debt.commands().collect::<Vec<_>>(), both);
        }
    }

    #[test]
    fn the_tags_of_a_type_end_together_and_their_guard_as_a_key_does() {
        let [one, two, three] = [1, 2, 3].map(Key::from_hash);
        let mut debt = Debt::default();
        debt.take_over(&hold(1, SECOND), tags(vec![two, one]));
        debt.take_over(&release(2), tags(vec![three, two]));
        let of_guard = [hold(1, SECOND).of_epoch(), release(2).of_epoch()];
        assert_eq!(debt.commands().collect::<Vec<_>>(), of_guard);
        assert_eq!(debt.tags, [one, two, three].into());
    }

    #[test]
    fn an_epoch_of_answers_is_ended_and_its_holds_are_released() {
        let mut debt = Debt::default();
        let answers = Target { of_answers: true, ..tags(vec![]) };
        debt.take_over(&release(1), answers.clone());
        debt.take_over(&Command::Invalidate, answers);
        let sent = [Command::EndEpoch, release(1).of_epoch()];
        assert_eq!(debt.commands().collect::<Vec<_>>(), sent);
    }
}
