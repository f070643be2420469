//! The suite that every [`KeyValueStore`] passes: what the trait's documentation says, as code.
//!
//! Run [`all`] in a test of your own store:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use cachecow::MemoryStore;
//!
//! cachecow::store::conformance::all(&MemoryStore::new()).await;
//! # }
//! ```
//!
//! Each check takes a store of its own or an empty one, uses what the store's capabilities allow,
//! expects a clear refusal of the rest, and leaves the store empty.
//!
//! # Panics
//!
//! Every check panics, saying what was expected, if the store does something else.

#![allow(clippy::missing_panics_doc, reason = "every check panics; the module's page says so")]

use std::collections::BTreeSet;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use futures_util::future::{join, join_all};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use super::{Capabilities, KeySpace, KeyValueStore, KeyValueStoreExt as _, Reader, Ttl};
use crate::{Error, ErrorKind};

/// Keys that make trouble for some store or other; all of them are standard ones.
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

/// Runs every check, one after another.
pub async fn all(store: &(impl KeyValueStore + ?Sized)) {
    values_come_back(store).await;
    readers_come_back(store).await;
    odd_keys_are_keys(store).await;
    invalid_keys_are_refused(store).await;
    absent_keys_are_not_found(store).await;
    prefixes_are_literal(store).await;
    prefixes_are_cut_at_the_delimiter(store).await;
    many_keys_are_listed(store).await;
    times_to_live_are_kept_or_refused(store).await;
    copies_and_moves_work_or_are_refused(store).await;
    addresses_are_given_or_refused(store).await;
    files_go_in_and_out(store).await;
    a_failed_reader_changes_nothing(store).await;
    readers_see_old_or_new(store).await;
}

/// What is put is got, replaced as a whole, and gone when deleted.
pub async fn values_come_back(store: &(impl KeyValueStore + ?Sized)) {
    let large: Vec<u8> = (0..1_000_000u32).map(|i| (i % 251) as u8).collect();
    for value in [&b"one"[..], b"", b"\0\xff\r\n", &large, b"short again"] {
        expect(store.put("k", value).await, "put");
        assert_eq!(expect(store.get("k").await, "get"), value, "get returns what was put");
        assert!(expect(store.contains("k").await, "contains"), "contains what was put");
        assert_eq!(expect(store.keys("").await, "keys"), ["k"], "lists what was put");
    }
    expect(store.delete("k").await, "delete");
    assert!(!expect(store.contains("k").await, "contains"), "does not contain what was deleted");
    assert_kind(store.get("k").await, ErrorKind::NotFound, "get of what was deleted");
    expect(store.delete("k").await, "delete of an absent key");
    assert_empty(store).await;
}

/// Values go in and out in slices as well.
pub async fn readers_come_back(store: &(impl KeyValueStore + ?Sized)) {
    let value: Vec<u8> = (0..300_000u32).map(|i| (i % 253) as u8).collect();
    for len in [0, 1, 300_000] {
        let slices = Slices { bytes: value[..len].to_vec(), at: 0, fails: false };
        expect(store.put_from("r", slices).await, "put_from");
        let mut reader = expect(store.open("r").await, "open");
        if let Some(known) = reader.len() {
            assert_eq!(known, len as u64, "a reader's length is the value's");
        }
        let mut start = vec![0; len.min(10)];
        expect(reader.read_exact(&mut start).await, "reading a slice");
        let mut rest = Vec::new();
        expect(reader.read_to_end(&mut rest).await, "reading the rest");
        assert_eq!([start, rest].concat(), value[..len], "open gives what was put");
    }
    // A reader that is dropped half-way harms nothing.
    let mut reader = expect(store.open("r").await, "open");
    expect(reader.read_exact(&mut [0; 10]).await, "reading a slice");
    drop(reader);
    assert_eq!(expect(store.get("r").await, "get"), value);
    expect(store.delete("r").await, "delete");
    assert_empty(store).await;
}

