//! Invalidations that did not reach the cache: retried until they do.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};

use super::{Engine, Urgency, carried_out};
use crate::backend::Request;
use crate::key::Key;
use crate::key::KeyMap;
use crate::protocol::{Command, Token};

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// How many holds of one key are released later; in a long outage the others have long run out.
const MAX_RELEASES: usize = 16;
/// How many keys one attempt carries.
const BATCH: usize = 1000;

/// The keys whose invalidation is outstanding, and the tags. Reads of the keys, and of objects of the
/// types that have the tags, go past the cache in this process.
#[derive(Default)]
pub(crate) struct PendingInvalidations {
    keys: Mutex<Outstanding>,
    /// The number of keys and tags, readable without the lock.
    count: AtomicUsize,
}

#[derive(Default)]
struct Outstanding {
    by_key: KeyMap<Debt>,
    by_guard: KeyMap<TagDebt>,
    /// Whether a task is at work.
    running: bool,
    /// For the next task, once the runtime of the last one has ended.
    engine: Weak<Engine>,
}

impl Outstanding {
    fn len(&self) -> usize {
        self.by_key.len() + self.by_guard.values().map(|debt| debt.tags.len()).sum::<usize>()
    }
}

/// The tags of one type.
#[derive(Clone, Default, PartialEq)]
struct TagDebt {
    /// As a key's.
    version: u64,
    tags: BTreeSet<Key>,
    settle: Duration,
}

impl TagDebt {
    fn take_over(&mut self, tags: Vec<Key>, settle: Duration) {
        self.version += 1;
        self.tags.extend(tags);
        self.settle = self.settle.max(settle);
    }
}

#[derive(Clone, Default, PartialEq)]
struct Debt {
    /// Grows with every addition, so that an attempt does not settle what came after it.
    version: u64,
    /// Holds to be released as well.
    releases: Vec<Token>,
    /// The hold that lets replicas settle, the longest that was asked for.
    settling: Option<(Token, Duration)>,
}

impl Debt {
    fn take_over(&mut self, command: &Command) {
        self.version += 1;
        match (command, self.settling) {
            (Command::Release { token }, _) => self.release(*token),
            (Command::Hold { token, ttl }, None) => self.settling = Some((*token, *ttl)),
            (Command::Hold { token, ttl }, Some((first, longest))) => {
                // One hold settles for all; the end of a write is a release besides.
                self.settling = Some((first, longest.max(*ttl)));
                self.release(*token);
            }
            _ => {}
        }
    }

    fn release(&mut self, token: Token) {
        if self.releases.len() < MAX_RELEASES {
            self.releases.push(token);
        }
    }

    fn commands(&self) -> impl Iterator<Item = Command> + '_ {
        let first = match self.settling {
            None => Command::Invalidate,
            Some((token, ttl)) => Command::Hold { token, ttl },
        };
        let releases = self.releases.iter().map(|&token| Command::Release { token });
        std::iter::once(first).chain(releases)
    }
}

impl PendingInvalidations {
    #[inline]
    pub(crate) fn contains(&self, key: Key) -> bool {
        !self.is_empty() && self.check(|outstanding| outstanding.by_key.contains_key(&key))
    }

    /// Whether tags with this guard are outstanding.
    #[inline]
    pub(crate) fn has_tags(&self, guard: impl FnOnce() -> Key) -> bool {
        !self.is_empty() && self.check(|outstanding| outstanding.by_guard.contains_key(&guard()))
    }

    /// Sees to it that what is outstanding is retried, though the runtime that retried it has ended. Any
    /// use of the cache does so.
    #[inline]
    pub(crate) fn resume(&self) {
        if !self.is_empty() {
            self.check(|_| false);
        }
    }

    #[cold]
    fn check(&self, holds: impl FnOnce(&Outstanding) -> bool) -> bool {
        let outstanding = self.lock();
        let result = holds(&outstanding);
        if !outstanding.running && outstanding.len() > 0 {
            Self::start(outstanding);
        }
        result
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn len(&self) -> usize {
        self.count.load(Ordering::Acquire)
    }

    /// Takes over commands that were not confirmed, and starts the task that retries them.
    pub(crate) fn add(&self, engine: &Arc<Engine>, commands: Vec<(Key, Command)>) {
        let mut outstanding = self.lock();
        for (key, command) in commands {
            outstanding.by_key.entry(key).or_default().take_over(&command);
        }
        self.retry_for(engine, outstanding);
    }

    /// Takes over the tags with this guard, which were not confirmed.
    pub(crate) fn add_tags(
        &self,
        engine: &Arc<Engine>,
        guard: Key,
        tags: Vec<Key>,
        settle: Duration,
    ) {
        let mut outstanding = self.lock();
        outstanding.by_guard.entry(guard).or_default().take_over(tags, settle);
        self.retry_for(engine, outstanding);
    }

    fn retry_for(&self, engine: &Arc<Engine>, mut outstanding: MutexGuard<'_, Outstanding>) {
        self.count.store(outstanding.len(), Ordering::Release);
        outstanding.engine = Arc::downgrade(engine);
        if !outstanding.running {
            Self::start(outstanding);
        }
    }

    /// Starts the task, which no other is.
    fn start(mut outstanding: MutexGuard<'_, Outstanding>) {
        let Some(engine) = outstanding.engine.upgrade() else { return };
        outstanding.running = true;
        // A runtime that has ended drops the task at once, which takes the lock.
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
            if outstanding.len() == 0 {
                outstanding.running = false;
                drop(outstanding);
                tracing::info!(target: "cachecow", "all outstanding invalidations are done");
                return;
            }
        }
    }

