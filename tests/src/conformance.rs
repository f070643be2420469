//! What every backend must do. Each function takes an empty backend.

use std::time::Duration;

use bytes::Bytes;
use cachecow::protocol::{Command, Replacing, Reply, SeenValue, Token};
use cachecow::{CacheBackend, Key, Request};

const K: Key = Key::from_hash(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
const LEASE: Duration = Duration::from_secs(60);
const TTL: Duration = Duration::from_secs(600);

/// Calls a macro with the name of every case, for one test each.
#[macro_export]
macro_rules! for_each_conformance_case {
    ($callback:ident) => {
        $callback! {
            an_empty_cache_has_nothing
            a_claim_is_granted_once
            a_fill_stores_and_ends_the_claim
            a_claim_returns_the_value_that_is_there
            a_fill_without_a_claim_is_refused
            a_fill_with_another_token_is_refused_and_leaves_the_flag
            an_abandoned_claim_is_free_again
            a_foreign_abandon_changes_nothing
            invalidate_clears_every_state
            an_invalidation_refuses_the_fill_under_way
            a_released_and_retaken_flag_refuses_the_first_owner
            a_hold_removes_the_value_and_keeps_claims_out
            a_hold_refuses_the_fill_under_way
            overlapping_holds_end_one_by_one
            an_invalidation_leaves_holds
            a_release_after_its_hold_is_gone_invalidates
            a_release_removes_what_was_filled_in_between
            a_rejected_value_is_discarded_by_the_claim
            another_value_is_not_discarded
            a_kept_value_is_there_until_it_is_replaced
            an_invalidation_refuses_the_fill_over_a_kept_value
            any_bytes_are_a_value
            a_large_value_comes_back
            a_batch_answers_each_in_order
            a_batch_of_thousands_is_answered
            a_repeated_fill_is_refused
            a_claim_that_is_repeated_is_another
            keys_do_not_touch_each_other
            an_epoch_begins_when_it_is_taken
            an_epoch_that_ended_begins_again_with_another
            no_epoch_begins_while_it_settles
            epochs_values_and_flags_do_not_touch_each_other
            a_hold_placed_again_is_one_hold
        }
    };
}

fn token(number: u8) -> Token {
    // Zero bytes and quotes, as random tokens have them.
    Token::from_bytes([number, 0, b'\'', b'\r', b'\n', 0xff, number, 0, 1, 2, 3, 4, 5, 6, 7, 8])
}

/// A claim that leaves the value that it replaces.
fn renew(number: u8, value: &str) -> Command {
    let replacing = Some(Replacing { seen: SeenValue::of(value.as_bytes()), keep: true });
    Command::Claim { token: token(number), lease: LEASE, replacing }
}

async fn ask(backend: &dyn CacheBackend, key: Key, command: Command) -> Reply {
    let mut replies = backend.execute(vec![Request { key, command }]).await;
    assert_eq!(replies.len(), 1);
    replies.remove(0).expect("an answer")
}

fn claim(number: u8) -> Command {
    Command::Claim { token: token(number), lease: LEASE, replacing: None }
}

fn fill(number: u8, value: &'static str) -> Command {
    Command::Fill { token: token(number), value: Bytes::from(value), ttl: TTL }
}

fn abandon(number: u8) -> Command {
    Command::Abandon { token: token(number) }
}

fn hold(number: u8) -> Command {
    Command::Hold { token: token(number), ttl: LEASE }
}

fn release(number: u8) -> Command {
    Command::Release { token: token(number) }
}

fn value(value: &'static str) -> Reply {
    Reply::Value(Bytes::from(value))
}

async fn store(backend: &dyn CacheBackend, key: Key, text: &'static str) {
    assert!(matches!(ask(backend, key, claim(200)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, key, fill(200, text)).await, Reply::Settled);
}

/// Absent, not empty.
pub async fn an_empty_cache_has_nothing(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
}

/// Whoever comes second is told so.
pub async fn a_claim_is_granted_once(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, claim(2)).await, Reply::Leased);
    assert_eq!(ask(backend, K, claim(1)).await, Reply::Leased, "not even its own token");
}

