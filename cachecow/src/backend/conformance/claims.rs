//! Who may fill, and until when.

use std::collections::HashSet;

use futures_util::future::{join, join_all};

use super::super::CacheBackend;
use super::support::{
    abandon, ask, claim, fill, fill_as, fresh_key, granted, hold, is_claimed, release, store,
    token, value,
};
use crate::protocol::{Command, Reply};

/// The second claim is answered that there is a lease.
pub async fn a_claim_is_granted_once(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, claim(2)).await, Reply::Leased);
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Leased, "not even its own token");
}

/// A claim reads and sets the flag in one step.
pub async fn of_claims_at_once_one_is_granted(backend: &dyn CacheBackend) {
    for _ in 0..20 {
        let key = fresh_key();
        let replies = join_all((0..20).map(|number| ask(backend, key, claim(number)))).await;
        let count = replies.iter().filter(|reply| is_claimed(reply)).count();
        assert_eq!(count, 1, "of 20 claims at once, one must be granted: {replies:?}");
    }
}

/// Without setting a flag.
pub async fn a_claim_returns_the_value_that_is_there(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "v1").await;
    assert_eq!(ask(backend, key, claim(1)).await, value("v1"));
    assert_eq!(ask(backend, key, abandon(1)).await, Reply::Refused, "no flag was set");
}

/// Eviction and expiry of the flag end here.
pub async fn a_fill_without_a_claim_is_refused(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(ask(backend, key, fill(1, "v1")).await, Reply::Refused);
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
}

/// The owner of the flag keeps it.
pub async fn a_fill_with_another_token_is_refused_and_leaves_the_flag(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, fill(2, "v2")).await, Reply::Refused);
    assert_eq!(ask(backend, key, fill(1, "v1")).await, Reply::Settled);
    assert_eq!(ask(backend, key, Command::Lookup).await, value("v1"));
}

/// A token with a number matches the flag only if the numbers match.
pub async fn a_fill_of_another_grant_is_refused_and_leaves_the_flag(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let number = granted(backend, key, claim(1)).await;
    for other in [number.wrapping_add(1).max(1), (u64::MAX - number).max(1)] {
        let fill = fill_as(token(1).granted(other), "v2");
        assert_eq!(ask(backend, key, fill).await, Reply::Refused);
        let abandon = Command::Abandon { token: token(1).granted(other) };
        assert_eq!(ask(backend, key, abandon).await, Reply::Refused);
    }
    let fill = fill_as(token(1).granted(number), "v1");
    assert_eq!(ask(backend, key, fill).await, Reply::Settled);
    assert_eq!(ask(backend, key, Command::Lookup).await, value("v1"));
}

/// A command that was delivered twice.
pub async fn a_repeated_fill_is_refused(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "v1").await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, key, fill(200, "v1")).await, Reply::Refused);
}

/// If something repeats a claim after an invalidation, the old right to fill does not come back.
pub async fn a_claim_that_is_repeated_is_another(backend: &dyn CacheBackend) {
    let key = fresh_key();
    let first = granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    let second = granted(backend, key, claim(1)).await;
    assert_ne!(first, second, "the same claim, carried out again, has another number");
    let fill = |grant| fill_as(token(1).granted(grant), "from before");
    assert_eq!(ask(backend, key, fill(first)).await, Reply::Refused);
    assert_eq!(ask(backend, key, fill(second)).await, Reply::Settled);
}

/// However the grants end in between.
pub async fn no_number_is_granted_twice(backend: &dyn CacheBackend) {
    let (key, mut seen) = (fresh_key(), HashSet::new());
    for _ in 0..5 {
        let ends = [
            vec![abandon(1)],
            vec![Command::Invalidate],
            vec![fill(1, "v"), Command::Invalidate],
            vec![hold(9), release(9)],
            vec![release(8)],
        ];
        for end in ends {
            let number = granted(backend, key, claim(1)).await;
            assert!(seen.insert(number), "{number} is granted again after {seen:?}");
            for command in end {
                ask(backend, key, command).await;
            }
        }
    }
}

/// Nobody must wait until the lease ends.
pub async fn an_abandoned_claim_is_free_again(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, abandon(1)).await, Reply::Settled);
    granted(backend, key, claim(2)).await;
}

/// Only the owner gives a flag back.
pub async fn a_foreign_abandon_changes_nothing(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, abandon(2)).await, Reply::Refused);
    assert_eq!(ask(backend, key, claim(2)).await, Reply::Leased);
}

/// If the answer to a claim was lost, its owner does not know the number, but can give the right back.
pub async fn an_abandon_without_a_number_ends_any_grant(backend: &dyn CacheBackend) {
    let key = fresh_key();
    for number in 1..4 {
        let grant = granted(backend, key, claim(number)).await;
        assert_eq!(ask(backend, key, abandon(number)).await, Reply::Settled);
        let late = fill_as(token(number).granted(grant), "late");
        assert_eq!(ask(backend, key, late).await, Reply::Refused);
    }
}

/// Afterwards there is nothing, whether there was nothing, a flag or a value. (A value and a flag: see the check
/// with another owner's flag.)
pub async fn invalidate_clears_every_state(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done, "of nothing");
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done, "of a flag");
    assert_eq!(ask(backend, key, abandon(1)).await, Reply::Refused);
    store(backend, key, "v1").await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done, "of a value");
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
}

/// The protocol in one check.
pub async fn an_invalidation_refuses_the_fill_under_way(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused);
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
}

/// In either order, the value is deleted or refused.
pub async fn a_fill_and_an_invalidation_at_once_leave_nothing(backend: &dyn CacheBackend) {
    for fill_is_first in [true, false].repeat(20) {
        let key = fresh_key();
        let token = token(1).granted(granted(backend, key, claim(1)).await);
        let fill = ask(backend, key, fill_as(token, "old"));
        let invalidate = ask(backend, key, Command::Invalidate);
        if fill_is_first {
            join(fill, invalidate).await;
        } else {
            join(invalidate, fill).await;
        }
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
        granted(backend, key, claim(2)).await;
    }
}

/// There is *a* flag, but it is not that of the reader who fills.
pub async fn a_released_and_retaken_flag_refuses_the_first_owner(backend: &dyn CacheBackend) {
    let key = fresh_key();
    granted(backend, key, claim(1)).await;
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    granted(backend, key, claim(2)).await;
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused);
    assert_eq!(ask(backend, key, fill(2, "new")).await, Reply::Settled);
    assert_eq!(ask(backend, key, Command::Lookup).await, value("new"));
}
