//! Claims that replace a value.

use super::super::CacheBackend;
use super::support::{ask, claim, fill, fresh_key, granted, hold, renew, replace, store, value};
use crate::protocol::{Command, Reply, SeenValue};

/// The reader that rejected a value replaces it.
pub async fn a_rejected_value_is_discarded_by_the_claim(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "rubbish").await;
    granted(backend, key, replace(1, b"rubbish", false)).await;
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
    assert_eq!(ask(backend, key, fill(1, "good")).await, Reply::Settled);
}

/// Someone else has already replaced it, by a value with another beginning or another length.
pub async fn another_value_is_not_discarded(backend: &dyn CacheBackend) {
    const LONG: &str = match str::from_utf8(&[b'x'; SeenValue::PREFIX + 2]) {
        Ok(text) => text,
        Err(_) => panic!("x is a letter"),
    };
    for (stored, rejected) in [("good", "rubbish"), ("good", "gold"), (LONG, &LONG[1..])] {
        let key = fresh_key();
        store(backend, key, stored).await;
        for keep in [false, true] {
            let claim = replace(1, rejected.as_bytes(), keep);
            assert_eq!(ask(backend, key, claim).await, value(stored));
        }
        assert_eq!(ask(backend, key, Command::Lookup).await, value(stored));
    }
}

/// By expiry, by eviction, or by an invalidation.
pub async fn a_claim_that_replaces_what_is_gone_is_granted(backend: &dyn CacheBackend) {
    for keep in [false, true] {
        let key = fresh_key();
        granted(backend, key, replace(1, b"rubbish", keep)).await;
        assert_eq!(ask(backend, key, replace(2, b"rubbish", keep)).await, Reply::Leased);
        assert_eq!(ask(backend, key, fill(1, "good")).await, Reply::Settled);
    }
}

/// While one reader refreshes a value, the others can still read it.
pub async fn a_kept_value_is_there_until_it_is_replaced(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "ageing").await;
    granted(backend, key, renew(1, "ageing")).await;
    assert_eq!(ask(backend, key, Command::Lookup).await, value("ageing"));
    assert_eq!(ask(backend, key, claim(2)).await, value("ageing"));
    assert_eq!(ask(backend, key, renew(2, "ageing")).await, Reply::Leased, "one renews");
    assert_eq!(ask(backend, key, fill(1, "fresh")).await, Reply::Settled);
    assert_eq!(ask(backend, key, renew(2, "ageing")).await, value("fresh"), "it is replaced");
}

/// A kept value may be replaced later, but an invalidation takes effect at once.
pub async fn an_invalidation_refuses_the_fill_over_a_kept_value(backend: &dyn CacheBackend) {
    for end in [Command::Invalidate, hold(9)] {
        let key = fresh_key();
        store(backend, key, "ageing").await;
        granted(backend, key, renew(1, "ageing")).await;
        assert_eq!(ask(backend, key, end).await, Reply::Done);
        assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused);
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
    }
}
