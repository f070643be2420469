//! Which keys a store lists.

use std::collections::BTreeSet;

use futures_util::TryStreamExt as _;

use super::super::{KeyValueStore, KeyValueStoreExt as _};
use super::support::{assert_empty, each, expect};

/// A prefix is literal, whatever characters it contains.
pub async fn prefixes_are_literal(store: &(impl KeyValueStore + ?Sized)) {
    let keys = [
        "a", "ab", "abc", "b", "a%", "a%b", "a_b", "a.b", "axb", "A", "a[bc]", "a?", "a^", "a$",
        "(a", ".", "..", ".a", "a.", "a..", "[a-z]", "%", "%25",
    ];
    for key in keys {
        expect(store.put(key, "v").await, key);
    }
    let prefixes =
        ["", "zzz", "a*", "A*", "[", "a[b", "a.", "a?b", "%2", "a\\", "ключ", "/", "a/", " "];
    for prefix in keys.iter().copied().chain(prefixes) {
        let mut expected: Vec<&str> =
            keys.into_iter().filter(|key| key.starts_with(prefix)).collect();
        expected.sort_unstable();
        assert_eq!(
            expect(store.keys(prefix).await, prefix),
            expected,
            "keys with prefix {prefix:?}"
        );
    }
    for key in keys {
        expect(store.delete(key).await, key);
    }
    assert_empty(store).await;
}

/// `iter_prefixes` cuts each key after the first delimiter at or past the prefix's end.
pub async fn prefixes_are_cut_at_the_delimiter(store: &(impl KeyValueStore + ?Sized)) {
    let keys = [
        "photos-2024-a",
        "photos-2024-b",
        "photos-2025-a",
        "photos",
        "photos-",
        "notes",
        "photosX-1",
        "a--b",
        "a--c",
        "a-",
        "--",
    ];
    for key in keys {
        expect(store.put(key, "v").await, key);
    }
    for prefix in ["", "photos", "photos-", "photos-2", "photos-2024-", "a-", "a--", "none", "-"] {
        for delimiter in ["-", "--", "o", "2024-", "%", "X"] {
            let expected: BTreeSet<&str> = keys
                .into_iter()
                .filter(|key| key.starts_with(prefix))
                .map(|key| match key[prefix.len()..].find(delimiter) {
                    Some(at) => &key[..prefix.len() + at + delimiter.len()],
                    None => key,
                })
                .collect();
            let listed: Vec<String> =
                expect(store.iter_prefixes(delimiter, prefix).try_collect().await, "iter_prefixes");
            let unique: BTreeSet<&str> = listed.iter().map(|key| &**key).collect();
            assert_eq!(unique, expected, "prefixes of {prefix:?} by {delimiter:?}");
            assert_eq!(listed.len(), unique.len(), "each prefix is listed once");
        }
    }
    for key in keys {
        expect(store.delete(key).await, key);
    }
    assert_empty(store).await;
}

/// More keys than one page of any server are listed, each once.
pub async fn many_keys_are_listed(store: &(impl KeyValueStore + ?Sized)) {
    let keys: Vec<String> = (0..1_100).map(|i| format!("many-{i:04}")).collect();
    each(&keys, async |key| expect(store.put(key, key).await, "put")).await;
    assert_eq!(expect(store.keys("many-").await, "keys"), keys);
    assert_eq!(expect(store.keys("many-00").await, "keys"), keys[..100]);
    each(&keys, async |key| expect(store.delete(key).await, "delete")).await;
    assert_empty(store).await;
}