/// The way of every cold read.
pub async fn a_fill_stores_and_ends_the_claim(backend: &dyn CacheBackend) {
    store(backend, K, "v1").await;
    assert_eq!(ask(backend, K, Command::Lookup).await, value("v1"));
    assert_eq!(ask(backend, K, abandon(200)).await, Reply::Refused, "the flag is gone");
}

/// Without setting a flag.
pub async fn a_claim_returns_the_value_that_is_there(backend: &dyn CacheBackend) {
    store(backend, K, "v1").await;
    assert_eq!(ask(backend, K, claim(1)).await, value("v1"));
    assert_eq!(ask(backend, K, abandon(1)).await, Reply::Refused, "no flag was set");
}

/// Eviction and expiry of the flag end here.
pub async fn a_fill_without_a_claim_is_refused(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, fill(1, "v1")).await, Reply::Refused);
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
}

/// The owner of the flag is not disturbed.
pub async fn a_fill_with_another_token_is_refused_and_leaves_the_flag(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, fill(2, "v2")).await, Reply::Refused);
    assert_eq!(ask(backend, K, fill(1, "v1")).await, Reply::Settled);
    assert_eq!(ask(backend, K, Command::Lookup).await, value("v1"));
}

/// Nobody waits out the lease.
pub async fn an_abandoned_claim_is_free_again(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, abandon(1)).await, Reply::Settled);
    assert!(matches!(ask(backend, K, claim(2)).await, Reply::Claimed(_)));
}

/// Only the owner gives a flag back.
pub async fn a_foreign_abandon_changes_nothing(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, abandon(2)).await, Reply::Refused);
    assert_eq!(ask(backend, K, claim(2)).await, Reply::Leased);
}

/// Nothing, a flag, a value: all end as nothing. (A value and a flag: after a foreign flag.)
pub async fn invalidate_clears_every_state(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done, "of nothing");
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done, "of a flag");
    assert_eq!(ask(backend, K, abandon(1)).await, Reply::Refused);
    store(backend, K, "v1").await;
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done, "of a value");
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
}

/// The protocol in one test.
pub async fn an_invalidation_refuses_the_fill_under_way(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused);
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
}

/// The predecessor's fault: *a* flag is there, and it is not the filler's.
pub async fn a_released_and_retaken_flag_refuses_the_first_owner(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    assert!(matches!(ask(backend, K, claim(2)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused);
    assert_eq!(ask(backend, K, fill(2, "new")).await, Reply::Settled);
    assert_eq!(ask(backend, K, Command::Lookup).await, value("new"));
}

/// A writer is at work.
pub async fn a_hold_removes_the_value_and_keeps_claims_out(backend: &dyn CacheBackend) {
    store(backend, K, "v1").await;
    assert_eq!(ask(backend, K, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
    assert_eq!(ask(backend, K, claim(1)).await, Reply::Held);
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
}

/// A fill that began before the write must not end after it.
pub async fn a_hold_refuses_the_fill_under_way(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused, "during the hold");
    assert_eq!(ask(backend, K, abandon(1)).await, Reply::Refused);
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused, "after it");
}

/// Releasing one lifts no other.
pub async fn overlapping_holds_end_one_by_one(backend: &dyn CacheBackend) {
    for writer in [7, 8, 9] {
        assert_eq!(ask(backend, K, hold(writer)).await, Reply::Done);
    }
    for writer in [8, 7] {
        assert_eq!(ask(backend, K, release(writer)).await, Reply::Done);
        assert_eq!(ask(backend, K, release(writer)).await, Reply::Done, "twice is no harm");
        assert_eq!(ask(backend, K, claim(1)).await, Reply::Held);
    }
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
}

/// Another caller's invalidation must not expose a write under way.
pub async fn an_invalidation_leaves_holds(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, K, claim(1)).await, Reply::Held);
}

