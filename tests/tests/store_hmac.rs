//! Signed values.

use std::fmt;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use cachecow::store::{Hmac, Reader, Ttl};
use cachecow::{Error, ErrorKind, KeyValueStore, KeyValueStoreExt as _, MemoryStore};
use cachecow_tests::wrapped::Located;
use tokio::io::AsyncReadExt as _;

const SECRET: &str = "the secret of these tests";

fn memory() -> MemoryStore {
    MemoryStore::new()
}

fn hmac<S: KeyValueStore>(store: S) -> Hmac<S> {
    Hmac::new(store, SECRET).unwrap()
}

#[track_caller]
fn assert_kind<T: fmt::Debug>(result: Result<T, Error>, kind: ErrorKind) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error:?}");
}

/// The store refuses what is under `key` now, in both ways of reading.
async fn assert_tampered(store: &impl KeyValueStore, key: &str, what: &str) {
    for result in [store.get(key).await, store.open(key).await.map(|_| Bytes::new())] {
        let error = result.expect_err(what);
        assert_eq!(error.kind(), ErrorKind::Tampered, "{what}: {error:?}");
    }
}

#[tokio::test]
async fn hmac_notices_every_change() {
    let inner = memory();
    let store = hmac(inner.clone());
    for value in ["", "v", "value"] {
        store.put("k", value).await.unwrap();
        let stored = inner.get("k").await.unwrap().to_vec();
        assert_eq!(stored.len(), value.len() + 32);
        assert!(stored.starts_with(value.as_bytes()));
        let forge = async |forged: Vec<u8>, what: String| {
            inner.put("k", forged).await.unwrap();
            assert_tampered(&store, "k", &what).await;
        };
        for place in 0..stored.len() {
            for bit in 0..8 {
                let mut forged = stored.clone();
                forged[place] ^= 1 << bit;
                forge(forged, format!("bit {bit} of byte {place} flipped")).await;
            }
            forge(stored[..place].to_vec(), format!("cut to {place}")).await;
            forge(stored[place + 1..].to_vec(), format!("{} cut off in front", place + 1)).await;
            let mut forged = stored.clone();
            forged.remove(place);
            forge(forged, format!("byte {place} removed")).await;
        }
        for place in 0..=stored.len() {
            for byte in [0, 255, b'v'] {
                let mut forged = stored.clone();
                forged.insert(place, byte);
                forge(forged, format!("{byte} put in at {place}")).await;
            }
        }
        forge([&stored[..], &stored[..]].concat(), "doubled".to_owned()).await;
        inner.put("k", stored).await.unwrap();
        assert_eq!(store.get("k").await.unwrap(), value);
        assert_eq!(store.open("k").await.unwrap().into_bytes().await.unwrap(), value);
    }
}

#[tokio::test]
async fn hmac_binds_a_value_to_its_key_and_secret() {
    let inner = memory();
    let store = hmac(inner.clone());
    store.put("a", "one").await.unwrap();
    store.put("b", "two").await.unwrap();
    inner.copy("a", "c").await.unwrap();
    assert_tampered(&store, "c", "copied to another key").await;
    // What belongs to the key and what to the value cannot be shifted.
    store.put("ab", "c").await.unwrap();
    let tag = inner.get("ab").await.unwrap().slice(1..);
    inner.put("a", [b"bc", &*tag].concat()).await.unwrap();
    assert_tampered(&store, "a", "moved from key to value").await;

    let other = Hmac::new(inner.clone(), "another secret").unwrap();
    assert_tampered(&other, "b", "signed with another secret").await;
    assert_eq!(store.get("b").await.unwrap(), "two");
    assert_kind(store.copy("b", "d").await, ErrorKind::Unsupported);
    assert_kind(store.rename("b", "d").await, ErrorKind::Unsupported);
    assert_kind(hmac(Located(memory())).url_for("b").await, ErrorKind::Unsupported);
    assert_kind(Hmac::new(inner, ""), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn hmac_signs_as_documented() {
    use hmac::{KeyInit as _, Mac as _};
    let inner = memory();
    hmac(inner.clone()).put("key", "value").await.unwrap();
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(b"\0\0\0\0\0\0\0\x03keyvalue");
    let tag = mac.finalize().into_bytes();
    assert_eq!(inner.get("key").await.unwrap(), [b"value", &*tag].concat());
}

#[tokio::test]
async fn an_hmac_secret_may_be_replaced() {
    let inner = memory();
    let old = hmac(inner.clone());
    old.put("k", "v").await.unwrap();
    let new = Hmac::new(inner.clone(), "the next secret").unwrap();
    assert_tampered(&new, "k", "signed with another secret").await;
    let both = new.clone().with_previous_secret(SECRET).unwrap();
    assert_eq!(both.get("k").await.unwrap(), "v");
    assert_eq!(both.open("k").await.unwrap().into_bytes().await.unwrap(), "v");
    both.put("k", both.get("k").await.unwrap()).await.unwrap();
    assert_eq!(new.get("k").await.unwrap(), "v");
    assert_tampered(&old, "k", "signed with the next secret").await;
    assert_kind(new.with_previous_secret(""), ErrorKind::InvalidConfig);
}

#[tokio::test]
async fn a_long_value_is_verified_before_its_first_byte() {
    let inner = memory();
    let store = hmac(inner.clone());
    let value: Vec<u8> = (0..5_000_000u32).map(|i| (i % 251) as u8).collect();
    store.put_from("k", io::Cursor::new(value.clone())).await.unwrap();
    let stored = inner.get("k").await.unwrap();
    assert_eq!(stored.len(), value.len() + 32);
    let reader = store.open("k").await.unwrap();
    assert_eq!(reader.len(), Some(5_000_000));
    assert!(reader.into_bytes().await.unwrap() == value);
    for place in [0, 2_500_000, value.len() - 1, stored.len() - 1] {
        let mut forged = stored.to_vec();
        forged[place] ^= 1;
        inner.put("k", forged).await.unwrap();
        assert_tampered(&store, "k", "forged").await;
        let mut out = Vec::new();
        assert_kind(store.get_into("k", &mut out).await, ErrorKind::Tampered);
        assert!(out.is_empty(), "nothing is delivered");
    }
}

#[tokio::test]
async fn a_put_through_hmac_streams() {
    let inner = Located(memory());
    let store = hmac(&inner);
    // The store learns the length of value and tag, and refuses both together.
    let reader = Reader::from_bytes(Bytes::from(vec![7; 1_000_000]));
    store.put_reader("k", reader, Ttl::StoreDefault).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), vec![7; 1_000_000]);
    let mut odd = store.open("k").await.unwrap();
    let mut some = [0; 3];
    odd.read_exact(&mut some).await.unwrap();
    assert_eq!(some, [7; 3]);
}

#[tokio::test(start_paused = true)]
async fn hmac_carries_the_time_to_live_over() {
    let store = hmac(memory());
    store.put_with_ttl("k", "v", Duration::from_secs(60)).await.unwrap();
    tokio::time::advance(Duration::from_secs(20)).await;
    let left = store.open("k").await.unwrap().expires_in();
    assert_eq!(left, Some(Duration::from_secs(40)));
    store.put("k", "v").await.unwrap();
    assert_eq!(store.open("k").await.unwrap().expires_in(), None);
}
