//! The store in a folder.
//!
//! That values are on the disk before a put returns is not tested: it would take a machine that
//! loses its power, and a test that only counts calls of `fsync` would count the wrong ones as well.

#![cfg(unix)]

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use cachecow::store::{KeySpace, conformance};
use cachecow::{Error, ErrorKind, FilesystemStore, KeyValueStore, KeyValueStoreExt as _};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

/// A store in a folder of its own, and the folder above it.
async fn store(key_space: KeySpace) -> (TempDir, FilesystemStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = FilesystemStore::create(folder.path().join("root")).await.unwrap();
    (folder, store.with_key_space(key_space))
}

fn unfinished(root: &Path) -> usize {
    fs::read_dir(root.join("%tmp")).map_or(0, Iterator::count)
}

#[track_caller]
fn assert_store<T>(result: Result<T, Error>, what: &str) -> Error {
    match result {
        Ok(_) => panic!("{what} succeeded"),
        Err(error) => {
            assert_eq!(error.kind(), ErrorKind::Store, "{what}: {error:?}");
            error
        }
    }
}

#[tokio::test]
async fn it_conforms_with_standard_keys() {
    let (folder, store) = store(KeySpace::Standard).await;
    conformance::all(&store).await;
    assert_eq!(unfinished(&folder.path().join("root")), 0);
}

#[tokio::test]
async fn it_conforms_with_extended_keys() {
    let (folder, store) = store(KeySpace::Extended).await;
    conformance::all(&store).await;
    let left: Vec<_> = fs::read_dir(folder.path().join("root")).unwrap().flatten().collect();
    assert_eq!(left.len(), 1, "nothing but the folder of unfinished files is left: {left:?}");
    assert_eq!(unfinished(&folder.path().join("root")), 0);
}

#[tokio::test]
async fn the_folder_must_exist_to_be_opened() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("some/root");
    assert_store(FilesystemStore::open(&root).await, "open of an absent folder");
    assert!(!root.exists());
    FilesystemStore::create(&root).await.unwrap().put("k", "v").await.unwrap();
    assert_eq!(FilesystemStore::open(&root).await.unwrap().get("k").await.unwrap(), "v");
    fs::write(folder.path().join("file"), "").unwrap();
    assert_store(FilesystemStore::open(folder.path().join("file")).await, "open of a file");
    assert_store(FilesystemStore::create(folder.path().join("file")).await, "create of a file");
}

#[tokio::test]
async fn no_key_reaches_outside() {
    let (folder, store) = store(KeySpace::Extended).await;
    let sentinel = folder.path().join("x");
    fs::write(&sentinel, "sentinel").unwrap();
    let keys = ["..", "../x", "/etc/passwd", "a/../../x", "../up/../x", "//x", "./../x", "/"];
    for key in keys {
        assert_eq!(store.get(key).await.unwrap_err().kind(), ErrorKind::NotFound, "{key}");
        store.put(key, "inside").await.unwrap();
        assert_eq!(store.get(key).await.unwrap(), "inside");
        assert_eq!(store.keys("").await.unwrap(), [key]);
        assert_eq!(store.keys(key).await.unwrap(), [key]);
        store.copy(key, "copy").await.unwrap();
        store.rename("copy", key).await.unwrap();
        store.delete(key).await.unwrap();
        assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new());
        assert_eq!(fs::read(&sentinel).unwrap(), b"sentinel");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is beside the root");
    }
    for prefix in ["../", "/", "/etc/", "a/../../", ".", "..", "%tmp/", "\0/"] {
        assert_eq!(store.keys(prefix).await.unwrap(), Vec::<String>::new(), "{prefix:?}");
    }
}

