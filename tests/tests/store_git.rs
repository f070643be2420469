//! The store in a git repository, looked at by the `git` program.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cachecow::store::{GitStore, KeySpace, conformance};
use cachecow::{Error, ErrorKind, KeyValueStore, KeyValueStoreExt as _};
use cachecow_tests::servers::git;
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;

/// A folder: in memory where there is such a one, as each commit waits for the disk many times.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        tempfile::tempdir_in(memory).unwrap()
    } else {
        tempfile::tempdir().unwrap()
    }
}

async fn store() -> (TempDir, GitStore) {
    let folder = folder();
    let store = GitStore::create(folder.path().join("repository")).await.unwrap();
    (folder, store)
}

fn repository(folder: &TempDir) -> PathBuf {
    folder.path().join("repository")
}

fn commits(repository: &Path, branch: &str) -> usize {
    git(repository, ["rev-list", "--count", branch]).parse().unwrap()
}

/// Git finds no fault, not even a trifle.
#[track_caller]
fn assert_sound(repository: &Path) {
    assert_eq!(git(repository, ["fsck", "--strict", "--no-dangling", "--no-progress"]), "");
}

#[track_caller]
fn assert_kind<T>(result: Result<T, Error>, kind: ErrorKind) -> Error {
    match result {
        Ok(_) => panic!("it succeeded, and should be {kind:?}"),
        Err(error) => {
            assert_eq!(error.kind(), kind, "{error:?}");
            error
        }
    }
}

#[tokio::test]
async fn it_conforms_with_standard_keys() {
    let (folder, store) = store().await;
    conformance::all(&store).await;
    assert_sound(&repository(&folder));
}

#[tokio::test]
async fn it_conforms_with_extended_keys_in_a_folder_of_a_branch() {
    let (folder, store) = store().await;
    let store =
        store.with_key_space(KeySpace::Extended).with_branch("my/values").with_folder("a/b");
    store.clone().with_folder("").put("beside", "it").await.unwrap();
    conformance::all(&store).await;
    assert_eq!(store.with_folder("").keys("").await.unwrap(), ["beside"]);
    assert_sound(&repository(&folder));
}

#[tokio::test]
async fn history_keeps_what_was_replaced_and_deleted() {
    let (folder, store) = store().await;
    let store = store.with_author("Bella", "bella@example.org");
    let path = repository(&folder);
    store.put("k", "first").await.unwrap();
    store.put("k", "second").await.unwrap();
    store.delete("k").await.unwrap();
    assert_kind(store.get("k").await, ErrorKind::NotFound);
    let log = git(&path, ["log", "--format=%an %ae %s", "main"]);
    let expected = ["delete k", "put k", "put k"].map(|it| format!("Bella bella@example.org {it}"));
    assert_eq!(log.lines().collect::<Vec<_>>(), expected);
    assert_eq!(git(&path, ["show", "main~2:k"]), "first");
    assert_eq!(git(&path, ["show", "main~1:k"]), "second");
    assert_eq!(git(&path, ["ls-tree", "-r", "main"]), "");
    assert_sound(&path);
}

#[tokio::test]
async fn what_changes_nothing_is_no_commit() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    store.delete("absent").await.unwrap();
    assert_kind(store.rename("absent", "k").await, ErrorKind::NotFound);
    assert_eq!(git(&path, ["branch"]), "", "nothing was committed yet");
    store.put("k", "v").await.unwrap();
    store.put("l", "v").await.unwrap();
    assert_eq!(commits(&path, "main"), 2);
    store.put("k", "v").await.unwrap();
    store.put_from("k", &b"v"[..]).await.unwrap();
    store.delete("absent").await.unwrap();
    store.copy("k", "k").await.unwrap();
    store.copy("k", "l").await.unwrap();
    store.rename("k", "k").await.unwrap();
    assert_kind(store.copy("absent", "k").await, ErrorKind::NotFound);
    assert_eq!(commits(&path, "main"), 2);
    let store = store.with_message("{key}: {operation} ({key})");
    store.rename("k", "l").await.unwrap();
    store.copy("l", "{key}").await.unwrap();
    let log = git(&path, ["log", "--format=%s", "-2", "main"]);
    assert_eq!(log, "l to {key}: copy (l to {key})\nk to l: rename (k to l)");
}

