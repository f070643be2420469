//! What the tests of the cloud's services share: checks beyond the conformance suite.

use std::error::Error as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use cachecow::store::KeySpace;
use cachecow::{CloudStore, Error, ErrorKind, KeyValueStore as _, KeyValueStoreExt as _};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

const MIB: u64 = 1024 * 1024;

/// A plain client fetches the value from an address, and an absent one finds none there.
///
/// # Panics
///
/// If it is otherwise.
pub async fn addresses_can_be_fetched(store: &CloudStore, keys: &[&str]) {
    let store = store.clone().with_key_space(KeySpace::Extended);
    for &key in keys {
        store.put(key, key.to_owned()).await.expect("put");
        let address = store.url_for(key).await.expect("an address");
        let answer = reqwest::get(&address).await.expect("an answer");
        assert!(answer.status().is_success(), "{address}: {}", answer.status());
        assert_eq!(answer.text().await.expect("a body"), key);
        store.delete(key).await.expect("delete");
        let answer = reqwest::get(&address).await.expect("an answer");
        assert_eq!(answer.status(), 404, "{address}");
    }
}

/// Stores with different prefixes see their own keys only.
///
/// # Panics
///
/// If it is otherwise.
pub async fn prefixes_keep_stores_apart(store: &CloudStore) {
    let under = |prefix| {
        let store = store.clone().with_prefix(prefix).expect("a prefix");
        store.with_key_space(KeySpace::Extended)
    };
    let stores = [under("one"), under("on"), under("two/one"), under("one%")];
    for (at, store) in stores.iter().enumerate() {
        store.put("k", at.to_string()).await.expect("put");
        store.put("only/", at.to_string()).await.expect("put");
    }
    for (at, store) in stores.iter().enumerate() {
        assert_eq!(store.keys("").await.expect("keys"), ["k", "only/"]);
        assert_eq!(store.keys("only/").await.expect("keys"), ["only/"]);
        store.rename("k", "renamed").await.expect("rename");
        assert_eq!(store.get("renamed").await.expect("get"), at.to_string());
    }
    for (at, store) in stores.iter().enumerate() {
        assert_eq!(store.get("only/").await.expect("get"), at.to_string());
        store.delete("renamed").await.expect("delete");
        store.delete("only/").await.expect("delete");
    }
}

/// A value of many parts goes in and out, from memory and from a reader.
///
/// # Panics
///
/// If it is otherwise.
pub async fn large_values_go_in_and_out(store: &CloudStore) {
    let len = 40 * MIB + 7;
    store.put_from("large", Pattern::of(len)).await.expect("put_from");
    assert_eq!(matched(store, "large").await, len);
    let mut value = Vec::new();
    Pattern::of(len).read_to_end(&mut value).await.expect("a pattern");
    store.put("large", value.clone()).await.expect("put");
    assert!(store.get("large").await.expect("get") == value, "the value comes back");
    // Exactly some parts, with nothing behind them.
    store.put_from("large", Pattern::of(16 * MIB)).await.expect("put_from");
    assert_eq!(matched(store, "large").await, 16 * MIB);
    store.delete("large").await.expect("delete");
}

/// How long the pattern is that the value holds.
///
/// # Panics
///
/// If the value is no pattern.
pub async fn matched(store: &CloudStore, key: &str) -> u64 {
    let mut value = store.open(key).await.expect("open");
    let known = value.len().expect("a length");
    let mut pattern = Pattern::of(known);
    let (mut read, mut expected) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    let mut len = 0;
    loop {
        let count = value.read(&mut read).await.expect("a read");
        if count == 0 {
            assert_eq!(len, known, "the length is right");
            return len;
        }
        pattern.read_exact(&mut expected[..count]).await.expect("a pattern");
        assert!(read[..count] == expected[..count], "the value differs after {len} bytes");
        len += count as u64;
    }
}

