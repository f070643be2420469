//! A store in a git repository.

mod branch;
mod change;
mod durable;
mod listing;
mod repository;
mod spool;
mod tree;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::sync::Mutex;

use self::branch::{Author, Branch};
use self::change::{Change, Content};
use self::listing::Listing;
use self::repository::Repositories;
use self::spool::spool;
use super::blocking::blocking;
use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::Error;

/// A store in a branch of a git repository, where every change is a commit. Clones are one store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::store::{GitStore, KeySpace};
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("notes.git");
/// let store = GitStore::create(&path)
///     .await?
///     .with_key_space(KeySpace::Extended)
///     .with_author("Notes", "notes@example.org");
/// store.put("cows/bella.txt", "brown").await?; // A commit on `main`: "put cows/bella.txt".
/// store.delete("cows/bella.txt").await?; // Another; the first keeps the value.
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// A key is the name of a file in the branch's tree, so an existing repository of files can be used
/// as it is. With [`KeySpace::Extended`], a `/` in a key makes a folder. A segment gets a `%`
/// before it if it is empty, `.` or `..`, begins with `%`, or has a special meaning in git (`.git`,
/// `.gitmodules`, `.gitattributes`, in upper or lower case, and their short names on Windows). If
/// one key would be a file and another key a folder of the same name, such as `a` and `a/b`, the
/// second one is refused with [`Store`](crate::ErrorKind::Store). Symbolic links and submodules are
/// not values, and are not changed.
///
/// # History
///
/// Each `put`, `delete`, `copy` and `rename` is one commit on top of the current branch. If nothing
/// changes (the same value is put again, or an absent key is deleted), there is no commit. History
/// is never rewritten, so the `git` program can always restore a deleted value: do not store data
/// here that must be erased. Other files in the branch stay as they are. Commits are not signed,
/// and no hooks run.
///
/// In a repository with a working tree, that tree and the index do not change, so they lag behind
/// if the branch is checked out. Use a bare repository, or a separate branch, to avoid this.
///
/// # Consistency
///
/// Reads see the branch at the time when they start; a whole listing sees the same commit. Any
/// number of stores, processes and people with the `git` program may write to the branch, and no
/// change is lost: if the branch has moved since the commit that a change was based on, the change
/// is made again on the new commit. A change fails with [`Store`](crate::ErrorKind::Store) after
/// five seconds without success if the branch does not move (a crashed process may have left a lock
/// file), or after a minute if others keep changing it. The branch is then as it was.
///
/// The objects of a commit are synced to the disk before the branch moves, and the branch is synced
/// before a change returns. A failed change may leave unreferenced objects, which `git gc` removes.
///
/// # Limits
///
/// Values are read into memory as a whole, also by `open`. Values larger than
/// [`with_max_value_len`](Self::with_max_value_len) are refused. A change rewrites the trees above
/// its file, so its cost grows with the number of keys in one folder: thousands are fine, millions
/// are not. Repositories with SHA-256 objects or reftables cannot be opened.
///
/// # Cancellation
///
/// If the future of a change is dropped, the change happens as a whole or not at all.
///
/// # Runtime
///
/// Tokio. All work runs on its threads for blocking work.
#[derive(Clone)]
pub struct GitStore {
    branch: Branch,
    key_space: KeySpace,
    max_value_len: u64,
    /// Writers of one process queue, so that they do not all retry against each other.
    turn: Arc<Mutex<()>>,
}