#[tokio::test]
async fn a_repository_of_others_stays_theirs() {
    let folder = folder();
    let path = folder.path();
    git(path, ["init", "-q", "-b", "trunk"]);
    let store = GitStore::open(path).await.unwrap().with_key_space(KeySpace::Extended);
    assert_eq!(store.keys("").await.unwrap(), Vec::<String>::new(), "it is empty");
    assert_kind(store.get("k").await, ErrorKind::NotFound);
    fs::create_dir_all(path.join("src/deep")).unwrap();
    fs::write(path.join("README"), "theirs").unwrap();
    fs::write(path.join("src/deep/main.rs"), "fn main() {}").unwrap();
    fs::write(path.join(".gitattributes"), "* text=auto").unwrap();
    fs::write(path.join("run.sh"), "#!/bin/sh").unwrap();
    std::os::unix::fs::symlink("README", path.join("link")).unwrap();
    git(path, ["add", "."]);
    git(path, ["update-index", "--chmod=+x", "run.sh"]);
    git(path, ["update-index", "--add", "--cacheinfo", &format!("160000,{:040},module", 1)]);
    git(path, ["commit", "-q", "-m", "theirs"]);
    let theirs = git(path, ["rev-parse", "trunk"]);
    assert_eq!(store.keys("").await.unwrap(), ["README", "run.sh", "src/deep/main.rs"]);
    assert_eq!(store.keys("src/").await.unwrap(), ["src/deep/main.rs"]);
    assert_eq!(store.keys("src/de").await.unwrap(), ["src/deep/main.rs"]);
    assert_eq!(store.keys("link/").await.unwrap(), Vec::<String>::new());
    store.put("src/deep/k", "\r\n\0").await.unwrap();
    store.put("run.sh", "#!/bin/bash").await.unwrap();
    // Others commit in between, with the program.
    git(path, ["reset", "-q", "--hard"]);
    fs::write(path.join("NEWS"), "their news").unwrap();
    git(path, ["add", "."]);
    git(path, ["commit", "-q", "-m", "more of theirs"]);
    assert_eq!(store.get("NEWS").await.unwrap(), "their news");
    store.delete("README").await.unwrap();
    assert_eq!(store.get("src/deep/k").await.unwrap(), "\r\n\0");
    let tree = git(path, ["ls-tree", "-r", "--format=%(objectmode) %(path)", "trunk"]);
    let expected = "100644 .gitattributes\n100644 NEWS\n120000 link\n160000 module\n100755 run.sh\n\
                    100644 src/deep/k\n100644 src/deep/main.rs";
    assert_eq!(tree, expected);
    let log = git(path, ["log", "--format=%s", "trunk"]);
    assert_eq!(log, "delete README\nmore of theirs\nput run.sh\nput src/deep/k\ntheirs");
    git(path, ["merge-base", "--is-ancestor", &theirs, "trunk"]);
    for key in ["link", "module", "link/x", "module/x"] {
        assert_kind(store.get(key).await, ErrorKind::NotFound);
        let error = assert_kind(store.put(key, "v").await, ErrorKind::Store);
        assert!(error.to_string().contains("symbolic link or submodule"), "{error}");
        store.delete(key).await.unwrap();
    }
    assert_eq!(commits(path, "trunk"), 5);
    assert_sound(path);
}

#[tokio::test]
async fn packing_and_collecting_disturb_nothing() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    for round in 0..5 {
        for key in 0..5 {
            store.put(&format!("k{key}"), format!("{round} {key}")).await.unwrap();
        }
        git(&path, ["pack-refs", "--all"]);
        git(&path, ["gc", "-q", "--prune=now"]);
        assert_eq!(store.get("k3").await.unwrap(), format!("{round} 3"));
        assert_eq!(store.keys("").await.unwrap().len(), 5);
    }
    assert_eq!(commits(&path, "main"), 25);
    assert_sound(&path);
}

