//! The stores that wrap other stores.

use std::collections::BTreeSet;
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use cachecow::store::{
    Hmac, KeySpace, Prefix, ReadOnly, Reader, Ttl, UrlEncode, WithIds, conformance,
};
use cachecow::{Error, ErrorKind, KeyValueStore, KeyValueStoreExt as _, MemoryStore};
use cachecow_tests::wrapped::{Behind, Located};
use futures_util::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

type Store = Arc<dyn KeyValueStore>;

type Wrap = fn(Store) -> Store;

fn memory() -> MemoryStore {
    MemoryStore::new()
}

fn prefix<S: KeyValueStore>(store: S, prefix: &str) -> Prefix<S> {
    Prefix::new(store, prefix).unwrap()
}

fn hmac<S: KeyValueStore>(store: S) -> Hmac<S> {
    Hmac::new(store, "the secret of these tests").unwrap()
}

#[track_caller]
fn assert_kind<T: fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
    error.to_string()
}

/// Every way to wrap a store, by its name.
const WRAPPERS: [(&str, Wrap); 4] = [
    ("prefix", |store| Arc::new(prefix(store, "app-"))),
    ("url-encode", |store| Arc::new(UrlEncode::new(store))),
    ("hmac", |store| Arc::new(hmac(store))),
    ("with-ids", |store| Arc::new(WithIds::uuid(store))),
];

#[tokio::test]
async fn every_wrapper_conforms_over_every_key_space() {
    for key_space in [KeySpace::Standard, KeySpace::Extended, KeySpace::Text] {
        for (name, wrap) in WRAPPERS {
            let store = wrap(Arc::new(memory().with_key_space(key_space)));
            assert_eq!(store.to_string(), format!("{name}(memory)"));
            conformance::all(&store).await;
        }
        conformance::all(&WithIds::sha256(memory().with_key_space(key_space))).await;
        conformance::all(&Behind::new(memory().with_key_space(key_space))).await;
    }
}

#[tokio::test]
async fn every_stack_of_two_and_three_conforms() {
    let mut stacks = 0;
    for (a, first) in WRAPPERS.iter().enumerate() {
        for (b, second) in WRAPPERS.iter().enumerate().filter(|(b, _)| *b != a) {
            let two = || second.1(first.1(Arc::new(memory())));
            assert_eq!(two().to_string(), format!("{}({}(memory))", second.0, first.0));
            conformance::all(&two()).await;
            stacks += 1;
            for (_, third) in WRAPPERS.iter().enumerate().filter(|(c, _)| *c != a && *c != b) {
                let three = third.1(two());
                let name = format!("{}({}({}(memory)))", third.0, second.0, first.0);
                assert_eq!(three.to_string(), name);
                conformance::all(&three).await;
                stacks += 1;
            }
        }
    }
    assert_eq!(stacks, 4 * 3 + 4 * 3 * 2);
}

#[tokio::test]
async fn a_wrapper_twice_conforms() {
    for (_, wrap) in WRAPPERS {
        conformance::all(&wrap(wrap(Arc::new(memory())))).await;
    }
}

#[tokio::test]
async fn a_read_only_store_refuses_every_change() {
    let store = memory();
    store.put("k", "v").await.unwrap();
    let read_only = ReadOnly::new(store.clone());
    let capabilities = read_only.capabilities();
    assert!(!capabilities.copy && !capabilities.ttl);
    let reader = || Reader::from_bytes(Bytes::from_static(b"new"));
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "new").unwrap();
    for (key, kind) in [
        ("k", ErrorKind::Unsupported),
        ("absent", ErrorKind::Unsupported),
        ("", ErrorKind::InvalidKey),
        ("a/b", ErrorKind::InvalidKey),
    ] {
        assert_kind(read_only.put(key, "new").await, kind);
        assert_kind(read_only.put_with_ttl(key, "new", Duration::from_secs(1)).await, kind);
        assert_kind(read_only.put_reader(key, reader(), Ttl::StoreDefault).await, kind);
        assert_kind(read_only.put_from(key, &b"new"[..]).await, kind);
        assert_kind(read_only.put_file(key, &file).await, kind);
        assert_kind(read_only.delete(key).await, kind);
        assert_kind(read_only.copy(key, "other").await, kind);
        assert_kind(read_only.copy("k", key).await, kind);
        assert_kind(read_only.rename(key, "other").await, kind);
        assert_kind(read_only.rename("k", key).await, kind);
    }
    assert_eq!(store.keys("").await.unwrap(), ["k"]);
    assert_eq!(read_only.get("k").await.unwrap(), "v");
    assert_kind(read_only.url_for("a/b").await, ErrorKind::InvalidKey);
    assert_eq!(Located(memory()).url_for("k").await.unwrap(), "memory://k");
    assert_eq!(ReadOnly::new(Located(memory())).url_for("k").await.unwrap(), "memory://k");
}

