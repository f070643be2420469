//! Masters that are replaced, and what that explains.
//!
//! An asynchronous failover loses what the former master had acknowledged and not yet passed on: an
//! invalidation among it leaves the old value in the cache, for its time to live. That is not promised
//! otherwise. So a read that is older than promised is **inside** what is not promised, if every
//! promise that it went against was begun before a master of its keys was gone and made no longer than
//! shortly before that, or before its replica was cut off, and it was read before what was then in the
//! cache, or on its way there, had to be gone; else it is a violation. A master that was stopped and
//! replaced is gone when it was woken and has heard that it is none: until then it serves what it had.
//!
//! Where all replicas must acknowledge, no failover explains anything.
//!
//! An object that was invalidated by its alias alone is an exception: the pointer is gone, on every
//! replica if need be, and the next reader by the alias replaces the object under its primary key. That is
//! no invalidation and may be lost, long after the first; then the alias leads to the old object again.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::history::{History, Micros, Suspect};
use crate::objects::{LONGEST_TTL, is_alias};
use crate::shards::shards_of;
use crate::worker::LEASE;

/// An invalidation that was acknowledged longer before the failover must have reached the replica.
const REPLICATION: Duration = Duration::from_secs(2);
/// How long the old value may be read: one that was being fetched is stored within its lease.
const REMAINS: Duration = LEASE.checked_add(LONGEST_TTL).expect("a short time");

/// Those of a run.
#[derive(Default)]
pub(crate) struct Failovers(Vec<Failover>);

/// The end of a master.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Failover {
    /// Whose master it was; none where there is only one.
    shard: Option<u16>,
    /// The last time at which its replicas were sure to follow it.
    cut: Micros,
    /// When it was about to be killed, stopped or replaced.
    went: Micros,
    /// When it was master no more, for anyone.
    gone: Micros,
}

/// What became of the reads that were older than promised.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Reads that a failover explains.
    pub inside: usize,
    /// The acknowledged invalidations that were lost with those.
    pub lost: usize,
    /// The longest time between the beginning of such an invalidation and the end of the master.
    pub longest_lag: Duration,
    /// The longest time between the end of the master and the end of such a read.
    pub longest_stay: Duration,
    /// Reads that nothing explains, or that there was no room to note.
    pub outside: usize,
}

impl Failovers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn note(&mut self, failover: Failover) {
        self.0.push(failover);
    }

    /// Judges what was noted, and gives each read that nothing explains to `outside`.
    pub(crate) fn judge(&self, history: &History, mut outside: impl FnMut(Suspect)) -> Judged {
        let (suspects, unnoted) = history.suspects();
        let mut judged = Judged { outside: unnoted, ..Judged::default() };
        let mut lost = BTreeSet::new();
        for suspect in suspects {
            let shards = shards_of(suspect.cell);
            let explains = |failover: &&Failover| {
                let own = failover.shard.is_none_or(|shard| shards.contains(&shard));
                own && failover.explains(&suspect)
            };
            let Some(failover) = self.0.iter().find(explains) else {
                judged.outside += 1;
                outside(suspect);
                continue;
            };
            judged.inside += 1;
            lost.insert((suspect.cell, suspect.floor));
            let since = |time: Micros, earlier: Micros| Duration::from_micros(time - earlier);
            judged.longest_lag = judged.longest_lag.max(since(failover.gone, suspect.last_begun));
            judged.longest_stay = judged.longest_stay.max(since(suspect.ended, failover.went));
        }
        judged.lost = lost.len();
        judged
    }
}

impl Failover {
    /// Of a shard of a cluster.
    pub(crate) fn of(shard: u16, went: Micros, gone: Micros) -> Self {
        Self { shard: Some(shard), cut: went, went, gone }
    }

    /// Of the only master that there is.
    pub(crate) fn of_the_master(went: Micros, gone: Micros) -> Self {
        Self { shard: None, cut: went, went, gone }
    }

    /// The same, of a master whose replica had been cut off before.
    pub(crate) fn cut_off(self, cut: Micros) -> Self {
        Self { cut, ..self }
    }

    fn explains(&self, suspect: &Suspect) -> bool {
        let micros = |time: Duration| Micros::try_from(time.as_micros()).expect("a short time");
        let since = if is_alias(suspect.cell) { REMAINS } else { REPLICATION };
        // One that failed at first is carried out some time between its beginning and its promise.
        let passed_on = suspect.last_made < self.cut.saturating_sub(micros(since));
        let read = self.went..self.gone + micros(REMAINS);
        suspect.last_begun < self.gone && !passed_on && read.contains(&suspect.ended)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Micros = 1_000_000;

    fn explains(failover: Failover, [last_begun, last_made]: [Micros; 2], ended: Micros) -> bool {
        let (cell, version, floor, began) = (0, 1, 2, ended - 1);
        let suspect = Suspect { cell, version, floor, began, ended, last_begun, last_made };
        failover.explains(&suspect)
    }

    #[test]
    fn a_failover_explains_what_was_begun_shortly_before_it_and_read_before_it_expired() {
        let failover = Failover::of(0, 99 * SECOND, 100 * SECOND);
        let explains = |promise, ended| explains(failover, promise, ended);
        let shortly = [98 * SECOND; 2];
        assert!(explains(shortly, 101 * SECOND) && explains(shortly, 122 * SECOND));
        assert!(explains([90 * SECOND, 98 * SECOND], 101 * SECOND), "retried until shortly before");
        assert!(!explains([100 * SECOND; 2], 101 * SECOND), "begun when the successor was master");
        assert!(!explains([90 * SECOND; 2], 101 * SECOND), "so long before that it was passed on");
        assert!(!explains(shortly, 124 * SECOND), "read when it had to have expired");
        assert!(!explains(shortly, 98 * SECOND + 1), "read before the failover");
    }

    #[test]
    fn what_a_master_did_after_its_replica_was_cut_off_was_not_passed_on() {
        let failover = Failover::of(0, 99 * SECOND, 100 * SECOND).cut_off(92 * SECOND);
        let explains = |made| explains(failover, [made; 2], 101 * SECOND);
        assert!(explains(91 * SECOND), "shortly before the replica was cut off");
        assert!(
            explains(96 * SECOND),
            "long before the failover, and after the replica was cut off"
        );
        assert!(!explains(89 * SECOND), "so long before the cut that it was passed on");
    }
}