#[tokio::test]
async fn names_that_git_fears_are_keys_and_do_no_harm() {
    let (folder, store) = store().await;
    let store = store.with_key_space(KeySpace::Extended);
    let path = repository(&folder);
    let mut keys = Vec::new();
    for name in [
        ".git",
        ".GIT",
        ".Git.",
        ".git ",
        "git~1",
        "GIT~1",
        ".gitmodules",
        ".gitattributes",
        "gitmod~1",
        "GI7EBA~1",
        "gi7d29~9",
        ".gitignore",
        ".mailmap",
        "%.git",
        "%%git~1",
        ".",
        "..",
        "...",
        "CON",
        "aux.txt",
        "-",
        "--help",
        "@",
        "HEAD",
        ".lock",
        "x.lock",
    ] {
        keys.extend([name.to_owned(), format!("d/{name}"), format!("e/{name}/f")]);
    }
    keys.extend(["/b", "//a", "slash/", "e//f"].map(str::to_owned));
    // What git reads in files of such names.
    let value = "[submodule \"../../x\"]\n\turl = --upload-pack=touch /tmp/x\n\tpath = -x\n";
    let value = format!("{value}{}", "a".repeat(3000));
    for key in &keys {
        store.put(key, value.as_str()).await.unwrap_or_else(|error| panic!("{key}: {error:?}"));
    }
    keys.sort_unstable();
    assert_eq!(store.keys("").await.unwrap(), keys);
    assert_sound(&path);
    let clone = folder.path().join("clone");
    let url = format!("file://{}", path.display());
    let clone_path = clone.to_str().unwrap();
    let strict = "transfer.fsckObjects=true";
    git(folder.path(), ["-c", strict, "clone", "-q", "--recurse-submodules", &url, clone_path]);
    assert_eq!(git(&clone, ["status", "--porcelain"]), "", "all can be checked out");
    for key in &keys {
        assert_eq!(store.get(key).await.unwrap(), value.as_str());
        store.delete(key).await.unwrap();
    }
    assert_eq!(git(&path, ["ls-tree", "-r", "main"]), "");
}

/// Every change beside the same change in a map.
#[tokio::test]
async fn it_is_as_good_as_a_map() {
    const KEYS: [&str; 9] = ["a", "b", "a-b", "d/x", "d/y", "d/e/x", "d/e/f/x", "d0", "z/x"];
    let (folder, store) = store().await;
    let store = store.with_key_space(KeySpace::Extended).with_folder("deep/down");
    let (mut map, mut random) = (BTreeMap::new(), 1_u64);
    let mut next = |below: usize| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from(random >> 33).unwrap() % below
    };
    for number in 0..400 {
        let (one, other) = (KEYS[next(KEYS.len())], KEYS[next(KEYS.len())]);
        match next(4) {
            0 => {
                store.put(one, number.to_string()).await.unwrap();
                map.insert(one, number.to_string());
            }
            1 => {
                store.delete(one).await.unwrap();
                map.remove(one);
            }
            2 => match map.get(one).cloned() {
                Some(value) => {
                    store.copy(one, other).await.unwrap();
                    map.insert(other, value);
                }
                None => drop(assert_kind(store.copy(one, other).await, ErrorKind::NotFound)),
            },
            _ => match map.remove(one) {
                Some(value) => {
                    store.rename(one, other).await.unwrap();
                    map.insert(other, value);
                }
                None => drop(assert_kind(store.rename(one, other).await, ErrorKind::NotFound)),
            },
        }
        let keys: Vec<&str> = map.keys().copied().collect();
        assert_eq!(store.keys("").await.unwrap(), keys, "after change {number}");
    }
    for (key, value) in map {
        assert_eq!(store.get(key).await.unwrap(), value);
    }
    assert_sound(&repository(&folder));
}

