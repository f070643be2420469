//! Which keys a store accepts.

use std::collections::BTreeSet;

use super::super::{Capabilities, KeySpace, KeyValueStore, KeyValueStoreExt as _, Reader, Ttl};
use super::support::{Untouchable, assert_empty, assert_kind, expect, folder};
use crate::error::ErrorKind;

/// Keys that are difficult for some stores; all of them are standard keys.
const ODD_KEYS: &[&str] = &[
    ".",
    "..",
    "...",
    "-",
    "%",
    "%25",
    "%2E",
    "%2F",
    "+",
    "a%20b",
    "~",
    "#",
    "?",
    "a?b#c",
    "$key",
    "k.tmp",
    ".hidden",
    "trailing.",
    "UPPER",
    "upper",
    "{brace}",
    "[bracket]",
    "\"quote\"",
    "'quote'",
    "`tick`",
    "a,b",
    "a=b&c=d",
    "<tag>",
    "(x)",
    "!",
    "@",
    "^",
    "_",
    "__",
    "_id",
    "null",
    "CON",
    ".git",
    "a..b",
    "%tmp",
];

/// Every key of the key space works, and is different from all others.
pub async fn odd_keys_are_keys(store: &(impl KeyValueStore + ?Sized)) {
    let Capabilities { key_space, max_key_len, .. } = store.capabilities();
    let mut keys: Vec<String> = ODD_KEYS.iter().map(ToString::to_string).collect();
    keys.extend(
        (0..128u8)
            .map(|byte| char::from(byte).to_string())
            .filter(|key| KeySpace::Standard.contains(key)),
    );
    // If a wrapper lengthens keys, up to the remaining length.
    keys.extend([1, 64, 100].map(|len| "k".repeat(len)));
    if key_space == KeySpace::Extended || key_space == KeySpace::Text {
        keys.extend(
            [" ", "a b", " a", "a ", "folder/file", "folder/sub/file", "folder/.", "folder/.."]
                .map(str::to_owned),
        );
    }
    if key_space == KeySpace::Text {
        keys.extend(["ключ", "🐄", "a:b", "a*", "a\\b", "line\nbreak", "nul\0"].map(str::to_owned));
    }
    keys.extend(max_key_len.map(|len| "k".repeat(len)));
    let keys: BTreeSet<String> = keys.into_iter().filter(|key| key_space.contains(key)).collect();
    for key in &keys {
        expect(store.put(key, key.as_str()).await, key);
    }
    for key in &keys {
        assert_eq!(expect(store.get(key).await, key), key.as_bytes(), "{key:?} has its own value");
        let opened = expect(store.open(key).await, key).into_bytes().await;
        assert_eq!(expect(opened, key), key.as_bytes(), "{key:?} has its own value");
    }
    let listed = expect(store.keys("").await, "keys");
    assert_eq!(listed, Vec::from_iter(keys.clone()), "all keys are listed as they were given");
    for key in &keys {
        expect(store.delete(key).await, key);
        assert!(!expect(store.contains(key).await, key), "{key:?} is deleted");
    }
    assert_empty(store).await;
}

/// A key outside of the key space is refused by every method.
pub async fn invalid_keys_are_refused(store: &(impl KeyValueStore + ?Sized)) {
    let capabilities = store.capabilities();
    let mut keys = vec![String::new()];
    keys.extend(capabilities.max_key_len.map(|len| "k".repeat(len + 1)));
    if capabilities.key_space != KeySpace::Text {
        let odd = ["a:b", "a*", "a\\b", "a|b", "a;b", "line\nbreak", "nul\0", "ключ", "🐄"];
        keys.extend(odd.map(str::to_owned));
    }
    if capabilities.key_space == KeySpace::Standard {
        keys.extend(["a/b", "/", "../up", "/etc/passwd", "a b"].map(str::to_owned));
    }
    let folder = folder();
    let target = folder.path().join("target");
    for key in &keys {
        let invalid = ErrorKind::InvalidKey;
        assert_kind(store.get(key).await, invalid, "get");
        assert_kind(store.open(key).await, invalid, "open");
        assert_kind(store.put(key, "v").await, invalid, "put");
        let untouched = Reader::new(Untouchable);
        assert_kind(
            store.put_reader(key, untouched, Ttl::StoreDefault).await,
            invalid,
            "put_reader",
        );
        // The file does not exist: the key must be checked first.
        assert_kind(store.put_file(key, &target).await, invalid, "put_file");
        assert_kind(store.get_file(key, &target).await, invalid, "get_file");
        assert_kind(store.delete(key).await, invalid, "delete");
        assert_kind(store.contains(key).await, invalid, "contains");
        if capabilities.copy {
            assert_kind(store.copy(key, "k").await, invalid, "copy from");
            assert_kind(store.copy("k", key).await, invalid, "copy to");
            assert_kind(store.rename(key, "k").await, invalid, "rename from");
            assert_kind(store.rename("k", key).await, invalid, "rename to");
        }
        assert_kind(store.url_for(key).await, invalid, "url_for");
        let message = store.put(key, "v").await.expect_err("refused above").to_string();
        assert!(key.len() < 5 || !message.contains(key.as_str()), "the error shows the key");
    }
    assert!(!target.exists(), "a refused get_file creates no file");
    assert_empty(store).await;
}
