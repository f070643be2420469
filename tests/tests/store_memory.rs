//! The store in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::store::{KeySpace, Ttl, conformance};
use cachecow::{ErrorKind, KeyValueStore, KeyValueStoreExt as _, MemoryStore};

#[tokio::test]
async fn it_conforms_with_every_key_space() {
    for key_space in [KeySpace::Standard, KeySpace::Extended, KeySpace::Text] {
        conformance::all(&MemoryStore::new().with_key_space(key_space)).await;
    }
}

#[tokio::test]
async fn it_conforms_behind_any_pointer() {
    let store: Arc<dyn KeyValueStore> = Arc::new(MemoryStore::new());
    conformance::all(&*store).await;
    conformance::all(&store).await;
    conformance::all(&Box::new(store)).await;
}

#[tokio::test]
async fn a_default_time_to_live_is_one_that_a_put_may_have() {
    for ttl in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
        let store = MemoryStore::new().with_default_ttl(ttl);
        let put = store.put("k", "v").await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::InvalidTtl, "{ttl:?}");
        let put = store.put_from("k", &b"v"[..]).await;
        assert_eq!(put.unwrap_err().kind(), ErrorKind::InvalidTtl, "{ttl:?}");
        assert!(!store.contains("k").await.unwrap());
        store.put_with_ttl("k", "v", Ttl::Forever).await.unwrap();
        store.put_with_ttl("k", "v", Duration::from_secs(1)).await.unwrap();
    }
    let century = MemoryStore::new().with_default_ttl(Duration::from_secs(100 * 365 * 86_400));
    century.put("k", "v").await.unwrap();
    assert_eq!(century.get("k").await.unwrap(), "v");
}

/// As those of sessions, which are never asked for again.
#[tokio::test(start_paused = true)]
async fn what_has_expired_takes_no_memory_for_ever() {
    let store = MemoryStore::new();
    let second = Duration::from_secs(1);
    store.put("forever", "v").await.unwrap();
    for number in 0..100_000 {
        store.put_with_ttl(&number.to_string(), "v", second).await.unwrap();
        tokio::time::advance(Duration::from_millis(1)).await;
    }
    // 1,000 of them live, and what is found dead is found at every doubling.
    let shown = format!("{store:?}");
    let held = shown.split("values: ").nth(1).and_then(|rest| rest.split(',').next());
    let held: usize = held.expect("it tells how many").parse().expect("a number");
    assert!((1000..=2100).contains(&held), "{held} values are held");
    assert_eq!(store.get("forever").await.unwrap(), "v");
    assert_eq!(store.get("99999").await.unwrap(), "v");
}

/// A copy onto itself, while the only writer puts and looks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_undoes_no_put() {
    let store = MemoryStore::new();
    store.put("k", "0").await.unwrap();
    let over = Arc::new(AtomicBool::new(false));
    let copying = tokio::spawn({
        let (store, over) = (store.clone(), Arc::clone(&over));
        async move {
            while !over.load(Ordering::SeqCst) {
                store.copy("k", "k").await.unwrap();
            }
        }
    });
    let mut undone = 0;
    for version in 0..200_000 {
        let version = version.to_string();
        store.put("k", version.clone()).await.unwrap();
        undone += usize::from(store.get("k").await.unwrap() != version);
    }
    over.store(true, Ordering::SeqCst);
    copying.await.unwrap();
    assert_eq!(undone, 0, "what was put last is there");
}

#[cfg(unix)]
mod files {
    //! What `get_file` and `put_file` do with files that are not just files.

    use std::fs;
    use std::os::unix::fs::{FileTypeExt as _, PermissionsExt as _, symlink};
    use std::path::Path;
    use std::process::Command;

    use tempfile::TempDir;

    use super::*;

    async fn store() -> (TempDir, MemoryStore) {
        let store = MemoryStore::new();
        store.put("k", "new").await.unwrap();
        (tempfile::tempdir().unwrap(), store)
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[tokio::test]
    async fn a_target_keeps_its_mode() {
        let (folder, store) = store().await;
        let target = folder.path().join("target");
        for expected in [0o600, 0o640, 0o666, 0o751, 0o400] {
            fs::write(&target, "old").unwrap();
            fs::set_permissions(&target, fs::Permissions::from_mode(expected)).unwrap();
            store.get_file("k", &target).await.unwrap();
            assert_eq!((fs::read(&target).unwrap(), mode(&target)), (b"new".to_vec(), expected));
            fs::remove_file(&target).unwrap();
        }
        // A new file's is that of any other.
        store.get_file("k", &target).await.unwrap();
        fs::write(folder.path().join("any other"), "").unwrap();
        assert_eq!(mode(&target), mode(&folder.path().join("any other")));
    }

    #[tokio::test]
    async fn the_file_that_a_link_leads_to_is_replaced() {
        let (folder, store) = store().await;
        let at = |name: &str| folder.path().join(name);
        fs::create_dir(at("sub")).unwrap();
        fs::write(at("sub/file"), "old").unwrap();
        fs::set_permissions(at("sub/file"), fs::Permissions::from_mode(0o600)).unwrap();
        symlink("sub/file", at("link")).unwrap();
        symlink(at("link"), at("sub/again")).unwrap();
        symlink("sub/absent", at("dangling")).unwrap();
        for link in ["link", "sub/again", "dangling"] {
            let led_to = fs::read_link(at(link)).unwrap();
            store.get_file("k", at(link)).await.unwrap();
            assert_eq!(fs::read_link(at(link)).unwrap(), led_to, "{link} is as it was");
            assert_eq!(fs::read(at(link)).unwrap(), b"new", "{link}");
        }
        assert_eq!(fs::read(at("sub/file")).unwrap(), b"new");
        assert_eq!(mode(&at("sub/file")), 0o600);
        assert!(at("sub/absent").is_file(), "as `open` would create it");
        symlink("circle", at("circle")).unwrap();
        let error = store.get_file("k", at("circle")).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Store);
        assert!(fs::read_link(at("circle")).is_ok());
        let left = |folder| fs::read_dir(folder).unwrap().count();
        assert_eq!((left(at("")), left(at("sub"))), (4, 3), "nothing is left over");
    }

    #[tokio::test]
    async fn what_is_no_file_is_refused_and_left() {
        let (folder, store) = store().await;
        let at = |name: &str| folder.path().join(name);
        assert!(Command::new("mkfifo").arg(at("pipe")).status().unwrap().success());
        symlink("pipe", at("link")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        for target in ["pipe", "link", "folder"] {
            let error = store.get_file("k", at(target)).await.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Store, "{target}");
            assert!(error.to_string().contains("get_into"), "{target}: {error}");
        }
        assert!(fs::symlink_metadata(at("pipe")).unwrap().file_type().is_fifo());
        assert!(fs::symlink_metadata(at("link")).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 3, "nothing is left over");
    }

    #[tokio::test]
    async fn a_file_without_a_length_is_read_to_its_end() {
        let (_folder, store) = store().await;
        // The kernel's, where there are such files, say that they are empty.
        let path = Path::new("/proc/self/stat");
        if cfg!(target_os = "linux") {
            assert_eq!(fs::metadata(path).unwrap().len(), 0);
            store.put_file("k", path).await.unwrap();
            assert!(store.get("k").await.unwrap().len() > 10);
        }
    }
}