#[tokio::test]
async fn two_prefixes_see_only_their_own_keys() {
    let store = memory();
    let [a, b] = ["a-", "b-"].map(|own| prefix(store.clone(), own));
    for key in ["k", "a-", "b-", "a-k", "b-k"] {
        a.put(key, format!("a's {key}")).await.unwrap();
        b.put(key, format!("b's {key}")).await.unwrap();
    }
    store.put("k", "nobody's").await.unwrap();
    store.put("a-", "nobody's").await.unwrap();
    let all = ["a-", "a-k", "b-", "b-k", "k"];
    for (own, name) in [(&a, "a"), (&b, "b")] {
        assert_eq!(own.keys("").await.unwrap(), all);
        assert_eq!(own.keys("a").await.unwrap(), ["a-", "a-k"]);
        let cut: BTreeSet<String> = own.iter_prefixes("-", "").try_collect().await.unwrap();
        assert_eq!(Vec::from_iter(cut), ["a-", "b-", "k"]);
        for key in all {
            assert_eq!(own.get(key).await.unwrap(), format!("{name}'s {key}"));
        }
    }
    a.copy("k", "b-k").await.unwrap();
    a.rename("k", "moved").await.unwrap();
    assert_kind(a.copy("k", "moved").await, ErrorKind::NotFound);
    a.delete("a-k").await.unwrap();
    assert_eq!(a.keys("").await.unwrap(), ["a-", "b-", "b-k", "moved"]);
    assert_eq!(a.get("b-k").await.unwrap(), "a's k");
    assert_eq!(b.keys("").await.unwrap(), all);
    assert_eq!(b.get("b-k").await.unwrap(), "b's b-k");
    assert!(b.contains("k").await.unwrap() && !a.contains("k").await.unwrap());
    assert_eq!(store.get("k").await.unwrap(), "nobody's");
    let mut listed = store.keys("a-").await.unwrap();
    listed.retain(|name| name == "a-moved" || name == "a-");
    assert_eq!(listed, ["a-", "a-moved"]);
    assert_eq!(prefix(Located(memory()), "a-").url_for("k").await.unwrap(), "memory://a-k");
}

#[tokio::test]
async fn the_shorter_of_two_prefixes_sees_the_keys_of_the_longer() {
    let store = memory();
    let [short, long] = ["a-", "a-b-"].map(|own| prefix(store.clone(), own));
    long.put("k", "v").await.unwrap();
    assert_eq!(short.keys("").await.unwrap(), ["b-k"]);
    short.put("own", "v").await.unwrap();
    assert_eq!(long.keys("").await.unwrap(), ["k"]);
}

#[tokio::test]
async fn a_prefix_and_its_key_fit_the_store() {
    assert_kind(Prefix::new(memory(), ""), ErrorKind::InvalidConfig);
    assert_kind(Prefix::new(memory(), "k".repeat(250)), ErrorKind::InvalidConfig);
    assert_kind(Prefix::new(memory(), "a*"), ErrorKind::InvalidConfig);
    let message = assert_kind(Prefix::new(memory(), "a/"), ErrorKind::InvalidConfig);
    assert!(message.contains("KeySpace::Extended"), "{message}");
    prefix(memory().with_key_space(KeySpace::Extended), "a/").put("b/c", "v").await.unwrap();

    let store = prefix(memory(), "0123456789");
    assert_eq!(store.capabilities().max_key_len, Some(240));
    store.put(&"k".repeat(240), "v").await.unwrap();
    assert_kind(store.put(&"k".repeat(241), "v").await, ErrorKind::InvalidKey);
    // The prefix does not make a key of what is none.
    assert_kind(store.put("", "v").await, ErrorKind::InvalidKey);
    assert_kind(store.get("").await, ErrorKind::InvalidKey);
}

