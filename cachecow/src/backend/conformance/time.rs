//! Things that expire, by the backend's own clock.

use std::time::Duration;

use bytes::Bytes;

use super::super::CacheBackend;
use super::support::{
    BRIEF, END, LEASE, TTL, ask, ask_until, claim, claim_for, epoch, fill, fresh_key, granted,
    hold, hold_for, is_claimed, let_the_brief_pass, release, release_epoch, store_for, take,
    take_for, token, value,
};
use crate::clock::LONGEST;
use crate::protocol::{Command, Reply};

/// And a claim does not find it either.
pub async fn a_value_expires(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store_for(backend, key, "v", BRIEF).await;
    ask_until(backend, key, Command::Lookup, |reply| *reply == Reply::Absent).await;
    granted(backend, key, claim(1)).await;
}

/// The right to fill ends with it, whether or not another reader claims.
pub async fn a_lease_expires(backend: &dyn CacheBackend) {
    let (key, unclaimed) = (fresh_key(), fresh_key());
    granted(backend, unclaimed, claim_for(1, BRIEF)).await;
    granted(backend, key, claim_for(1, BRIEF)).await;
    ask_until(backend, key, claim(2), is_claimed).await;
    assert_eq!(ask(backend, key, fill(1, "late")).await, Reply::Refused);
    assert_eq!(ask(backend, key, fill(2, "v")).await, Reply::Settled);
    let_the_brief_pass(backend).await;
    assert_eq!(ask(backend, unclaimed, fill(1, "late")).await, Reply::Refused);
    assert_eq!(ask(backend, unclaimed, Command::Lookup).await, Reply::Absent);
}

/// A writer that died does not block readers for ever; one that is alive can extend its hold.
pub async fn a_hold_expires(backend: &dyn CacheBackend) {
    let (key, both) = (fresh_key(), fresh_key());
    assert_eq!(ask(backend, both, hold_for(8, BRIEF)).await, Reply::Done);
    assert_eq!(ask(backend, both, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, hold_for(9, BRIEF)).await, Reply::Done);
    ask_until(backend, key, claim(1), is_claimed).await;
    let_the_brief_pass(backend).await;
    assert_eq!(ask(backend, both, claim(1)).await, Reply::Held, "the other's hold stands");
}

/// Later, or sooner.
pub async fn a_hold_placed_again_ends_when_the_last_one_says(backend: &dyn CacheBackend) {
    let (longer, shorter) = (fresh_key(), fresh_key());
    for (key, ttls) in [(longer, [BRIEF, LEASE]), (shorter, [LEASE, BRIEF])] {
        for ttl in ttls {
            assert_eq!(ask(backend, key, hold_for(9, ttl)).await, Reply::Done);
        }
    }
    ask_until(backend, shorter, claim(1), is_claimed).await;
    let_the_brief_pass(backend).await;
    assert_eq!(ask(backend, longer, claim(1)).await, Reply::Held);
}

/// And the next epoch is a different one.
pub async fn an_epoch_expires(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let first = epoch(backend, key, take_for(1, BRIEF)).await;
    ask_until(backend, key, Command::ReadEpoch, |reply| *reply == Reply::Absent).await;
    assert_ne!(epoch(backend, key, take(1)).await, first);
}

/// A shorter time does not shorten it.
pub async fn an_epoch_is_kept_for_as_long_as_anyone_asked(backend: &dyn CacheBackend) {
    for ttls in [[BRIEF, TTL], [TTL, BRIEF]] {
        let key = fresh_key();
        let [first, second] = ttls.map(|ttl| take_for(1, ttl));
        let begun = epoch(backend, key, first).await;
        // The brief one may have ended meanwhile.
        let kept = epoch(backend, key, second).await;
        assert!(kept == begun || ttls[0] == BRIEF, "{kept:?} is not {begun:?}");
        let_the_brief_pass(backend).await;
        assert_eq!(epoch(backend, key, Command::ReadEpoch).await, kept);
    }
}

/// Then another begins.
pub async fn an_epochs_hold_expires(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let first = Reply::Epoch(epoch(backend, key, take(1)).await);
    let hold = Command::HoldEpoch { token: token(9), ttl: BRIEF };
    assert_eq!(ask(backend, key, hold).await, Reply::Done);
    let next = ask_until(backend, key, take(1), |reply| *reply != Reply::Held).await;
    assert!(matches!(next, Reply::Epoch(_)) && next != first, "{next:?} after {first:?}");
}

/// A hundred years, the longest time that the cache uses; and odd times, which a clock may round.
pub async fn the_longest_times_are_taken(backend: &dyn CacheBackend) {
    for time in [LONGEST, LONGEST / 7, TTL + Duration::from_nanos(1)] {
        let key = fresh_key();
        granted(backend, key, claim_for(1, time)).await;
        let fill = Command::Fill { token: token(1), value: Bytes::from("v"), ttl: time };
        assert_eq!(ask(backend, key, fill).await, Reply::Settled, "{time:?}");
        assert_eq!(ask(backend, key, Command::Lookup).await, value("v"), "{time:?}");
        let begun = epoch(backend, key, take_for(1, time)).await;
        assert_eq!(epoch(backend, key, Command::ReadEpoch).await, begun, "{time:?}");
        let held = fresh_key();
        let hold_it = Command::HoldEpoch { token: token(9), ttl: time };
        assert_eq!(ask(backend, held, hold_it).await, Reply::Done, "{time:?}");
        assert_eq!(ask(backend, held, take(1)).await, Reply::Held, "{time:?}");
        assert_eq!(ask(backend, held, release_epoch(9)).await, Reply::Done);
        assert_eq!(ask(backend, key, hold_for(9, time)).await, Reply::Done, "{time:?}");
        assert_eq!(ask(backend, key, claim(2)).await, Reply::Held, "{time:?}");
        // So that they do not remain in a shared cache.
        assert_eq!(ask(backend, key, release(9)).await, Reply::Done);
        assert_eq!(ask(backend, key, END).await, Reply::Done);
    }
}
