//! The epochs of an embedded cache: those of tags, and the guards of types.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::holds::Holds;
use super::sweep::{self, Sweep, after_removing};
use crate::key::Key;
use crate::key::KeyMap;
use crate::protocol::{Command, Reply, Token};

/// The memory of an epoch: the table doubles, so in the worst case half of it is empty.
const WEIGHT: usize = 2 * (size_of::<Key>() + size_of::<Epoch>());

/// The epochs by key.
#[derive(Default)]
pub(crate) struct Epochs(Mutex<Table>);

impl Epochs {
    /// Makes a table that takes at most about this number of bytes.
    pub(crate) fn within(bytes: u64) -> Self {
        let most = usize::try_from(bytes / WEIGHT as u64).unwrap_or(usize::MAX).max(sweep::FIRST);
        Self(Mutex::new(Table { most, thin_out_at: most, ..Table::default() }))
    }

    /// Executes a command on an epoch; `None` if the command is for something else.
    pub(crate) fn carry_out(&self, key: Key, command: &Command, now: Instant) -> Option<Reply> {
        let table = || self.0.lock();
        match command {
            Command::ReadEpoch => return Some(table().read(key, now)),
            Command::TakeEpoch { fresh, ttl } => return Some(table().take(key, *fresh, now, *ttl)),
            Command::EndEpoch => table().end(key),
            Command::HoldEpoch { token, ttl } => table().hold(key, *token, now, *ttl),
            Command::ReleaseEpoch { token } => table().release(key, token, now),
            _ => return None,
        }
        Some(Reply::Done)
    }
}

struct Table {
    by_key: KeyMap<Epoch>,
    sweep: Sweep,
    /// How many epochs have begun.
    begun: u64,
    /// How many epochs are kept at most.
    most: usize,
    /// At this number, some epochs are dropped.
    thin_out_at: usize,
}

impl Default for Table {
    fn default() -> Self {
        let (by_key, sweep) = (KeyMap::default(), Sweep::default());
        Self { by_key, sweep, begun: 0, most: usize::MAX, thin_out_at: usize::MAX }
    }
}

enum Epoch {
    Is(Token, Instant),
    /// Held: no epoch may begin.
    Held(Holds),
}

impl Epoch {
    fn stands(&self, now: Instant) -> bool {
        match self {
            Self::Is(_, expires) => *expires > now,
            Self::Held(holds) => holds.stand(now),
        }
    }
}

impl Table {
    /// The epoch.
    fn read(&self, key: Key, now: Instant) -> Reply {
        match self.by_key.get(&key).filter(|epoch| epoch.stands(now)) {
            Some(Epoch::Is(token, _)) => Reply::Epoch(*token),
            Some(Epoch::Held(_)) => Reply::Held,
            None => Reply::Absent,
        }
    }

    /// Returns the epoch, or begins a new one with the first half of this token.
    fn take(&mut self, key: Key, fresh: Token, now: Instant, ttl: Duration) -> Reply {
        match self.read(key, now) {
            Reply::Absent => {
                self.sweep(now);
                self.begun += 1;
                let epoch = fresh.numbered(self.begun);
                self.by_key.insert(key, Epoch::Is(epoch, now + ttl));
                Reply::Epoch(epoch)
            }
            reply => {
                if let Some(Epoch::Is(_, expires)) = self.by_key.get_mut(&key) {
                    *expires = (*expires).max(now + ttl);
                }
                reply
            }
        }
    }

    /// Ends the epoch.
    fn end(&mut self, key: Key) {
        if matches!(self.by_key.get(&key), Some(Epoch::Is(..))) {
            self.remove(key);
        }
    }

    /// Ends the epoch, and places a writer's hold, which prevents a new one from beginning.
    fn hold(&mut self, key: Key, token: Token, now: Instant, ttl: Duration) {
        self.end(key);
        self.sweep(now);
        let epoch = self.by_key.entry(key).or_insert_with(|| Epoch::Held(Holds::default()));
        if let Epoch::Held(holds) = epoch {
            holds.place(token, now, ttl);
        }
    }

    /// Ends the epoch, and this writer's hold.
    fn release(&mut self, key: Key, token: &Token, now: Instant) {
        self.end(key);
        if let Some(Epoch::Held(holds)) = self.by_key.get_mut(&key)
            && holds.release(token, now)
        {
            self.remove(key);
        }
    }

    fn remove(&mut self, key: Key) {
        self.by_key.remove(&key);
        after_removing(&mut self.by_key);
    }

    fn sweep(&mut self, now: Instant) {
        self.sweep.before_adding(&mut self.by_key, |epoch| epoch.stands(now));
        if self.by_key.len() >= self.thin_out_at {
            // An epoch may vanish at any time; its objects are then misses. Drop every second one, in any order;
            // held ones stay.
            let mut goes = false;
            self.by_key.retain(|_, epoch| {
                goes = !goes;
                epoch.stands(now) && (matches!(epoch, Epoch::Held(_)) || !goes)
            });
            let left = self.by_key.len();
            self.thin_out_at = self.most.max(left + left / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(86_400);

    fn token(number: u64) -> Token {
        Token::from_bytes(u128::from(number).to_be_bytes())
    }

    #[test]
    fn an_epoch_lasts_as_long_as_it_was_last_taken_for() {
        let (mut epochs, key, now) = (Table::default(), Key::from_hash(1), Instant::now());
        let first = epochs.take(key, token(1), now, DAY);
        assert_eq!(epochs.take(key, token(2), now + DAY / 2, DAY), first);
        assert_eq!(epochs.read(key, now + DAY), first);
        assert_eq!(epochs.read(key, now + DAY * 2), Reply::Absent);
        assert_ne!(epochs.take(key, token(1), now + DAY * 2, DAY), first);
    }

    #[test]
    fn none_begins_while_any_hold_stands() {
        let (mut epochs, key, now) = (Table::default(), Key::from_hash(1), Instant::now());
        epochs.take(key, token(1), now, DAY);
        epochs.hold(key, token(7), now, DAY);
        epochs.hold(key, token(8), now, DAY / 2);
        epochs.end(key);
        epochs.release(key, &token(8), now);
        assert_eq!(epochs.take(key, token(2), now + DAY / 2, DAY * 9), Reply::Held);
        assert!(matches!(epochs.take(key, token(3), now + DAY, DAY), Reply::Epoch(_)));
    }

    #[test]
    fn there_are_no_more_than_there_is_room_for() {
        let Epochs(table) = Epochs::within(1 << 20);
        let (mut epochs, now) = (table.into_inner(), Instant::now());
        let held = Key::from_hash(u128::MAX);
        epochs.hold(held, token(7), now, DAY);
        for number in 0..100_000 {
            epochs.take(Key::from_hash(number.into()), token(number), now, DAY);
            assert!(epochs.by_key.len() * WEIGHT <= 1 << 20);
        }
        assert!(epochs.by_key.len() * WEIGHT > 1 << 18, "{} epochs", epochs.by_key.len());
        assert_eq!(epochs.read(held, now), Reply::Held);
    }

    #[test]
    fn what_has_run_out_is_swept() {
        let (mut epochs, now) = (Table::default(), Instant::now());
        for number in 0..100_000 {
            let time = now + DAY * u32::try_from(number / 1000).unwrap();
            epochs.take(Key::from_hash(number.into()), token(number), time, DAY);
        }
        assert!(epochs.by_key.len() <= 2 * sweep::FIRST + 1000, "{} epochs", epochs.by_key.len());
    }
}