/// A write that overran its hold: whoever claimed since may have read the old value.
pub async fn a_release_after_its_hold_is_gone_invalidates(backend: &dyn CacheBackend) {
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused);
}

/// The same, when the other was faster.
pub async fn a_release_removes_what_was_filled_in_between(backend: &dyn CacheBackend) {
    store(backend, K, "old").await;
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
}

/// The reader that rejected a value replaces it.
pub async fn a_rejected_value_is_discarded_by_the_claim(backend: &dyn CacheBackend) {
    store(backend, K, "rubbish").await;
    let replacing = Some(Replacing { seen: SeenValue::of(b"rubbish"), keep: false });
    let claim = Command::Claim { token: token(1), lease: LEASE, replacing };
    assert!(matches!(ask(backend, K, claim).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
    assert_eq!(ask(backend, K, fill(1, "good")).await, Reply::Settled);
}

/// Someone else replaced it already.
pub async fn another_value_is_not_discarded(backend: &dyn CacheBackend) {
    store(backend, K, "good").await;
    let replacing = Some(Replacing { seen: SeenValue::of(b"rubbish"), keep: false });
    let claim = Command::Claim { token: token(1), lease: LEASE, replacing };
    assert_eq!(ask(backend, K, claim).await, value("good"));
}

/// Who renews a value leaves it to the others meanwhile.
pub async fn a_kept_value_is_there_until_it_is_replaced(backend: &dyn CacheBackend) {
    store(backend, K, "ageing").await;
    assert!(matches!(ask(backend, K, renew(1, "ageing")).await, Reply::Claimed(_)));
    assert_eq!(ask(backend, K, Command::Lookup).await, value("ageing"));
    assert_eq!(ask(backend, K, claim(2)).await, value("ageing"));
    assert_eq!(ask(backend, K, renew(2, "ageing")).await, Reply::Leased, "one renews");
    assert_eq!(ask(backend, K, fill(1, "fresh")).await, Reply::Settled);
    assert_eq!(ask(backend, K, renew(2, "ageing")).await, value("fresh"), "it is replaced");
}

/// Its end may be put off, an invalidation may not.
pub async fn an_invalidation_refuses_the_fill_over_a_kept_value(backend: &dyn CacheBackend) {
    for end in [Command::Invalidate, hold(9)] {
        store(backend, K, "ageing").await;
        assert!(matches!(ask(backend, K, renew(1, "ageing")).await, Reply::Claimed(_)));
        assert_eq!(ask(backend, K, end).await, Reply::Done);
        assert_eq!(ask(backend, K, fill(1, "old")).await, Reply::Refused);
        assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Absent);
    }
}

/// Also none, and all.
pub async fn any_bytes_are_a_value(backend: &dyn CacheBackend) {
    let all: Vec<u8> = (0..=255).collect();
    for (number, bytes) in [(1, Bytes::new()), (2, Bytes::from(all))] {
        let key = Key::from_hash(u128::from(number));
        assert!(matches!(ask(backend, key, claim(number)).await, Reply::Claimed(_)));
        let fill = Command::Fill { token: token(number), value: bytes.clone(), ttl: TTL };
        assert_eq!(ask(backend, key, fill).await, Reply::Settled);
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Value(bytes.clone()));
        assert_eq!(ask(backend, key, claim(9)).await, Reply::Value(bytes));
    }
}

/// Four megabytes.
pub async fn a_large_value_comes_back(backend: &dyn CacheBackend) {
    let large = Bytes::from(vec![b'x'; 4 << 20]);
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
    let fill = Command::Fill { token: token(1), value: large.clone(), ttl: TTL };
    assert_eq!(ask(backend, K, fill).await, Reply::Settled);
    assert_eq!(ask(backend, K, Command::Lookup).await, Reply::Value(large));
}