#[tokio::test]
async fn any_text_is_a_url_encoded_key() {
    let mut random = fastrand::Rng::with_seed(7);
    let (inner, mut keys) = (memory(), BTreeSet::new());
    let store = UrlEncode::new(inner.clone());
    for len in (1..=20).cycle().take(1_000) {
        // Of four sorts, so that all lengths of UTF-8 come up.
        let mut character = || match random.u8(..4) {
            0 => random.char('\0'..='\u{7f}'),
            1 => random.char('\0'..='\u{7ff}'),
            2 => random.char('\0'..='\u{ffff}'),
            _ => random.char(..),
        };
        let key: String = (0..len).map(|_| character()).collect();
        store.put(&key, key.as_str()).await.unwrap();
        keys.insert(key);
    }
    for name in inner.keys("").await.unwrap() {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte);
        assert!(name.bytes().all(plain), "{name}");
    }
    for key in &keys {
        assert_eq!(store.get(key).await.unwrap(), key.as_bytes());
        let start: String = key.chars().take(1 + key.chars().count() / 2).collect();
        let expected: Vec<&String> = keys.iter().filter(|key| key.starts_with(&start)).collect();
        assert_eq!(Vec::from_iter(&store.keys(&start).await.unwrap()), expected);
    }
    assert_eq!(store.keys("").await.unwrap(), Vec::from_iter(keys));
}

#[tokio::test]
async fn a_name_that_is_nobodys_encoding_is_not_listed() {
    let inner = memory();
    let names = ["a", "%41", "%2f", "%2F", "%", "%2", "%zz", "%FF", "%C3%A9", "a+b", "~", "(x)"];
    for name in names {
        inner.put(name, "v").await.unwrap();
    }
    let store = UrlEncode::new(inner);
    let listed = store.keys("").await.unwrap();
    assert_eq!(listed, ["/", "a", "~", "é"]);
    for key in &listed {
        assert_eq!(store.get(key).await.unwrap(), "v");
    }
    assert_eq!(store.keys("%").await.unwrap(), Vec::<String>::new());
    // The encoding of `/` holds `2`, and the key does not.
    let cut: Vec<String> = store.iter_prefixes("2", "").try_collect().await.unwrap();
    assert_eq!(BTreeSet::from_iter(cut), BTreeSet::from(["/", "a", "~", "é"].map(str::to_owned)));
}

#[tokio::test]
async fn a_key_may_be_too_long_when_it_is_encoded() {
    let store = UrlEncode::new(memory());
    store.put(&"k".repeat(250), "v").await.unwrap();
    store.put(&"/".repeat(83), "v").await.unwrap();
    for key in ["k".repeat(251), "/".repeat(84), "é".repeat(42)] {
        let message = assert_kind(store.put(&key, "v").await, ErrorKind::InvalidKey);
        assert!(message.contains("when it is URL-encoded"), "{message}");
        assert_kind(store.get(&key).await, ErrorKind::InvalidKey);
        assert_kind(store.copy("k", &key).await, ErrorKind::InvalidKey);
    }
    assert_kind(store.put("", "v").await, ErrorKind::InvalidKey);
    assert_eq!(UrlEncode::new(Located(memory())).url_for("/").await.unwrap(), "memory://%2F");
}

#[tokio::test]
async fn random_ids_are_uuids_of_version_4() {
    let store = WithIds::uuid(memory());
    let mut keys = BTreeSet::new();
    for number in 0..100 {
        let key = store.add(format!("value {number}")).await.unwrap();
        let id = uuid::Uuid::parse_str(&key).unwrap();
        assert_eq!((id.get_version_num(), id.get_variant()), (4, uuid::Variant::RFC4122));
        assert_eq!(id.to_string(), key);
        assert_eq!(store.get(&key).await.unwrap(), format!("value {number}"));
        keys.insert(key);
    }
    assert_eq!(store.keys("").await.unwrap(), Vec::from_iter(keys));
}

