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
/// A key is the name of a file in the branch's tree, so that a repository of files can be used as
/// it is; with [`KeySpace::Extended`] a `/` in a key makes a folder. A segment that is empty, `.`
/// or `..`, begins with `%`, or has a name that means something to git (`.git`, `.gitmodules`,
/// `.gitattributes`, in any case, and the short names by which Windows knows these) gets one `%`
/// put before it. Of two keys of which one would have to be a file and the other a folder, such as
/// `a` and `a/b`, the second to be stored is refused with [`Store`](crate::ErrorKind::Store).
/// Symbolic links and submodules are no values, and are left alone.
///
/// # History
///
/// Each `put`, `delete`, `copy` and `rename` is one commit on top of the branch as it then is, and
/// no commit where nothing changes: the same value put again, an absent key deleted. History is
/// never rewritten, so a deleted value can be had from it by the `git` program for ever; nothing
/// that must be forgotten belongs in this store. What else the branch holds stays as it is. Commits
/// are not signed, and no hooks run.
///
/// In a repository with a working tree, that tree and the index are left as they are: they lag
/// behind a branch that is checked out. A bare repository, or a branch of its own, avoids this.
///
/// # Consistency
///
/// Reads see the branch as it is when they start, a listing from its start to its end. Any number
/// of stores, processes and people with the `git` program may write to the branch, and lose
/// nothing: the branch moves only from the commit that a change was made upon, or else the change
/// is made again upon the new one. After five seconds without success while the branch stays as it
/// is (a process that crashed may have left a lock file), or a minute while others change it, the
/// change fails with [`Store`](crate::ErrorKind::Store), and the branch is as it was.
///
/// The objects of a commit are on the disk before the branch moves, and the branch is before a
/// change returns. A change that failed may leave objects that nothing refers to, which `git gc`
/// removes.
///
/// # Limits
///
/// Values are read into memory as a whole, also by `open`. Larger ones than
/// [`with_max_value_len`](Self::with_max_value_len) are refused. A change rewrites the trees above
/// its file, so its costs grow with the number of keys in one folder: thousands are well, millions
/// are not. Repositories of SHA-256 objects or reftables cannot be opened.
///
/// # Cancellation
///
/// A change whose future is dropped happens as a whole or not at all.
///
/// # Runtime
///
/// Tokio, whose threads for blocking work do it all.
#[derive(Clone)]
pub struct GitStore {
    branch: Branch,
    key_space: KeySpace,
    max_value_len: u64,
    /// Writers of one process wait in line, rather than all of them try again and again.
    turn: Arc<Mutex<()>>,
}

impl GitStore {
    /// The store in the repository at this path, which must exist: a bare one, a `.git` folder, or
    /// the folder that has one.
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

    /// The store in the repository at this path; if there is none, a bare one is made, whose branch
    /// is `main`.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if the repository cannot be made or used.
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

    /// This store on another branch, which the first change makes if it does not exist. Default:
    /// the one that is checked out, or would be (`HEAD`).
    #[must_use]
    pub fn with_branch(mut self, branch: &str) -> Self {
        self.branch.name = Some(format!("refs/heads/{branch}").into());
        self
    }

    /// This store with its keys in a folder of the branch, and none outside of it. Default: the
    /// branch's root.
    #[must_use]
    pub fn with_folder(mut self, folder: &str) -> Self {
        self.branch.folder =
            folder.split('/').filter(|name| !name.is_empty()).collect::<Vec<_>>().join("/").into();
        self
    }

    /// This store with its commits in this name. Default: the one that git is configured with, or
    /// else `cachecow`.
    #[must_use]
    pub fn with_author(mut self, name: impl Into<String>, email: impl Into<String>) -> Self {
        self.branch.author = Some(Arc::new(Author { name: name.into(), email: email.into() }));
        self
    }

    /// This store with another message of its commits, in which `{operation}` stands for `put`,
    /// `delete`, `copy` or `rename`, and `{key}` for the key, or for `… to …` where it is two.
    /// Default: `{operation} {key}`.
    #[must_use]
    pub fn with_message(mut self, template: impl Into<String>) -> Self {
        self.branch.message = Arc::from(template.into());
        self
    }

    /// This store with other keys allowed. Default: [`KeySpace::Standard`].
    ///
    /// Not every text can be a file's name: [`KeySpace::Text`] is taken as [`KeySpace::Extended`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// This store with another limit of a value's length, in bytes. Default: 100 MiB, more than
    /// which few servers take.
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