/// Every method on a key; each must fail.
async fn assert_refused_everywhere(store: &FilesystemStore, key: &str, other: &Path) {
    assert_store(store.get(key).await, "get");
    assert_store(store.open(key).await, "open");
    assert_store(store.contains(key).await, "contains");
    assert_store(store.put(key, "changed").await, "put");
    assert_store(store.put_from(key, &b"changed"[..]).await, "put_from");
    assert_store(store.put_file(key, other).await, "put_file");
    assert_store(store.get_file(key, &other.with_extension("out")).await, "get_file");
    assert_store(store.get_into(key, &mut Vec::new()).await, "get_into");
    assert_store(store.delete(key).await, "delete");
    assert_store(store.copy(key, "to").await, "copy from");
    assert_store(store.copy("inside", key).await, "copy to");
    assert_store(store.copy(key, key).await, "copy onto itself");
    assert_store(store.rename(key, "to").await, "rename from");
    assert_store(store.rename("inside", key).await, "rename to");
    assert_store(store.rename(key, key).await, "rename onto itself");
    let error = store.put(key, "changed").await.unwrap_err().to_string();
    assert!(!error.contains(key), "{error}");
}

#[tokio::test]
async fn links_that_lead_out_are_refused_and_not_followed() {
    let (folder, store) = store(KeySpace::Extended).await;
    let (above, root) = (folder.path(), folder.path().join("root"));
    let outside = above.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("secret"), "sentinel").unwrap();
    // What is read through a link has another time of access.
    let untouched = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.atime_nsec(), metadata.mtime_nsec(), metadata.ino(), metadata.nlink())
    };
    let before = untouched(&outside.join("secret"));
    let other = above.join("other");
    fs::write(&other, "changed").unwrap();
    store.put("inside", "inside").await.unwrap();
    fs::create_dir(root.join("sub")).unwrap();
    let links: [(&str, PathBuf); 6] = [
        ("file-absolute", outside.join("secret")),
        ("file-relative", "../outside/secret".into()),
        ("sub/file-relative", "../../outside/secret".into()),
        ("dangling-absolute", outside.join("absent")),
        ("dangling-relative", "../outside/absent".into()),
        ("etc", "/etc/hostname".into()),
    ];
    for (link, target) in &links {
        symlink(target, root.join(link)).unwrap();
        assert_refused_everywhere(&store, link, &other).await;
    }
    symlink(&outside, root.join("folder-absolute")).unwrap();
    symlink("../outside", root.join("folder-relative")).unwrap();
    symlink("folder-relative", root.join("folder-twice")).unwrap();
    for folder in ["folder-absolute", "folder-relative", "folder-twice"] {
        for file in ["secret", "absent", "new/absent"] {
            assert_refused_everywhere(&store, &format!("{folder}/{file}"), &other).await;
        }
        assert_refused_everywhere(&store, folder, &other).await;
        assert_eq!(store.keys(&format!("{folder}/")).await.unwrap(), Vec::<String>::new());
    }
    assert_eq!(store.keys("").await.unwrap(), ["inside"], "links that lead out are not listed");
    for (link, target) in links {
        assert_eq!(fs::read_link(root.join(link)).unwrap(), target, "the link is as it was");
    }
    assert_eq!(untouched(&outside.join("secret")), before);
    assert_eq!(fs::read(outside.join("secret")).unwrap(), b"sentinel");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(unfinished(&root), 0);
}

#[tokio::test]
async fn the_folder_of_unfinished_files_may_not_lead_out() {
    let (folder, store) = store(KeySpace::Standard).await;
    let outside = folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let old = fs::File::create(outside.join("old")).unwrap();
    old.set_modified(SystemTime::now() - Duration::from_secs(48 * 3600)).unwrap();
    symlink("../outside", folder.path().join("root/%tmp")).unwrap();
    assert_store(store.put("k", "v").await, "put");
    FilesystemStore::open(folder.path().join("root")).await.unwrap();
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1, "nothing is swept or made outside");
}