/// Every key of the key space works, and none is taken for another.
pub async fn odd_keys_are_keys(store: &(impl KeyValueStore + ?Sized)) {
    let Capabilities { key_space, max_key_len, .. } = store.capabilities();
    let mut keys: Vec<String> = ODD_KEYS.iter().map(ToString::to_string).collect();
    keys.extend(
        (0..128u8)
            .map(|byte| char::from(byte).to_string())
            .filter(|key| KeySpace::Standard.contains(key)),
    );
    // Where a wrapper lengthens keys, what is left of the length.
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
        // The file does not exist: the key is looked at first.
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

/// An absent key is `NotFound`, and touches no file.
pub async fn absent_keys_are_not_found(store: &(impl KeyValueStore + ?Sized)) {
    let folder = folder();
    let target = folder.path().join("target");
    expect(std::fs::write(&target, "as it was"), "a file");
    assert_kind(store.get("absent").await, ErrorKind::NotFound, "get");
    assert_kind(store.open("absent").await, ErrorKind::NotFound, "open");
    assert_kind(store.get_file("absent", &target).await, ErrorKind::NotFound, "get_file");
    let mut out = Vec::new();
    assert_kind(store.get_into("absent", &mut out).await, ErrorKind::NotFound, "get_into");
    assert!(out.is_empty(), "nothing is written for an absent key");
    assert_eq!(expect(std::fs::read(&target), "the file"), b"as it was", "the target is untouched");
    assert_eq!(
        expect(std::fs::read_dir(folder.path()), "the folder").count(),
        1,
        "no file is left over"
    );
    assert!(!expect(store.contains("absent").await, "contains"));
    expect(store.delete("absent").await, "delete");
    assert_empty(store).await;
}

/// A prefix is literal, whatever characters it holds.
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

/// A time to live is kept by a store that has them, and refused by one that has not.
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
    // The shortest of all is over before the value is seen, or soon afterwards.
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

/// An address is given whether or not the value exists, or is refused.
pub async fn addresses_are_given_or_refused(store: &(impl KeyValueStore + ?Sized)) {
    let address = store.url_for("absent").await;
    if store.capabilities().urls {
        let address = expect(address, "url_for");
        assert!(address.contains("://"), "{address} is no address");
    } else {
        assert_kind(address, ErrorKind::Unsupported, "url_for");
    }
}

/// Files go in and out whole, and are left as they were if something fails.
pub async fn files_go_in_and_out(store: &(impl KeyValueStore + ?Sized)) {
    let folder = folder();
    let source = folder.path().join("source");
    let target = folder.path().join("target");
    for content in [&b"content"[..], b"", &vec![7; 200_000]] {
        expect(std::fs::write(&source, content), "a file");
        expect(store.put_file("f", &source).await, "put_file");
        assert_eq!(
            expect(std::fs::read(&source), "the source"),
            content,
            "put_file leaves its file"
        );
        let len = expect(store.get_file("f", &target).await, "get_file");
        assert_eq!(len, content.len() as u64);
        assert_eq!(expect(std::fs::read(&target), "the target"), content);
        let mut out = Vec::new();
        expect(store.get_into("f", &mut out).await, "get_into");
        assert_eq!(out, content);
    }
    let value = expect(store.get("f").await, "get");
    assert_kind(
        store.put_file("f", folder.path().join("absent")).await,
        ErrorKind::Store,
        "put_file",
    );
    assert_eq!(expect(store.get("f").await, "get"), value, "a failed put_file changes nothing");
    let nowhere = folder.path().join("absent/target");
    assert_kind(store.get_file("f", &nowhere).await, ErrorKind::Store, "get_file");
    assert_eq!(
        expect(std::fs::read_dir(folder.path()), "the folder").count(),
        2,
        "no file is left over"
    );
    expect(store.delete("f").await, "delete");
    assert_empty(store).await;
}

/// A reader that fails half-way leaves the old value, or none where there was none.
pub async fn a_failed_reader_changes_nothing(store: &(impl KeyValueStore + ?Sized)) {
    let broken = || Slices { bytes: vec![7; 200_000], at: 0, fails: true };
    assert_kind(store.put_from("b", broken()).await, ErrorKind::Store, "put_from a broken reader");
    assert!(!expect(store.contains("b").await, "contains"), "a failed put stores nothing");
    assert_empty(store).await;
    expect(store.put("b", "old").await, "put");
    assert_kind(store.put_from("b", broken()).await, ErrorKind::Store, "put_from a broken reader");
    assert_eq!(expect(store.get("b").await, "get"), "old", "a failed put leaves the old value");
    expect(store.delete("b").await, "delete");
    assert_empty(store).await;
}

/// While values are replaced, every reader sees a whole one.
pub async fn readers_see_old_or_new(store: &(impl KeyValueStore + ?Sized)) {
    let version = |number: u8| Bytes::from(vec![number; 100_000 + usize::from(number)]);
    expect(store.put("w", version(0)).await, "put");
    let write = async {
        for number in 1..=10 {
            expect(store.put("w", version(number)).await, "put");
        }
    };
    let read = async {
        for _ in 0..10 {
            let value = expect(store.get("w").await, "get");
            assert_eq!(value, version(value[0]), "get sees a whole value");
            let value = expect(expect(store.open("w").await, "open").into_bytes().await, "reading");
            assert_eq!(value, version(value[0]), "open sees a whole value");
            tokio::task::yield_now().await;
        }
    };
    join(write, read).await;
    assert_eq!(expect(store.get("w").await, "get"), version(10));
    expect(store.delete("w").await, "delete");
    assert_empty(store).await;
}

/// Some at a time, so that distant servers do not take for ever.
async fn each(keys: &[String], act: impl AsyncFn(&str)) {
    for some in keys.chunks(16) {
        join_all(some.iter().map(|key| act(key))).await;
    }
}

async fn assert_empty(store: &(impl KeyValueStore + ?Sized)) {
    let keys = expect(store.keys("").await, "keys");
    assert!(keys.is_empty(), "the store should be empty and has {keys:?}");
}

#[track_caller]
fn expect<T, E: std::error::Error>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what:?} failed: {error} ({error:?})"))
}

#[track_caller]
fn assert_kind<T>(result: Result<T, Error>, kind: ErrorKind, what: &str) {
    match result {
        Ok(_) => panic!("{what} succeeded and should have been refused as {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error} ({error:?})"),
    }
}

fn folder() -> tempfile::TempDir {
    expect(tempfile::tempdir(), "a temporary folder")
}

/// Gives its bytes in slices of odd sizes, and then fails or ends.
struct Slices {
    bytes: Vec<u8>,
    at: usize,
    fails: bool,
}

impl AsyncRead for Slices {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.bytes.len() - self.at;
        if left == 0 && self.fails {
            return Poll::Ready(Err(io::Error::other("the reader broke off")));
        }
        let len = left.min(buffer.remaining()).min(7_919);
        buffer.put_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Poll::Ready(Ok(()))
    }
}

/// Must not be read.
struct Untouchable;

impl AsyncRead for Untouchable {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        panic!("a refused put reads nothing")
    }
}