impl GitStore {
    /// Opens the store in the repository at this path, which must exist: a bare repository, a
    /// `.git` folder, or the folder that contains one.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if there is no repository or it cannot be used.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking("open", move || {
            Repositories::open(&path).map_err(|error| Error::store("open", error))
        })
        .await
        .map(Self::new)
    }

    /// Opens the store in the repository at this path. If there is none, a bare repository is
    /// created, with the branch `main`.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if the repository cannot be created or used.
    pub async fn create(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref().to_owned();
        blocking("create", move || {
            Repositories::create(&path).map_err(|error| Error::store("create", error))
        })
        .await
        .map(Self::new)
    }

    fn new(repositories: Repositories) -> Self {
        Self {
            branch: Branch::new(repositories),
            key_space: KeySpace::Standard,
            max_value_len: 100 << 20,
            turn: Arc::default(),
        }
    }

    /// Returns this store on another branch. If it does not exist, the first change creates it.
    /// Default: the branch of `HEAD`.
    #[must_use]
    pub fn with_branch(mut self, branch: &str) -> Self {
        self.branch.name = Some(format!("refs/heads/{branch}").into());
        self
    }

    /// Returns this store with its keys in a folder of the branch. Default: the branch's root.
    #[must_use]
    pub fn with_folder(mut self, folder: &str) -> Self {
        self.branch.folder =
            folder.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/").into();
        self
    }

    /// Returns this store with this author of its commits. Default: git's configured author, or
    /// otherwise `cachecow`.
    #[must_use]
    pub fn with_author(mut self, name: impl Into<String>, email: impl Into<String>) -> Self {
        self.branch.author = Some(Arc::new(Author { name: name.into(), email: email.into() }));
        self
    }

    /// Returns this store with another commit message. `{operation}` is replaced by `put`,
    /// `delete`, `copy` or `rename`, and `{key}` by the key, or by `… to …` for two keys. Default:
    /// `{operation} {key}`.
    #[must_use]
    pub fn with_message(mut self, template: impl Into<String>) -> Self {
        self.branch.message = Arc::from(template.into());
        self
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    ///
    /// Not every text can be a file's name: [`KeySpace::Text`] is treated as [`KeySpace::Extended`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// Returns this store with another limit for a value's length, in bytes. Default: 100 MiB; few
    /// git servers accept larger files.
    #[must_use]
    pub fn with_max_value_len(self, max_value_len: u64) -> Self {
        Self { max_value_len, ..self }
    }

    async fn change(&self, change: Change) -> Result<(), Error> {
        let branch = self.branch.clone();
        let turn = Arc::clone(&self.turn).lock_owned().await;
        blocking(change.operation(), move || {
            let _turn = turn;
            branch.change(change)
        })
        .await
    }

    async fn value(&self, operation: &'static str, key: &str) -> Result<Bytes, Error> {
        self.key_space.check(operation, key)?;
        let (branch, key) = (self.branch.clone(), key.to_owned());
        let value = blocking(operation, move || branch.value(operation, &key)).await?;
        value.ok_or_else(|| Error::not_found(operation))
    }
}

#[async_trait]
impl KeyValueStore for GitStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_copy()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.value("get", key).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.value("open", key).await.map(Reader::from_bytes)
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        if value.len() as u64 > self.max_value_len {
            return Err(Error::too_large("put", self.max_value_len));
        }
        self.change(Change::Put { key: key.to_owned(), content: Content::Bytes(value) }).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        let file = spool(value, self.branch.repositories.path(), self.max_value_len).await?;
        self.change(Change::Put { key: key.to_owned(), content: Content::File(file) }).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.key_space.check("delete", key)?;
        self.change(Change::Delete { key: key.to_owned() }).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.key_space.check("contains", key)?;
        let (branch, key) = (self.branch.clone(), key.to_owned());
        blocking("contains", move || branch.contains("contains", &key)).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        Listing::stream(self.branch.clone(), self.key_space, prefix.to_owned())
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("copy", source)?;
        self.key_space.check("copy", destination)?;
        let (source, destination) = (source.to_owned(), destination.to_owned());
        self.change(Change::Copy { source, destination }).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("rename", source)?;
        self.key_space.check("rename", destination)?;
        let (source, destination) = (source.to_owned(), destination.to_owned());
        self.change(Change::Rename { source, destination }).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        Err(Error::unsupported("url_for", "a value in a git repository has no address"))
    }
}

impl fmt::Display for GitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "git({})", self.branch.repositories.path().display())
    }
}

impl fmt::Debug for GitStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GitStore")
            .field("path", &self.branch.repositories.path())
            .field("branch", &self.branch.name)
            .field("folder", &self.branch.folder)
            .field("key_space", &self.key_space)
            .field("max_value_len", &self.max_value_len)
            .finish_non_exhaustive()
    }
}
