//! Writers that store what they have written.

use super::super::CacheBackend;
use super::support::{
    ask, claim, fill, fresh_key, granted, hold, is_released_only, release, release_and_store,
    store, value,
};
use crate::protocol::{Command, Reply};

/// No other writer, and no invalidation.
pub async fn a_writer_alone_stores_at_its_release(backend: &dyn CacheBackend) {
    let key = fresh_key();
    // What ended before it began has no effect.
    for command in [hold(8), release(8), Command::Invalidate, hold(9)] {
        assert_eq!(ask(backend, key, command).await, Reply::Done);
    }
    assert_eq!(ask(backend, key, release_and_store(9, "new")).await, Reply::Settled);
    assert_eq!(ask(backend, key, Command::Lookup).await, value("new"));
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    granted(backend, key, claim(1)).await;
}

/// The other writer may have changed the object later, whenever it began, and whether or not it has ended.
pub async fn a_writer_that_was_not_alone_stores_nothing(backend: &dyn CacheBackend) {
    let overlaps: [&[Command]; 4] = [
        &[hold(8), hold(9), release(8)],
        &[hold(9), hold(8), release(8)],
        &[hold(8), hold(9), release(8), release(8)],
        // The release of a writer that took longer than its hold.
        &[hold(9), release(8)],
    ];
    for commands in overlaps {
        let key = fresh_key();
        for command in commands {
            assert_eq!(ask(backend, key, command.clone()).await, Reply::Done);
        }
        let reply = ask(backend, key, release_and_store(9, "old")).await;
        assert!(is_released_only(&reply), "{reply:?} after {commands:?}");
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent, "{commands:?}");
        granted(backend, key, claim(1)).await;
    }
    for [first, last] in [[8, 9], [9, 8]] {
        let key = fresh_key();
        for command in [hold(first), hold(last)] {
            assert_eq!(ask(backend, key, command).await, Reply::Done);
        }
        assert!(is_released_only(&ask(backend, key, release_and_store(9, "old")).await));
        assert_eq!(ask(backend, key, claim(1)).await, Reply::Held, "the other's hold stands");
        assert!(is_released_only(&ask(backend, key, release_and_store(8, "old")).await));
        assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
        granted(backend, key, claim(1)).await;
    }
}

/// By someone who changed the object without a hold.
pub async fn an_invalidation_keeps_a_writer_from_storing(backend: &dyn CacheBackend) {
    let key = fresh_key();
    assert_eq!(ask(backend, key, hold(9)).await, Reply::Done);
    assert_eq!(ask(backend, key, Command::Invalidate).await, Reply::Done);
    assert!(is_released_only(&ask(backend, key, release_and_store(9, "old")).await));
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent);
    granted(backend, key, claim(1)).await;
}

/// The hold expired or was evicted: another reader or writer may have come since.
pub async fn a_writer_whose_hold_is_gone_stores_nothing(backend: &dyn CacheBackend) {
    let key = fresh_key();
    store(backend, key, "old").await;
    assert!(is_released_only(&ask(backend, key, release_and_store(9, "new")).await));
    assert_eq!(ask(backend, key, Command::Lookup).await, Reply::Absent, "as a release does");
    granted(backend, key, claim(1)).await;
    assert!(is_released_only(&ask(backend, key, release_and_store(9, "new")).await));
    assert_eq!(ask(backend, key, fill(1, "old")).await, Reply::Refused, "as a release does");
    assert_eq!(ask(backend, key, hold(8)).await, Reply::Done);
    assert!(is_released_only(&ask(backend, key, release_and_store(9, "new")).await));
    assert_eq!(ask(backend, key, claim(1)).await, Reply::Held, "nor does it lift another's");
    assert_eq!(ask(backend, key, release(8)).await, Reply::Done);
}