#[tokio::test]
async fn a_file_is_no_folder() {
    let (folder, store) = store().await;
    let store = store.with_key_space(KeySpace::Extended);
    store.put("a", "file").await.unwrap();
    store.put("d/x", "below").await.unwrap();
    for (result, operation) in [
        (store.put("a/b", "v").await, "put"),
        (store.put("d", "v").await, "put"),
        (store.put_from("a/", &b"v"[..]).await, "put"),
        (store.copy("a", "d").await, "copy"),
        (store.rename("a", "a/b/c").await, "rename"),
    ] {
        let message = assert_kind(result, ErrorKind::Store).to_string();
        assert!(message.starts_with(&format!("{operation}: ")), "{message}");
        assert!(message.contains("`a` and `a/b`"), "{message}");
    }
    assert_eq!(store.keys("").await.unwrap(), ["a", "d/x"]);
    assert_eq!(commits(&repository(&folder), "main"), 2);
}

/// Runs a test below, which is ignored otherwise, in a process of its own.
fn process(path: &Path, name: &str) -> std::process::Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process_writes", "--ignored"])
        .env("CACHECOW_TEST_REPOSITORY", path)
        .env("CACHECOW_TEST_NAME", name)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

const PUTS: usize = 25;

/// Eight stores, each on its own, write at once.
async fn write_at_once(path: &Path, name: &str) {
    let mut writers = Vec::new();
    for writer in 0..8 {
        let store = GitStore::open(path).await.unwrap().with_key_space(KeySpace::Extended);
        let name = format!("{name}/{writer}");
        writers.push(tokio::spawn(async move {
            for number in 0..PUTS {
                let key = format!("{name}/{number}");
                store.put(&key, key.as_str()).await.unwrap();
                assert_eq!(store.get(&key).await.unwrap(), key.as_str());
            }
        }));
    }
    for writer in writers {
        writer.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by another test"]
async fn process_writes() {
    let path = std::env::var_os("CACHECOW_TEST_REPOSITORY").expect("run by another test");
    let name = std::env::var("CACHECOW_TEST_NAME").unwrap();
    write_at_once(Path::new(&path), &name).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn concurrent_writers_lose_nothing() {
    let (folder, store) = store().await;
    let store = store.with_key_space(KeySpace::Extended);
    let path = repository(&folder);
    // Of no commit at all there are two first ones, of which one must give way.
    let mut other = process(&path, "other");
    write_at_once(&path, "this").await;
    assert!(other.wait().unwrap().success(), "the other process wrote all");
    let mut expected: Vec<String> = ["this", "other"]
        .into_iter()
        .flat_map(|name| (0..8).map(move |writer| format!("{name}/{writer}")))
        .flat_map(|name| (0..PUTS).map(move |number| format!("{name}/{number}")))
        .collect();
    expected.sort_unstable();
    assert_eq!(store.keys("").await.unwrap(), expected);
    for key in &expected {
        assert_eq!(store.get(key).await.unwrap(), key.as_str());
    }
    assert_eq!(commits(&path, "main"), expected.len());
    let log = git(&path, ["log", "--format=%s%x20%P", "--min-parents=2", "main"]);
    assert_eq!(log, "", "one upon the other");
    assert_sound(&path);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_someone_holds_is_an_error_in_time() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    store.put("k", "old").await.unwrap();
    let lock = path.join("refs/heads/main.lock");
    fs::write(&lock, "").unwrap();
    let start = Instant::now();
    let error = assert_kind(store.put("k", "new").await, ErrorKind::Store);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(start.elapsed() > Duration::from_secs(4), "it did not wait: {:?}", start.elapsed());
    assert!(error.to_string().contains(".lock"), "{error}");
    assert_eq!(store.get("k").await.unwrap(), "old");
    assert_eq!(commits(&path, "main"), 1);
    assert!(lock.exists(), "someone else's lock is left to them");
    // One that goes in time does no harm.
    let put = tokio::spawn({
        let store = store.clone();
        async move { store.put("k", "new").await }
    });
    fs::remove_file(&lock).unwrap();
    put.await.unwrap().unwrap();
    assert_eq!(store.get("k").await.unwrap(), "new");
    assert_eq!(commits(&path, "main"), 2);
    assert_sound(&path);
}

/// The file of a loose object.
fn object(path: &Path, name: &str) -> PathBuf {
    let id = git(path, ["rev-parse", name]);
    path.join("objects").join(&id[..2]).join(&id[2..])
}

fn overwrite(file: &Path, content: &str) {
    fs::remove_file(file).unwrap();
    fs::write(file, content).unwrap();
}

#[tokio::test]
async fn a_corrupt_repository_is_an_error_and_no_absence() {
    let trees = ["main:d", "main^{tree}", "main"].map(|tree| (tree, true));
    for (broken, is_on_the_way) in [("main:d/k", false)].into_iter().chain(trees) {
        for content in [None, Some(""), Some("rubbish")] {
            let (folder, store) = store().await;
            let path = repository(&folder);
            store.with_key_space(KeySpace::Extended).put("d/k", "value").await.unwrap();
            let file = object(&path, broken);
            match content {
                None => fs::remove_file(&file).unwrap(),
                Some(content) => overwrite(&file, content),
            }
            // A store that has not read it before.
            let store = GitStore::open(&path).await.unwrap().with_key_space(KeySpace::Extended);
            let what = format!("{broken} is {content:?}");
            let error = store.get("d/k").await.expect_err(&what);
            assert_eq!(error.kind(), ErrorKind::Store, "{what}: {error:?}");
            if is_on_the_way {
                assert_kind(store.contains("d/k").await, ErrorKind::Store);
                assert_kind(store.contains("d/absent").await, ErrorKind::Store);
                assert_kind(store.keys("").await, ErrorKind::Store);
                assert_kind(store.keys("d/").await, ErrorKind::Store);
                assert_kind(store.put("d/l", "v").await, ErrorKind::Store);
                assert_kind(store.delete("d/k").await, ErrorKind::Store);
            }
        }
    }
    let (folder, store) = store().await;
    let path = repository(&folder);
    store.put("k", "value").await.unwrap();
    overwrite(&path.join("refs/heads/main"), "rubbish\n");
    assert_kind(store.get("k").await, ErrorKind::Store);
    assert_kind(store.put("k", "v").await, ErrorKind::Store);
    fs::remove_file(path.join("HEAD")).unwrap();
    assert_kind(GitStore::open(&path).await, ErrorKind::Store);
}

#[tokio::test]
async fn only_repositories_are_opened() {
    let folder = folder();
    let path = folder.path();
    assert_kind(GitStore::open(path.join("absent")).await, ErrorKind::Store);
    assert_kind(GitStore::open(path).await, ErrorKind::Store);
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
    fs::write(path.join("file"), "").unwrap();
    assert_kind(GitStore::create(path.join("file")).await, ErrorKind::Store);
    let made = path.join("some/where.git");
    GitStore::create(&made).await.unwrap().put("k", "v").await.unwrap();
    assert_eq!(GitStore::create(&made).await.unwrap().get("k").await.unwrap(), "v");
    let store = GitStore::open(&made).await.unwrap();
    assert_eq!(store.to_string(), format!("git({}/)", made.canonicalize().unwrap().display()));
    assert_eq!(git(&made, ["rev-parse", "--is-bare-repository"]), "true");
}

#[tokio::test]
async fn settings_that_git_does_not_take_are_named() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    store.put("k", "v").await.unwrap();
    let named =
        |error: Error, setting: &str| assert!(error.to_string().contains(setting), "{error}");
    for branch in ["", "a..b", "a b", "-/", "x.lock"] {
        let store = store.clone().with_branch(branch);
        named(assert_kind(store.put("k", "v").await, ErrorKind::InvalidConfig), "with_branch");
        named(assert_kind(store.keys("").await, ErrorKind::InvalidConfig), "with_branch");
    }
    for wrong in ["..", "a/../b", ".git", "a/.GIT", "./a"] {
        let store = store.clone().with_folder(wrong);
        named(assert_kind(store.put("k", "v").await, ErrorKind::InvalidConfig), "with_folder");
        named(assert_kind(store.get("k").await, ErrorKind::InvalidConfig), "with_folder");
    }
    for name in ["", "<", "a>b"] {
        let store = store.clone().with_author(name, "");
        let error = assert_kind(store.put("k", "new").await, ErrorKind::InvalidConfig);
        named(error, "with_author");
    }
    assert_eq!(commits(&path, "main"), 1);
    let head = git(&path, ["rev-parse", "main"]);
    git(&path, ["update-ref", "--no-deref", "HEAD", &head]);
    let detached = GitStore::open(&path).await.unwrap();
    named(assert_kind(detached.get("k").await, ErrorKind::InvalidConfig), "with_branch");
    assert_eq!(detached.with_branch("main").get("k").await.unwrap(), "v");
}

#[tokio::test]
async fn another_name_of_a_branch_is_that_branch() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    git(&path, ["symbolic-ref", "refs/heads/alias", "refs/heads/main"]);
    let alias = store.clone().with_branch("alias");
    alias.put("k", "first").await.unwrap();
    alias.put("k", "second").await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), "second");
    assert_eq!(git(&path, ["symbolic-ref", "refs/heads/alias"]), "refs/heads/main");
    assert_eq!(commits(&path, "main"), 2);
    // A working tree of its own shares objects and branches.
    let tree = folder.path().join("tree");
    git(&path, ["worktree", "add", "-q", "-b", "side", tree.to_str().unwrap(), "main"]);
    let side = GitStore::open(&tree).await.unwrap();
    side.put("k", "third").await.unwrap();
    assert_eq!(git(&path, ["show", "side:k"]), "third");
    assert_eq!(store.get("k").await.unwrap(), "second");
    assert_sound(&path);
}