#[tokio::test]
async fn links_that_stay_inside_are_followed() {
    let (folder, store) = store(KeySpace::Extended).await;
    let root = folder.path().join("root");
    store.put("sub/value", "value").await.unwrap();
    symlink("sub/value", root.join("link")).unwrap();
    symlink("../link", root.join("sub/again")).unwrap();
    symlink("nowhere", root.join("dangling")).unwrap();
    symlink("circle", root.join("circle")).unwrap();
    symlink("sub", root.join("folder")).unwrap();
    symlink("..", root.join("sub/loop")).unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["link", "sub/again", "sub/value"]);
    for key in ["link", "sub/again", "folder/value", "sub/loop/sub/loop/link"] {
        assert_eq!(store.get(key).await.unwrap(), "value");
    }
    assert!(!store.contains("dangling").await.unwrap());
    store.delete("dangling").await.unwrap();
    assert!(fs::symlink_metadata(root.join("dangling")).is_ok(), "no value, so nothing to delete");
    // A relative link would lead elsewhere from another folder.
    store.rename("sub/again", "moved").await.unwrap();
    assert_eq!(store.get("moved").await.unwrap(), "value");
    assert!(!store.contains("sub/again").await.unwrap());
    // A put replaces the link, and not what it leads to.
    store.put("link", "new").await.unwrap();
    assert_eq!(store.get("link").await.unwrap(), "new");
    assert_eq!(store.get("sub/value").await.unwrap(), "value");
}

#[tokio::test]
async fn what_is_no_file_is_no_value() {
    let (folder, store) = store(KeySpace::Extended).await;
    let root = folder.path().join("root");
    let _socket = std::os::unix::net::UnixListener::bind(root.join("socket")).unwrap();
    assert!(Command::new("mkfifo").arg(root.join("pipe")).status().unwrap().success());
    fs::create_dir(root.join("folder")).unwrap();
    for key in ["socket", "pipe", "folder"] {
        assert_eq!(store.get(key).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.open(key).await.unwrap_err().kind(), ErrorKind::NotFound);
        assert_eq!(store.rename(key, "to").await.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(!store.contains(key).await.unwrap());
        store.delete(key).await.unwrap();
        assert!(root.join(key).exists());
    }
    let error = assert_store(store.put("pipe", "v").await, "put over a pipe");
    assert!(error.to_string().contains("not a file"), "{error}");
    assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new());
    // Names that no key has.
    for name in ["%tmp2", "%tmp/x", "%a", "a:b", "ключ"] {
        fs::create_dir_all(root.join(name).parent().unwrap()).unwrap();
        fs::write(root.join(name), "").unwrap();
    }
    assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new());
    let standard = store.clone().with_key_space(KeySpace::Standard);
    store.put("a/b", "v").await.unwrap();
    assert_eq!(standard.keys("").await.unwrap(), Vec::<String>::new(), "folders are no keys there");
    // An empty folder is in the way of standard keys alone: only the extended ones made it.
    assert_store(standard.put("folder", "v").await, "put over a folder");
    store.put("folder", "v").await.unwrap();
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let (folder, store) = store(KeySpace::Extended).await;
    store.put("a", "file").await.unwrap();
    store.put("d/x", "below").await.unwrap();
    let reader = || &b"v"[..];
    for (result, operation) in [
        (store.put("a/b", "v").await, "put"),
        (store.put("a/b/c", "v").await, "put"),
        (store.put("a/", "v").await, "put"),
        (store.put("d", "v").await, "put"),
        (store.put_from("a/b", reader()).await, "put"),
        (store.put_from("d", reader()).await, "put"),
        (store.copy("a", "d").await, "copy"),
        (store.copy("a", "a/b").await, "copy"),
        (store.rename("a", "d").await, "rename"),
        (store.rename("a", "a/b").await, "rename"),
    ] {
        let message = assert_store(result, operation).to_string();
        assert!(message.starts_with(&format!("{operation}: ")), "{message}");
        assert!(message.contains("`a` and `a/b`"), "{message}");
    }
    for key in ["a/b", "d"] {
        assert!(!store.contains(key).await.unwrap());
        assert_eq!(store.get(key).await.unwrap_err().kind(), ErrorKind::NotFound);
        store.delete(key).await.unwrap();
    }
    assert_eq!(store.keys("").await.unwrap(), ["a", "d/x"]);
    assert_eq!(store.get("a").await.unwrap(), "file");
    assert_eq!(store.keys("a/").await.unwrap(), Vec::<String>::new());
    assert_eq!(unfinished(&folder.path().join("root")), 0);
    store.delete("a").await.unwrap();
    store.put("a/b/c", "v").await.unwrap();
    store.delete("a/b/c").await.unwrap();
    store.put("a", "v").await.unwrap();
}