    /// Tries every key and tag once; whether all went well.
    async fn attempt_all(&self, engine: &Engine) -> bool {
        // Each in any case: what fails for some need not fail for the others.
        let keys = self.attempt_keys(engine).await;
        let tags = self.attempt_tags(engine).await;
        keys && tags
    }

    async fn attempt_tags(&self, engine: &Engine) -> bool {
        let debts: Vec<(Key, TagDebt)> =
            self.lock().by_guard.iter().map(|(guard, debt)| (*guard, debt.clone())).collect();
        let mut all = true;
        for (guard, debt) in debts {
            let tags: Vec<Key> = debt.tags.iter().copied().collect();
            if engine.end_epochs(guard, &tags, debt.settle).await.is_err() {
                all = false;
                continue;
            }
            let mut outstanding = self.lock();
            if outstanding.by_guard.get(&guard) == Some(&debt) {
                outstanding.by_guard.remove(&guard);
            }
            self.count.store(outstanding.len(), Ordering::Release);
        }
        all
    }

    async fn attempt_keys(&self, engine: &Engine) -> bool {
        let debts: Vec<(Key, Debt)> =
            self.lock().by_key.iter().map(|(key, debt)| (*key, debt.clone())).collect();
        let mut all = true;
        for batch in debts.chunks(BATCH) {
            let done = self.attempt(engine, batch).await;
            all &= done == batch.len();
            if done == 0 {
                // An outage; the others would fare no better.
                return false;
            }
        }
        all
    }

    /// Tries some keys; how many were done.
    async fn attempt(&self, engine: &Engine, batch: &[(Key, Debt)]) -> usize {
        let requests: Vec<Request> = batch
            .iter()
            .flat_map(|(key, debt)| debt.commands().map(|command| Request { key: *key, command }))
            .collect();
        let owners: Vec<usize> = batch
            .iter()
            .enumerate()
            .flat_map(|(index, (_, debt))| std::iter::repeat_n(index, debt.releases.len() + 1))
            .collect();
        let replies = engine.change(requests, Urgency::Invalidation).await;
        let mut failed = vec![false; batch.len()];
        for (owner, reply) in owners.into_iter().zip(replies) {
            failed[owner] |= carried_out(reply).is_err();
        }
        let mut outstanding = self.lock();
        for ((key, debt), failed) in batch.iter().zip(&failed) {
            if !failed && outstanding.by_key.get(key) == Some(debt) {
                outstanding.by_key.remove(key);
            }
        }
        self.count.store(outstanding.len(), Ordering::Release);
        failed.iter().filter(|failed| !**failed).count()
    }

    fn lock(&self) -> MutexGuard<'_, Outstanding> {
        self.keys.lock()
    }
}

/// The task's right to be the only one. Where a runtime ends, or there is none, it is dropped with
/// the task, and the next use of the cache starts another.
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

    /// What is sent for what was lost.
    fn sent(lost: &[Command]) -> Vec<Command> {
        let mut debt = Debt::default();
        lost.iter().for_each(|command| debt.take_over(command));
        debt.commands().collect()
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
        let first = (0..16).map(release);
        assert_eq!(
            sent(&lost),
            std::iter::once(Command::Invalidate).chain(first).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_lost_during_an_attempt_is_not_settled_by_it() {
        let mut debt = Debt::default();
        for lost in [Command::Invalidate, Command::Invalidate, hold(1, SECOND)] {
            let attempted = debt.clone();
            debt.take_over(&lost);
            assert!(debt != attempted, "{lost:?}");
        }
        let mut debt = TagDebt::default();
        for _ in 0..2 {
            let attempted = debt.clone();
            debt.take_over(vec![Key::from_hash(1)], SECOND);
            assert!(debt != attempted, "tags");
        }
    }

    #[test]
    fn the_tags_of_a_type_are_ended_together_and_settle_for_the_longest_time() {
        let [one, two, three] = [1, 2, 3].map(Key::from_hash);
        let mut debt = TagDebt::default();
        debt.take_over(vec![two, one], SECOND);
        debt.take_over(vec![three, two], 2 * SECOND);
        debt.take_over(vec![one], SECOND);
        assert_eq!((debt.tags, debt.settle), ([one, two, three].into(), 2 * SECOND));
    }
}