#[tokio::test]
async fn values_have_a_limit() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    let store = store.with_max_value_len(1_000_000);
    let before = fs::read_dir(&path).unwrap().count();
    let of = |len: u64| tokio::io::repeat(7).take(len);
    let source = folder.path().join("source");
    fs::write(&source, vec![7; 1_000_001]).unwrap();
    assert_kind(store.put("k", vec![7; 1_000_001]).await, ErrorKind::TooLarge);
    assert_kind(store.put_from("k", of(1_000_001)).await, ErrorKind::TooLarge);
    assert_kind(store.put_from("k", of(u64::MAX)).await, ErrorKind::TooLarge);
    assert_kind(store.put_file("k", &source).await, ErrorKind::TooLarge);
    assert_eq!(git(&path, ["count-objects"]), "0 objects, 0 kilobytes", "nothing was written");
    store.put_from("k", of(1_000_000)).await.unwrap();
    assert_eq!(store.get("k").await.unwrap(), vec![7; 1_000_000]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), before, "no file is left over");
}

#[tokio::test]
async fn a_dropped_put_commits_nothing_of_half_a_value() {
    let (folder, store) = store().await;
    let path = repository(&folder);
    let before = fs::read_dir(&path).unwrap().count();
    let (mut writer, reader) = tokio::io::duplex(1000);
    let put = tokio::spawn({
        let store = store.clone();
        async move { store.put_from("k", reader).await }
    });
    tokio::io::AsyncWriteExt::write_all(&mut writer, &vec![1; 2_000_000]).await.unwrap();
    put.abort();
    assert!(put.await.unwrap_err().is_cancelled());
    assert!(!store.contains("k").await.unwrap());
    // The turn is not held by what was dropped.
    store.put("l", "v").await.unwrap();
    assert_eq!(store.keys("").await.unwrap(), ["l"]);
    assert_eq!(fs::read_dir(&path).unwrap().count(), before, "no file is left over");
}