/// A future that is dropped when it was polled so often.
async fn polled<F: Future>(future: F, times: usize) -> Option<F::Output> {
    let mut future = Box::pin(future);
    let mut left = times;
    std::future::poll_fn(|context| {
        if left == 0 {
            return std::task::Poll::Ready(None);
        }
        left -= 1;
        future.as_mut().poll(context).map(Some)
    })
    .await
}

#[test]
fn a_dropped_put_leaves_the_old_value_or_the_new_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let new = vec![7; 1_000_000];
    let mut outcomes = BTreeSet::new();
    for times in 0.. {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let store = runtime.block_on(FilesystemStore::create(folder.path())).unwrap();
        runtime.block_on(store.put("k", "old")).unwrap();
        let (mut writer, reader) = tokio::io::duplex(10_000);
        let bytes = new.clone();
        runtime.spawn(async move { writer.write_all(&bytes).await });
        let done = runtime.block_on(polled(store.put_from("k", reader), times));
        // Waits for the threads that were at work.
        drop(runtime);
        assert_eq!(unfinished(folder.path()), 0, "after {times} polls");
        let value = fs::read(folder.path().join("k")).unwrap();
        assert!(value == b"old" || value == new, "after {times} polls");
        outcomes.insert((done.is_some(), value == new));
        if let Some(done) = done {
            done.unwrap();
            break;
        }
    }
    assert!(outcomes.contains(&(false, false)), "some were dropped early: {outcomes:?}");
    assert!(outcomes.contains(&(true, true)), "the last was not: {outcomes:?}");
}

#[test]
fn a_put_that_is_dropped_while_its_reader_waits_is_undone() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let store = runtime.block_on(FilesystemStore::create(folder.path())).unwrap();
    runtime.block_on(async {
        let (mut writer, reader) = tokio::io::duplex(1000);
        let put = tokio::spawn(async move { store.put_from("k", reader).await });
        writer.write_all(&vec![1; 2_000_000]).await.unwrap();
        assert_eq!(unfinished(folder.path()), 1, "the put is half-way");
        assert!(!folder.path().join("k").exists());
        put.abort();
        assert!(put.await.unwrap_err().is_cancelled());
    });
    drop(runtime);
    assert_eq!(unfinished(folder.path()), 0);
    assert!(!folder.path().join("k").exists());
}

#[tokio::test]
async fn a_failed_put_leaves_no_file() {
    let (folder, store) = store(KeySpace::Extended).await;
    let root = folder.path().join("root");
    let broken = broken_after(1_000_000);
    assert_store(store.put_from("new/folder/k", broken).await, "a broken reader");
    assert_eq!(unfinished(&root), 0);
    assert!(!root.join("new").exists());
    store.put("file", "v").await.unwrap();
    assert_store(store.put("file/folder/k", "v").await, "put");
    assert_eq!(unfinished(&root), 0);
    assert!(!fs::exists(root.join("new")).unwrap());
}

/// Gives so many bytes, and fails.
fn broken_after(len: u64) -> impl tokio::io::AsyncRead + Send + 'static {
    struct Broken;
    impl tokio::io::AsyncRead for Broken {
        fn poll_read(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
            _: &mut tokio::io::ReadBuf<'_>,
        ) -> std::task::Poll<std::io::Result<()>> {
            std::task::Poll::Ready(Err(std::io::Error::other("broken")))
        }
    }
    tokio::io::repeat(1).take(len).chain(Broken)
}

