//! The flags of an embedded cache: who may fill a key.

use std::time::Duration;

use tokio::time::Instant;

use super::holds::Holds;
use super::sweep::{Sweep, after_removing};
use crate::key::Key;
use crate::key::KeyMap;
use crate::protocol::{Command, Reply, Token};

/// The flags of some keys. The owner of this table makes each command atomic together with the key's value.
#[derive(Default)]
pub(crate) struct Flags {
    by_key: KeyMap<Flag>,
    sweep: Sweep,
    /// The number of the last grant.
    grants: u64,
}

enum Flag {
    Lease(Token, Instant),
    Holds(Holds),
}

impl Flag {
    fn stands(&self, now: Instant) -> bool {
        match self {
            Self::Lease(_, expires) => *expires > now,
            Self::Holds(holds) => holds.stand(now),
        }
    }

    fn is_lease_of(&self, token: &Token, now: Instant) -> bool {
        matches!(self, Self::Lease(mine, expires) if token.names(mine) && *expires > now)
    }
}

/// Whether the command may end a lease, so that waiters must be woken.
pub(crate) fn ends_lease(command: &Command) -> bool {
    !matches!(command, Command::Lookup | Command::Claim { .. })
}

impl Flags {
    /// Takes the right to fill, if nobody has it.
    pub(crate) fn claim(
        &mut self,
        key: Key,
        token: Token,
        now: Instant,
        expires: Instant,
    ) -> Reply {
        match self.by_key.get(&key) {
            Some(flag @ Flag::Lease(..)) if flag.stands(now) => Reply::Leased,
            Some(flag @ Flag::Holds(_)) if flag.stands(now) => Reply::Held,
            _ => {
                self.sweep(now);
                self.grants += 1;
                self.by_key.insert(key, Flag::Lease(token.granted(self.grants), expires));
                Reply::Claimed(self.grants)
            }
        }
    }

    /// When the current claim ends, if there is one.
    pub(crate) fn lease_end(&self, key: Key, now: Instant) -> Option<Instant> {
        match self.by_key.get(&key) {
            Some(Flag::Lease(_, expires)) if *expires > now => Some(*expires),
            _ => None,
        }
    }

    /// Ends the claim with this token; returns whether it was valid.
    pub(crate) fn take_lease(&mut self, key: Key, token: &Token, now: Instant) -> bool {
        let standing = self.has_lease(key, token, now);
        if standing {
            self.remove(key);
        }
        standing
    }

    /// Ends any claim, and notes that a writer under way is not alone.
    pub(crate) fn invalidate(&mut self, key: Key) {
        self.drop_lease(key);
        if let Some(Flag::Holds(holds)) = self.by_key.get_mut(&key) {
            holds.note_change();
        }
    }

    /// Whether this writer's hold is there, with no other hold and no invalidation since it was placed.
    pub(crate) fn is_held_alone(&self, key: Key, token: &Token, now: Instant) -> bool {
        matches!(self.by_key.get(&key), Some(Flag::Holds(holds)) if holds.is_alone(token, now))
    }

    /// Ends any claim.
    pub(crate) fn drop_lease(&mut self, key: Key) {
        if matches!(self.by_key.get(&key), Some(Flag::Lease(..))) {
            self.remove(key);
        }
    }

    /// Places a writer's hold, which no claim can replace; a hold with the same token is replaced.
    pub(crate) fn hold(&mut self, key: Key, token: Token, now: Instant, ttl: Duration) {
        self.drop_lease(key);
        self.sweep(now);
        let flag = self.by_key.entry(key).or_insert_with(|| Flag::Holds(Holds::default()));
        if let Flag::Holds(holds) = flag {
            holds.place(token, now, ttl);
        }
    }

    /// Ends this writer's hold, and any claim.
    pub(crate) fn release(&mut self, key: Key, token: &Token, now: Instant) {
        self.drop_lease(key);
        if let Some(Flag::Holds(holds)) = self.by_key.get_mut(&key)
            && holds.release(token, now)
        {
            self.remove(key);
        }
    }

    /// Whether the claim with this token is valid.
    pub(crate) fn has_lease(&self, key: Key, token: &Token, now: Instant) -> bool {
        self.by_key.get(&key).is_some_and(|flag| flag.is_lease_of(token, now))
    }

    fn remove(&mut self, key: Key) {
        self.by_key.remove(&key);
        after_removing(&mut self.by_key);
    }

    fn sweep(&mut self, now: Instant) {
        self.sweep.before_adding(&mut self.by_key, |flag| flag.stands(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hold_placed_again_ends_when_the_last_one_says() {
        let (mut flags, key, now) = (Flags::default(), Key::from_hash(1), Instant::now());
        let [mine, other] = [1, 2].map(|byte| Token::from_bytes([byte; 16]));
        let at = |seconds| now + Duration::from_secs(seconds);
        flags.hold(key, mine, now, Duration::from_secs(60));
        flags.hold(key, mine, now, Duration::from_secs(1));
        assert_eq!(flags.claim(key, other, at(0), at(9)), Reply::Held);
        assert_eq!(flags.claim(key, other, at(2), at(9)), Reply::Claimed(1));
    }

    #[test]
    fn nothing_is_left_of_many_claims_at_once() {
        let (mut flags, now) = (Flags::default(), Instant::now());
        let (token, expires) = (Token::from_bytes([1; 16]), now + Duration::from_secs(60));
        let keys = || (0..100_000).map(Key::from_hash);
        keys().for_each(|key| drop(flags.claim(key, token, now, expires)));
        assert!(flags.by_key.capacity() >= 100_000);
        keys().for_each(|key| flags.drop_lease(key));
        assert!(flags.by_key.capacity() <= 2 * super::super::sweep::FIRST);
    }
}