/// A reader that fails after some parts leaves nothing, or the old value.
///
/// # Panics
///
/// If it is otherwise.
pub async fn a_failed_upload_leaves_nothing(store: &CloudStore) {
    let broken = || Pattern { fails: true, ..Pattern::of(30 * MIB) };
    let error = store.put_from("broken", broken()).await.expect_err("a broken reader");
    assert_eq!(error.kind(), ErrorKind::Store, "{error}");
    let source = error.source().expect("the reader's error").to_string();
    assert_eq!(source, "the reader broke off");
    assert!(!store.contains("broken").await.expect("contains"));
    assert_eq!(store.keys("").await.expect("keys"), [""; 0]);
    store.put("broken", "old").await.expect("put");
    store.put_from("broken", broken()).await.expect_err("a broken reader");
    assert_eq!(store.get("broken").await.expect("get"), "old");
    store.delete("broken").await.expect("delete");
}

/// Every method except `contains` reports that the bucket does not exist.
///
/// # Panics
///
/// If it is otherwise.
pub async fn an_absent_bucket_is_no_absent_key(store: &CloudStore) {
    for error in failures(store).await {
        assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
        assert!(error.to_string().contains("does not exist; create it first"), "{error} {error:?}");
    }
    assert!(!store.contains("key-0").await.expect("contains"), "as the documentation says");
}

/// Every method fails, and shows neither the secret nor the key.
///
/// # Panics
///
/// If it is otherwise.
pub async fn refusals_show_no_secret(store: &CloudStore, says: &str, secret: &str) {
    let mut errors = failures(store).await;
    errors.push(store.contains("key-0").await.expect_err("contains"));
    errors.push(store.delete("key-0").await.expect_err("delete"));
    for error in errors {
        assert_eq!(error.kind(), ErrorKind::Store, "{error:?}");
        assert!(error.to_string().contains(says), "{error} {error:?}");
        assert!(!error.to_string().contains("key-0"), "{error}");
        let mut shown = format!("{error:?} {error:#?} {store} {store:?}");
        let mut cause = error.source();
        while let Some(source) = cause {
            shown.push_str(&source.to_string());
            cause = source.source();
        }
        assert!(!shown.contains(secret), "{shown}");
    }
}

async fn failures(store: &CloudStore) -> Vec<Error> {
    vec![
        store.get("key-0").await.expect_err("get"),
        store.open("key-0").await.expect_err("open"),
        store.put("key-0", "v").await.expect_err("put"),
        store.put_from("key-0", Pattern::of(9 * MIB)).await.expect_err("put_from"),
        store.keys("key-").await.expect_err("keys"),
        store.copy("key-0", "key-1").await.expect_err("copy"),
        store.rename("key-0", "key-1").await.expect_err("rename"),
    ]
}

/// Waits until something is so, for half a minute.
///
/// # Panics
///
/// If it is not so by then.
pub async fn eventually(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async { while !is_so().await {} };
    assert!(tokio::time::timeout(Duration::from_secs(30), wait).await.is_ok(), "{what}");
}

/// So many bytes, in slices, which no two parts have in common.
#[derive(Debug)]
pub struct Pattern {
    at: u64,
    len: u64,
    fails: bool,
}

impl Pattern {
    /// As long as that.
    pub fn of(len: u64) -> Self {
        Self { at: 0, len, fails: false }
    }
}

impl AsyncRead for Pattern {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.at == self.len && self.fails {
            return Poll::Ready(Err(io::Error::other("the reader broke off")));
        }
        let mut slice = [0; 4096];
        let left = usize::try_from(self.len - self.at).unwrap_or(usize::MAX);
        let len = left.min(buffer.remaining()).min(slice.len());
        for (byte, at) in slice[..len].iter_mut().zip(self.at..) {
            let [low, middle, high, ..] = at.to_le_bytes();
            *byte = low ^ middle ^ high;
        }
        buffer.put_slice(&slice[..len]);
        self.at += len as u64;
        Poll::Ready(Ok(()))
    }
}