/// Commands of every kind, mixed.
pub async fn a_batch_answers_each_in_order(backend: &dyn CacheBackend) {
    let key = |number| Key::from_hash(number);
    store(backend, key(1), "one").await;
    store(backend, key(3), "three").await;
    let batch = vec![
        (key(1), Command::Lookup),
        (key(2), claim(2)),
        (key(3), claim(3)),
        (key(4), Command::Lookup),
        (key(5), hold(5)),
        (key(6), fill(6, "six")),
        (key(1), Command::Lookup),
        (key(7), Command::Invalidate),
        (key(8), abandon(8)),
    ];
    let requests = batch.into_iter().map(|(key, command)| Request { key, command }).collect();
    let replies = backend.execute(requests).await;
    let without_number = |reply| match reply {
        Reply::Claimed(_) => Reply::Claimed(0),
        reply => reply,
    };
    let replies = replies.into_iter().map(|reply| without_number(reply.expect("an answer")));
    let replies: Vec<Reply> = replies.collect();
    let expected = [
        value("one"),
        Reply::Claimed(0),
        value("three"),
        Reply::Absent,
        Reply::Done,
        Reply::Refused,
        value("one"),
        Reply::Done,
        Reply::Refused,
    ];
    assert_eq!(replies, expected);
}

/// More than one command carries.
pub async fn a_batch_of_thousands_is_answered(backend: &dyn CacheBackend) {
    let all = |command: fn(u128) -> Command| {
        (0..3000_u128)
            .map(|number| Request { key: Key::from_hash(number), command: command(number) })
            .collect::<Vec<_>>()
    };
    let text = |number: u128| Bytes::from(number.to_string());
    for reply in backend.execute(all(|_| claim(1))).await {
        assert!(matches!(reply, Ok(Reply::Claimed(_))));
    }
    let fill = |number: u128| Command::Fill {
        token: token(1),
        value: Bytes::from(number.to_string()),
        ttl: TTL,
    };
    for reply in backend.execute(all(fill)).await {
        assert_eq!(reply, Ok(Reply::Settled));
    }
    let replies = backend.execute(all(|_| Command::Lookup)).await;
    for (number, reply) in (0..3000).zip(replies) {
        assert_eq!(reply, Ok(Reply::Value(text(number))));
    }
}

/// A command that was delivered twice.
pub async fn a_repeated_fill_is_refused(backend: &dyn CacheBackend) {
    store(backend, K, "v1").await;
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, K, fill(200, "v1")).await, Reply::Refused);
}

/// What something on the way repeats after an invalidation does not bring back the right to fill.
pub async fn a_claim_that_is_repeated_is_another(backend: &dyn CacheBackend) {
    let Reply::Claimed(first) = ask(backend, K, claim(1)).await else { panic!("not granted") };
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    let Reply::Claimed(second) = ask(backend, K, claim(1)).await else { panic!("not granted") };
    assert_ne!(first, second);
    let fill = |grant| {
        let value = Bytes::from("from before");
        Command::Fill { token: token(1).granted(grant), value, ttl: TTL }
    };
    assert_eq!(ask(backend, K, fill(first)).await, Reply::Refused);
    assert_eq!(ask(backend, K, fill(second)).await, Reply::Settled);
}

/// Neither values nor flags nor holds.
pub async fn keys_do_not_touch_each_other(backend: &dyn CacheBackend) {
    let (a, b) = (Key::from_hash(1), Key::from_hash(2));
    store(backend, a, "a").await;
    assert_eq!(ask(backend, b, hold(1)).await, Reply::Done);
    assert_eq!(ask(backend, b, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, a, Command::Lookup).await, value("a"));
    assert_eq!(ask(backend, b, claim(1)).await, Reply::Held);
}