#[tokio::test]
async fn content_has_the_key_of_its_hash() {
    let store = WithIds::sha256(memory());
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(store.add("").await.unwrap(), empty);
    let hello = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";
    assert_eq!(store.add("hello").await.unwrap(), hello);
    assert_eq!(store.add_from(&b"hello"[..]).await.unwrap(), hello);
    assert_eq!(store.keys("").await.unwrap(), [hello, empty]);

    // In memory, at the bound, and in a file, all ways give one key.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    for len in [0, 5, 1 << 20, (1 << 20) + 1, 5_000_000] {
        let value: Vec<u8> = (0..=250).cycle().take(len).collect();
        std::fs::write(&path, &value).unwrap();
        let key = store.add_file(&path).await.unwrap();
        assert_eq!(key.len(), 64);
        assert!(store.get(&key).await.unwrap() == value, "{len}");
        store.delete(&key).await.unwrap();
        assert_eq!(store.add_from(io::Cursor::new(value.clone())).await.unwrap(), key);
        assert!(store.get(&key).await.unwrap() == value, "{len}");
        assert_eq!(store.add(value).await.unwrap(), key);
    }
    assert_eq!(std::fs::read(&path).unwrap().len(), 5_000_000);
}

#[tokio::test]
async fn templates_go_around_ids() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("content");
    std::fs::write(&path, "hello").unwrap();
    for store in [WithIds::uuid(memory()), WithIds::sha256(memory())] {
        let store = store.with_template("img-{}.jpg").unwrap();
        let keys = [
            store.add("hello").await.unwrap(),
            store.add_file(&path).await.unwrap(),
            store.add_from(&b"hello"[..]).await.unwrap(),
        ];
        for key in keys {
            let around = key.strip_prefix("img-").and_then(|key| key.strip_suffix(".jpg"));
            assert!(around.is_some(), "{key}");
            assert_eq!(store.get(&key).await.unwrap(), "hello");
        }
        assert_kind(store.add_file(folder.path().join("absent")).await, ErrorKind::Store);
    }
    let long = format!("{}{{}}", "k".repeat(200));
    for template in ["", "none", "{}{}", "a{}b{}", "{", "a/{}", "ключ{}", &long] {
        let refused = WithIds::sha256(memory()).with_template(template);
        assert_kind(refused, ErrorKind::InvalidConfig);
    }
    WithIds::uuid(memory()).with_template(&long).unwrap();
    let any = UrlEncode::new(memory());
    let key = WithIds::uuid(any).with_template("фото/{}").unwrap().add("v").await.unwrap();
    assert!(key.starts_with("фото/"), "{key}");
}

#[tokio::test]
async fn a_failed_source_adds_nothing() {
    for store in [WithIds::uuid(memory()), WithIds::sha256(memory())] {
        let broken = io::Cursor::new(b"some").chain(Broken);
        assert_kind(store.add_from(broken).await, ErrorKind::Store);
        assert!(store.keys("").await.unwrap().is_empty());
    }
}

struct Broken;

impl AsyncRead for Broken {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Ready(Err(io::Error::other("broken")))
    }
}

#[tokio::test]
async fn no_secret_is_shown() {
    let store = Hmac::new(prefix(memory(), "app-"), "hunter2hunter2").unwrap();
    let store = store.with_previous_secret("swordfish").unwrap();
    store.put("k", "the value").await.unwrap();
    assert_eq!(store.to_string(), "hmac(prefix(memory))");
    let read_only = ReadOnly::new(WithIds::uuid(UrlEncode::new(store)));
    assert_eq!(read_only.to_string(), "read-only(with-ids(url-encode(hmac(prefix(memory)))))");
    let bytes = |text: &str| format!("{:?}", text.as_bytes()).replace(['[', ']'], "");
    for shown in [format!("{read_only:?}"), format!("{read_only:#?}"), read_only.to_string()] {
        for secret in ["hunter2", "swordfish", "the value"] {
            assert!(!shown.contains(secret) && !shown.contains(&bytes(secret)), "{shown}");
        }
    }
}
