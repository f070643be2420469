//! What is stored, and how it is looked up.

use bytes::Bytes;

use super::super::{CacheBackend, Place};
use super::support::{
    TTL, abandon, ask, claim, epoch, fresh_key, granted, hold, look_up, look_up_many, store, take,
    token, value,
};
use crate::protocol::{Command, Reply};

/// A backend that can be reached answers a ping.
pub async fn a_ping_is_answered(backend: &dyn CacheBackend) {
    let answer = backend.ping().await;
    answer.unwrap_or_else(|error| panic!("ping failed: {error}"));
}

/// A reset drops connections, but no stored data.
pub async fn a_backend_that_was_reset_answers(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "v").await;
    backend.reset();
    assert_eq!(ask(backend, key, Command::Lookup).await, value("v"));
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    granted(backend, key, claim(1)).await;
}

/// Absent, not empty.
pub async fn an_empty_cache_has_nothing(backend: &dyn CacheBackend) {
    assert_eq!(ask(backend, fresh_key(), Command::Lookup).await, Reply::Absent);
}

/// As in every read of a cold key.
pub async fn a_fill_stores_and_ends_the_claim(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "v1").await;
    assert_eq!(ask(backend, key, Command::Lookup).await, value("v1"));
    assert_eq!(ask(backend, key, abandon(200)).await, Reply::Refused, "the flag is gone");
}

/// Also an empty value, and one with all byte values.
pub async fn any_bytes_are_a_value(backend: &dyn CacheBackend) {
    let all: Vec<u8> = (0..=255).collect();
    for bytes in [Bytes::new(), Bytes::from(all)] {
        let key = fresh_key();
        granted(backend, key, claim(1)).await;
        let fill = Command::Fill { token: token(1), value: bytes.clone(), ttl: TTL };
        assert_eq!(ask(backend, key, fill).await, Reply::Settled);
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Value(bytes.clone()));
        assert_eq!(ask(backend, key, claim(9)).await, Reply::Value(bytes));
    }
}

/// Four megabytes.
pub async fn a_large_value_comes_back(backend: &dyn CacheBackend) {
    let (key, large) = (fresh_key(), Bytes::from(vec![b'x'; 4 << 20]));
    granted(backend, key, claim(1)).await;
    let fill = Command::Fill { token: token(1), value: large.clone(), ttl: TTL };
    assert_eq!(ask(backend, key, fill).await, Reply::Settled);
    let is_whole = ask(backend, key, Command::Lookup).await == Reply::Value(large);
    assert!(is_whole, "4 MiB come back as they were stored");
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
}

/// Values, flags and holds of different keys are independent.
pub async fn keys_do_not_touch_each_other(backend: &dyn CacheBackend) {
    let (a, b) = (fresh_key(), fresh_key());
    store(backend, a, "a").await;
    assert_eq!(ask(backend, b, hold(1)).await, Reply::Done);
    assert_eq!(ask(backend, b, Command::Invalidate).await, Reply::Done);
    assert_eq!(ask(backend, a, Command::Lookup).await, value("a"));
    assert_eq!(ask(backend, b, claim(1)).await, Reply::Held);
}

/// However it is implemented.
pub async fn a_lookup_answers_as_its_command_does(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(look_up(backend, key).await, Reply::Absent);
    store(backend, key, "").await;
    assert_eq!(look_up(backend, key).await, value(""), "an empty value is a value");
    for (command, text) in [(Command::Invalidate, "v1"), (hold(9), "v2")] {
        let key = fresh_key();
        store(backend, key, text).await;
        assert_eq!(look_up(backend, key).await, value(text));
        assert_eq!(look_up_many(backend, vec![Place::Value(key)]).await, [value(text)]);
        assert_eq!(ask(backend, key, command).await, Reply::Done);
        assert_eq!(look_up(backend, key).await, Reply::Absent);
        assert_eq!(look_up_many(backend, vec![Place::Value(key)]).await, [Reply::Absent]);
    }
}

/// Values, epochs and absences, mixed; the same place twice; no places; and more than one command
/// can carry.
pub async fn lookups_of_many_answer_each_in_order(backend: &dyn CacheBackend) {
    let (one, two, absent) = (fresh_key(), fresh_key(), fresh_key());
    store(backend, one, "one").await;
    store(backend, two, "two").await;
    let begun = Reply::Epoch(epoch(backend, two, take(1)).await);
    let places = vec![
        Place::Value(two),
        Place::Epoch(two),
        Place::Value(absent),
        Place::Epoch(absent),
        Place::Value(one),
        Place::Epoch(one),
        Place::Value(two),
    ];
    let expected = [
        value("two"),
        begun.clone(),
        Reply::Absent,
        Reply::Absent,
        value("one"),
        Reply::Absent,
        value("two"),
    ];
    assert_eq!(look_up_many(backend, places).await, expected);
    assert_eq!(look_up_many(backend, Vec::new()).await, []);
    let mut places: Vec<Place> = (0..3000).map(|_| Place::Value(fresh_key())).collect();
    places[1] = Place::Value(one);
    places[2] = Place::Epoch(two);
    places[2998] = Place::Value(two);
    let replies = look_up_many(backend, places).await;
    for (at, reply) in replies.into_iter().enumerate() {
        let expected = match at {
            1 => value("one"),
            2 => begun.clone(),
            2998 => value("two"),
            _ => Reply::Absent,
        };
        assert_eq!(reply, expected, "the answer to place {at} of 3000");
    }
}