fn take(number: u8) -> Command {
    Command::TakeEpoch { fresh: token(number), ttl: TTL }
}

async fn epoch(backend: &dyn CacheBackend, key: Key, command: Command) -> Token {
    match ask(backend, key, command).await {
        Reply::Epoch(epoch) => epoch,
        reply => panic!("no epoch: {reply:?}"),
    }
}

const END: Command = Command::EndEpoch { settle: Duration::ZERO };

/// And stays, whoever takes it.
pub async fn an_epoch_begins_when_it_is_taken(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, Command::ReadEpoch).await, Reply::Absent);
    assert_eq!(ask(backend, K, Command::ReadEpoch).await, Reply::Absent, "a look begins none");
    let first = epoch(backend, K, take(1)).await;
    assert_eq!(epoch(backend, K, take(2)).await, first);
    assert_eq!(epoch(backend, K, Command::ReadEpoch).await, first);
}

/// Also one that had not begun, and where something on the way repeats what began it.
pub async fn an_epoch_that_ended_begins_again_with_another(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, K, END).await, Reply::Done);
    let first = epoch(backend, K, take(1)).await;
    assert_eq!(ask(backend, K, END).await, Reply::Done);
    assert_eq!(ask(backend, K, Command::ReadEpoch).await, Reply::Absent);
    assert_ne!(epoch(backend, K, take(1)).await, first);
}

/// Whatever is asked meanwhile.
pub async fn no_epoch_begins_while_it_settles(backend: &dyn CacheBackend) {
    epoch(backend, K, take(1)).await;
    let settle = Duration::from_secs(60);
    for end in [Command::EndEpoch { settle }, END, Command::EndEpoch { settle: settle / 2 }] {
        assert_eq!(ask(backend, K, end).await, Reply::Done);
        assert_eq!(ask(backend, K, take(2)).await, Reply::Held);
        assert_eq!(ask(backend, K, Command::ReadEpoch).await, Reply::Held);
    }
}

/// Of one key, and of several in one batch.
pub async fn epochs_values_and_flags_do_not_touch_each_other(backend: &dyn CacheBackend) {
    store(backend, K, "v").await;
    epoch(backend, K, take(1)).await;
    assert_eq!(ask(backend, K, END).await, Reply::Done);
    assert_eq!(ask(backend, K, Command::Lookup).await, value("v"));
    let two = Reply::Epoch(epoch(backend, K, take(2)).await);
    assert_eq!(ask(backend, K, Command::Invalidate).await, Reply::Done);
    let other = Key::from_hash(2);
    let commands = [
        (K, Command::ReadEpoch),
        (other, claim(7)),
        (other, Command::ReadEpoch),
        (other, take(3)),
        (K, take(3)),
        (K, Command::Lookup),
        (other, END),
    ];
    let requests = commands.into_iter().map(|(key, command)| Request { key, command }).collect();
    let replies = backend.execute(requests).await;
    let replies: Vec<Reply> = replies.into_iter().map(|reply| reply.expect("an answer")).collect();
    assert_eq!(replies[0], two);
    assert!(matches!(replies[1], Reply::Claimed(_)));
    assert!(matches!(replies[3], Reply::Epoch(_)));
    assert_eq!(replies[4..], [two, Reply::Absent, Reply::Done]);
    assert_eq!(ask(backend, other, Command::ReadEpoch).await, Reply::Absent);
}

/// Its end is the last one said; a release ends it.
pub async fn a_hold_placed_again_is_one_hold(backend: &dyn CacheBackend) {
    for _ in 0..2 {
        assert_eq!(ask(backend, K, hold(9)).await, Reply::Done);
    }
    assert_eq!(ask(backend, K, claim(1)).await, Reply::Held);
    assert_eq!(ask(backend, K, release(9)).await, Reply::Done);
    assert!(matches!(ask(backend, K, claim(1)).await, Reply::Claimed(_)));
}
