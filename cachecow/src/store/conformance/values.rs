//! How values go in and come out.

use bytes::Bytes;
use futures_util::future::join;
use tokio::io::AsyncReadExt as _;

use super::super::{KeyValueStore, KeyValueStoreExt as _};
use super::support::{Slices, assert_empty, assert_kind, expect, folder};
use crate::error::ErrorKind;

/// A value that was put is returned, replaced as a whole, and gone after a delete.
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
    // A reader may be dropped half-way.
    let mut reader = expect(store.open("r").await, "open");
    expect(reader.read_exact(&mut [0; 10]).await, "reading a slice");
    drop(reader);
    assert_eq!(expect(store.get("r").await, "get"), value);
    expect(store.delete("r").await, "delete");
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