#[tokio::test]
async fn what_a_crash_left_is_swept_when_it_is_old() {
    let folder = tempfile::tempdir().unwrap();
    let tmp = folder.path().join("%tmp");
    fs::create_dir(&tmp).unwrap();
    let hour = Duration::from_secs(3600);
    for (name, age) in [("new", hour), ("recent", 23 * hour), ("old", 25 * hour)] {
        let file = fs::File::create(tmp.join(name)).unwrap();
        file.set_modified(SystemTime::now() - age).unwrap();
    }
    let store = FilesystemStore::open(folder.path()).await.unwrap();
    let left: BTreeSet<_> = fs::read_dir(&tmp).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["new", "recent"].map(Into::into).into());
    // A folder that is gone altogether is made again.
    fs::remove_dir_all(&tmp).unwrap();
    store.put("k", "v").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn readers_see_old_or_new_while_a_writer_runs_free() {
    const WRITES: usize = 600;
    let (_folder, store) = store(KeySpace::Extended).await;
    let version =
        |number: usize| Bytes::from(vec![u8::try_from(number % 251).unwrap(); 50_000 + number]);
    store.put("a/k", version(0)).await.unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..4)
        .map(|number| {
            let (store, done) = (store.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let (mut reads, mut last) = (0_usize, 0);
                while !done.load(Ordering::SeqCst) {
                    let value = if number % 2 == 0 {
                        store.get("a/k").await.unwrap()
                    } else {
                        store.open("a/k").await.unwrap().into_bytes().await.unwrap()
                    };
                    let seen = value.len() - 50_000;
                    assert_eq!(value, version(seen), "a whole value");
                    assert!(seen >= last, "values do not go back");
                    assert_eq!(store.keys("a/").await.unwrap(), ["a/k"]);
                    (reads, last) = (reads + 1, seen);
                }
                reads
            })
        })
        .collect();
    for number in 1..=WRITES {
        store.put("a/k", version(number)).await.unwrap();
    }
    done.store(true, Ordering::SeqCst);
    for reader in readers {
        assert!(reader.await.unwrap() > 0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn puts_and_deletes_race_for_the_same_folders() {
    let (folder, store) = store(KeySpace::Extended).await;
    let tasks: Vec<_> = (0..4)
        .map(|task| {
            let store = store.clone();
            tokio::spawn(async move {
                let key = format!("a/b/c/{task}");
                for _ in 0..150 {
                    store.put(&key, "v").await.unwrap();
                    assert_eq!(store.get(&key).await.unwrap(), "v");
                    store.delete(&key).await.unwrap();
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert!(!folder.path().join("root/a").exists(), "the empty folders are gone");
    assert!(folder.path().join("root").exists());
}

#[tokio::test]
async fn an_open_value_stays_when_it_is_replaced() {
    let (_folder, store) = store(KeySpace::Standard).await;
    let old = vec![1; 500_000];
    store.put("k", old.clone()).await.unwrap();
    let mut reader = store.open("k").await.unwrap();
    assert_eq!(reader.len(), Some(500_000));
    let mut value = vec![0; 1000];
    reader.read_exact(&mut value).await.unwrap();
    store.put("k", vec![2; 600_000]).await.unwrap();
    store.delete("k").await.unwrap();
    reader.read_to_end(&mut value).await.unwrap();
    assert_eq!(value, old);
}

/// Linux' file system in memory gives a file that replaces another a new place among the entries.
#[cfg(target_os = "linux")]
mod listing_while_values_are_replaced {
    use std::collections::HashSet;

    use futures_util::TryStreamExt as _;

    use super::*;

    /// More than one call of the system gives at once by default.
    const KEYS: usize = 3_000;

    async fn filled() -> (TempDir, FilesystemStore, Vec<String>) {
        let folder = tempfile::tempdir_in("/dev/shm").unwrap();
        let store = FilesystemStore::open(folder.path()).await.unwrap();
        let store = store.with_key_space(KeySpace::Extended);
        let keys: Vec<String> =
            (0..KEYS).map(|number| format!("folder/a key of some length {number:04}")).collect();
        for key in &keys {
            store.put(key, "v").await.unwrap();
        }
        (folder, store, keys)
    }

    fn assert_each_once(mut listed: Vec<String>, keys: &[String]) {
        listed.sort_unstable();
        let distinct: HashSet<&String> = listed.iter().collect();
        let (missing, repeated) = (
            keys.iter().filter(|key| !distinct.contains(key)).count(),
            listed.len() - distinct.len(),
        );
        assert_eq!((missing, repeated), (0, 0), "missing and repeated of {}", keys.len());
        assert_eq!(listed, keys);
    }

    #[tokio::test]
    async fn between_two_keys_of_the_listing() {
        let (_folder, store, keys) = filled().await;
        let mut listing = store.iter_keys("");
        let mut listed = Vec::new();
        // Among them are those at which one call of the system ends and the next begins.
        while let Some(key) = listing.try_next().await.unwrap() {
            store.put(&key, "new").await.unwrap();
            listed.push(key);
        }
        assert_each_once(listed, &keys);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn at_any_time() {
        let (_folder, store, keys) = filled().await;
        let over = Arc::new(AtomicBool::new(false));
        let replacing = tokio::spawn({
            let (store, keys, over) = (store.clone(), keys.clone(), Arc::clone(&over));
            async move {
                for key in keys.iter().cycle() {
                    store.put(key, "new").await.unwrap();
                    if over.load(Ordering::SeqCst) {
                        break;
                    }
                }
            }
        });
        for _ in 0..100 {
            assert_each_once(store.keys("").await.unwrap(), &keys);
        }
        over.store(true, Ordering::SeqCst);
        replacing.await.unwrap();
    }
}

#[tokio::test]
async fn a_file_that_grows_is_the_value_that_it_was_when_it_was_opened() {
    let (folder, store) = store(KeySpace::Standard).await;
    store.put("log", "one line\n").await.unwrap();
    let reader = store.open("log").await.unwrap();
    let log = fs::OpenOptions::new().append(true).open(folder.path().join("root/log"));
    std::io::Write::write_all(&mut log.unwrap(), b"another\n").unwrap();
    assert_eq!(reader.into_bytes().await.unwrap(), "one line\n");
    assert_eq!(store.get("log").await.unwrap(), "one line\nanother\n");
    // One that is cut meanwhile has lost what it was.
    let reader = store.open("log").await.unwrap();
    fs::File::create(folder.path().join("root/log")).unwrap();
    let cut = reader.into_bytes().await.unwrap_err();
    assert_eq!(cut.kind(), std::io::ErrorKind::UnexpectedEof);
}

#[tokio::test]
async fn two_names_of_one_file_are_moved_like_others() {
    let (folder, store) = store(KeySpace::Standard).await;
    let root = folder.path().join("root");
    store.put("a", "v").await.unwrap();
    fs::hard_link(root.join("a"), root.join("b")).unwrap();
    store.rename("a", "b").await.unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["b"]);
    assert_eq!(store.get("b").await.unwrap(), "v");
    // A copy is another file.
    store.copy("b", "c").await.unwrap();
    fs::write(root.join("b"), "changed in place").unwrap();
    assert_eq!(store.get("c").await.unwrap(), "v");
}

#[tokio::test]
async fn a_real_tree_is_a_store() {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, files);
            } else {
                files.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../cachecow/src");
    let mut files = Vec::new();
    walk(&root, &root, &mut files);
    files.sort_unstable();
    assert!(files.len() > 50 && files.contains(&"store/mod.rs".to_owned()), "{files:?}");
    let store = FilesystemStore::open(&root).await.unwrap().with_key_space(KeySpace::Extended);
    assert_eq!(store.keys("").await.unwrap(), files);
    for file in &files {
        assert_eq!(store.get(file).await.unwrap(), fs::read(root.join(file)).unwrap());
    }
    for prefix in ["store/", "store", "st", "store/fs/m", "lib.rs", "store/fs/mod.rs", "none/"] {
        let expected: Vec<_> = files.iter().filter(|file| file.starts_with(prefix)).collect();
        assert_eq!(store.keys(prefix).await.unwrap().iter().collect::<Vec<_>>(), expected);
    }
    assert!(!root.join("%tmp").exists(), "reading makes nothing");
}

#[tokio::test]
async fn addresses_are_those_of_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("a folder%");
    let store = FilesystemStore::create(&root).await.unwrap().with_key_space(KeySpace::Extended);
    let canonical = folder.path().canonicalize().unwrap();
    let address = store.url_for("x/a b#?\"").await.unwrap();
    assert_eq!(address, format!("file://{}/a%20folder%25/x/a%20b%23%3F%22", canonical.display()));
    assert_eq!(store.to_string(), format!("filesystem({}/a folder%)", canonical.display()));
    let web = store.with_url_prefix("https://user:secret@cdn.example.org/f/");
    assert_eq!(
        web.url_for("~x/..").await.unwrap(),
        "https://user:secret@cdn.example.org/f/~x/%25.."
    );
    assert_eq!(web.url_for("").await.unwrap_err().kind(), ErrorKind::InvalidKey);
    assert!(!format!("{web} {web:?}").contains("secret"));
}

/// Runs a test below, which is ignored otherwise, in a process that the shell has prepared.
fn in_a_process(preparation: &str, test: &str, folder: &Path) {
    let output = Command::new("sh")
        .args(["-c", &format!("{preparation}; exec \"$0\" --exact {test} --ignored --nocapture")])
        .arg(std::env::current_exe().unwrap())
        .env("CACHECOW_TEST_FOLDER", folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{output:?}");
}

fn folder_of_the_process() -> PathBuf {
    std::env::var_os("CACHECOW_TEST_FOLDER").expect("run by another test").into()
}

#[test]
fn the_umask_says_who_may_read() {
    for (umask, mode) in [("022", 0o644), ("027", 0o640), ("000", 0o666), ("077", 0o600)] {
        let folder = tempfile::tempdir().unwrap();
        in_a_process(&format!("umask {umask}"), "process_puts", folder.path());
        for key in ["bytes", "reader", "copy"] {
            let metadata = fs::metadata(folder.path().join(key)).unwrap();
            assert_eq!(metadata.permissions().mode() & 0o777, mode, "{key} by umask {umask}");
        }
    }
}

#[tokio::test]
#[ignore = "run by another test"]
async fn process_puts() {
    let store = FilesystemStore::open(folder_of_the_process()).await.unwrap();
    store.put("bytes", "v").await.unwrap();
    store.put_from("reader", &b"v"[..]).await.unwrap();
    store.copy("bytes", "copy").await.unwrap();
}

/// A limit of the file size fails writes as a full disk does, with another number.
#[test]
fn a_disk_that_takes_no_more_keeps_the_old_value() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("large"), vec![0; 8_000_000]).unwrap();
    in_a_process("trap '' XFSZ; ulimit -f 1000", "process_writes_too_much", folder.path());
}

#[tokio::test]
#[ignore = "run by another test"]
async fn process_writes_too_much() {
    let folder = folder_of_the_process();
    let store = FilesystemStore::open(&folder).await.unwrap();
    store.put("k", "old").await.unwrap();
    let large = vec![0; 8_000_000];
    assert_store(store.put("k", large.clone()).await, "put");
    assert_store(store.put_from("k", std::io::Cursor::new(large)).await, "put_from");
    assert_store(store.copy("large", "k").await, "copy");
    assert_eq!(store.get("k").await.unwrap(), "old");
    assert_eq!(unfinished(&folder), 0);
}

#[cfg(target_os = "linux")]
#[test]
fn a_value_is_stored_and_read_in_slices() {
    let folder = tempfile::tempdir().unwrap();
    in_a_process(":", "process_streams", folder.path());
}

#[cfg(target_os = "linux")]
#[tokio::test]
#[ignore = "run by another test"]
async fn process_streams() {
    const LEN: u64 = 200 << 20;
    let store = FilesystemStore::open(folder_of_the_process()).await.unwrap();
    store.put_from("k", tokio::io::repeat(7).take(LEN)).await.unwrap();
    store.copy("k", "copy").await.unwrap();
    assert_eq!(store.get_into("copy", &mut tokio::io::sink()).await.unwrap(), LEN);
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 50 << 10, "{peak} kB of memory were used for {LEN} bytes");
}
