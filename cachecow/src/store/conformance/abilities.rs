//! Operations that some stores support, and others refuse.

use std::time::Duration;

use super::super::{KeyValueStore, KeyValueStoreExt as _, Reader, Ttl};
use super::support::{Untouchable, assert_empty, assert_kind, expect};
use crate::error::ErrorKind;

/// A store with times to live keeps them; another store refuses them.
pub async fn times_to_live_are_kept_or_refused(store: &(impl KeyValueStore + ?Sized)) {
    for ttl in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        assert_kind(store.put_with_ttl("t", "v", ttl).await, ErrorKind::InvalidTtl, "put_with_ttl");
    }
    assert_empty(store).await;
    expect(store.put_with_ttl("t", "kept", Ttl::Forever).await, "put for ever");
    let hour = Duration::from_secs(3600);
    let with_ttl = store.put_with_ttl("t", "new", hour).await;
    if !store.capabilities().ttl {
        assert_kind(with_ttl, ErrorKind::Unsupported, "put_with_ttl");
        let reader = Reader::new(Untouchable);
        assert_kind(
            store.put_reader("t", reader, hour.into()).await,
            ErrorKind::Unsupported,
            "put_reader",
        );
        assert_eq!(expect(store.get("t").await, "get"), "kept", "what is refused changes nothing");
        expect(store.delete("t").await, "delete");
        return assert_empty(store).await;
    }
    expect(with_ttl, "put_with_ttl");
    assert_eq!(expect(store.get("t").await, "get"), "new");
    let left = expect(store.open("t").await, "open").expires_in();
    let left = left.expect("a reader of a value with a time to live says how long it has left");
    assert!(left <= hour && left > hour / 2, "{left:?} is left of an hour");
    expect(store.put("t", "for good").await, "put");
    let left = expect(store.open("t").await, "open").expires_in();
    assert_eq!(left, None, "storing again without a time to live clears it");
    // The shortest time to live ends before the value is read, or soon afterwards.
    expect(store.put_with_ttl("t", "brief", Duration::from_millis(1)).await, "put_with_ttl");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_kind(store.get("t").await, ErrorKind::NotFound, "get of what has expired");
    assert!(!expect(store.contains("t").await, "contains"), "what has expired is not there");
    assert_empty(store).await;
}

/// Copies and moves replace their destination, or are refused.
pub async fn copies_and_moves_work_or_are_refused(store: &(impl KeyValueStore + ?Sized)) {
    expect(store.put("from", "new").await, "put");
    expect(store.put("to", "old").await, "put");
    if store.capabilities().copy {
        expect(store.copy("from", "to").await, "copy");
        assert_eq!(expect(store.get("from").await, "get"), "new", "a copy leaves its source");
        assert_eq!(expect(store.get("to").await, "get"), "new", "a copy replaces its destination");
        expect(store.copy("from", "from").await, "copy onto itself");
        expect(store.rename("from", "from").await, "rename onto itself");
        assert_eq!(
            expect(store.get("from").await, "get"),
            "new",
            "what is moved onto itself stays"
        );
        expect(store.put("from", "moved").await, "put");
        expect(store.rename("from", "to").await, "rename");
        assert_kind(store.get("from").await, ErrorKind::NotFound, "get of what was moved");
        assert_eq!(
            expect(store.get("to").await, "get"),
            "moved",
            "a move replaces its destination"
        );
        assert_kind(store.copy("absent", "to").await, ErrorKind::NotFound, "copy of an absent key");
        assert_kind(
            store.rename("absent", "to").await,
            ErrorKind::NotFound,
            "rename of an absent key",
        );
        assert_kind(
            store.copy("absent", "absent").await,
            ErrorKind::NotFound,
            "copy of an absent key",
        );
        assert_kind(
            store.rename("absent", "absent").await,
            ErrorKind::NotFound,
            "rename of an absent key",
        );
        assert_eq!(expect(store.get("to").await, "get"), "moved", "what failed changes nothing");
    } else {
        assert_kind(store.copy("from", "to").await, ErrorKind::Unsupported, "copy");
        assert_kind(store.rename("from", "to").await, ErrorKind::Unsupported, "rename");
        assert_eq!(expect(store.get("to").await, "get"), "old", "what is refused changes nothing");
    }
    expect(store.delete("from").await, "delete");
    expect(store.delete("to").await, "delete");
    assert_empty(store).await;
}

/// The store returns an address, whether or not the value exists, or refuses.
pub async fn addresses_are_given_or_refused(store: &(impl KeyValueStore + ?Sized)) {
    let address = store.url_for("absent").await;
    if store.capabilities().urls {
        let address = expect(address, "url_for");
        assert!(address.contains("://"), "{address} is no address");
    } else {
        assert_kind(address, ErrorKind::Unsupported, "url_for");
    }
}
