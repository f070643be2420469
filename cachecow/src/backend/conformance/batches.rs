//! Several commands at once.

use bytes::Bytes;
use futures_util::FutureExt as _;

use super::super::{CacheBackend, Request};
use super::support::{
    TTL, abandon, ask, ask_all, claim, fill, fill_as, fresh_key, granted, hold, is_claimed, store,
    token, value,
};
use crate::key::Key;
use crate::protocol::{Command, Reply};

/// A batch without requests.
pub async fn an_empty_batch_has_no_answers(backend: &dyn CacheBackend) {
    assert_eq!(ask_all(backend, Vec::new()).await, []);
}

/// Commands of every kind, mixed.
pub async fn a_batch_answers_each_in_order(backend: &dyn CacheBackend) {
    let keys: Vec<Key> = (0..8).map(|_| fresh_key()).collect();
    store(backend, keys[0], "one").await;
    store(backend, keys[2], "three").await;
    let batch = vec![
        (keys[0], Command::Lookup),
        (keys[1], claim(2)),
        (keys[2], claim(3)),
        (keys[3], Command::Lookup),
        (keys[4], hold(5)),
        (keys[5], fill(6, "six")),
        (keys[0], Command::Lookup),
        (keys[6], Command::Invalidate),
        (keys[7], abandon(8)),
    ];
    let mut replies = ask_all(backend, batch).await;
    assert!(is_claimed(&replies[1]), "{:?}", replies[1]);
    replies.remove(1);
    let expected = [
        value("one"),
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

/// A batch larger than one command can carry.
pub async fn a_batch_of_thousands_is_answered(backend: &dyn CacheBackend) {
    let keys: Vec<Key> = (0..3000).map(|_| fresh_key()).collect();
    let texts: Vec<Bytes> = (0..3000).map(|number: u16| number.to_string().into()).collect();
    let each = |command: &dyn Fn(usize) -> Command| {
        keys.iter().enumerate().map(|(at, key)| (*key, command(at))).collect::<Vec<_>>()
    };
    let claims = each(&|_| claim(1));
    let fills = each(&|at| Command::Fill { token: token(1), value: texts[at].clone(), ttl: TTL });
    let lookups = each(&|_| Command::Lookup);
    for (at, reply) in ask_all(backend, claims).await.into_iter().enumerate() {
        assert!(is_claimed(&reply), "claim {at} of 3000: {reply:?}");
    }
    for (at, reply) in ask_all(backend, fills).await.into_iter().enumerate() {
        assert_eq!(reply, Reply::Settled, "fill {at} of 3000");
    }
    for (reply, text) in ask_all(backend, lookups).await.into_iter().zip(texts) {
        assert_eq!(reply, Reply::Value(text));
    }
}

/// A caller gives up between two commands of one key: the first takes effect before the second, or not at all.
pub async fn a_command_that_was_given_up_takes_no_effect_later(backend: &dyn CacheBackend) {
    for _ in 0..20 {
        let key = fresh_key();
        let token = token(1).granted(granted(backend, key, claim(1)).await);
        give_up(backend, key, fill_as(token, "old"));
        assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent, "the fill was first");
        give_up(backend, key, claim(2));
        assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
        granted(backend, key, claim(3)).await;
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
    }
}

/// Polls a command once, and drops it without waiting for its answer.
fn give_up(backend: &dyn CacheBackend, key: Key, command: Command) {
    let _ = backend.execute(vec![Request { key, command }]).now_or_never();
}
