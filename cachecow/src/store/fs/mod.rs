//! A store in a folder.

mod entries;
mod place;
mod root;
mod temporary;
mod transfer;
mod walk;

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};
use tokio::io::AsyncReadExt as _;

use self::place::Place;
use self::root::Root;
use self::temporary::Temporary;
use self::walk::Walk;
use super::blocking::blocking;
use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::Error;

/// How much of a value is in memory while it is stored from a reader.
const SLICE: usize = 256 * 1024;

/// The characters that are not encoded in the path of an address.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A store in a folder (the root), with one file for each key. Clones are one store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::store::KeySpace;
/// use cachecow::{FilesystemStore, KeyValueStore as _, KeyValueStoreExt as _};
///
/// # let folder = tempfile::tempdir()?;
/// # let root = folder.path().join("files");
/// let store = FilesystemStore::create(&root)
///     .await?
///     .with_key_space(KeySpace::Extended)
///     .with_url_prefix("https://cdn.example.org/files/");
/// store.put("photos/cow 1.jpg", b"\xff\xd8").await?;
/// assert_eq!(std::fs::read(root.join("photos/cow 1.jpg"))?, b"\xff\xd8");
/// let address = store.url_for("photos/cow 1.jpg").await?;
/// assert_eq!(address, "https://cdn.example.org/files/photos/cow%201.jpg");
/// # Ok(())
/// # }
/// ```
///
/// # Names
///
/// A key is its file's name, so an existing folder of files can be used as it is. With
/// [`KeySpace::Extended`], a `/` in a key makes a folder. Only a segment that is empty, `.` or
/// `..`, or begins with `%`, gets a `%` before it. If one key would be a file and another key a
/// folder of the same name, such as `a` and `a/b`, the second one is refused with
/// [`Store`](crate::ErrorKind::Store).
///
/// If the file system ignores case, the store does too: `K` and `k` are then one key. The store is
/// tested on Unix.
///
/// # Reach
///
/// Nothing outside the root is read, written, listed or deleted. If a symbolic link points outside, every operation
/// on its key fails with [`Store`](crate::ErrorKind::Store), and it is not listed. A link that stays inside is
/// followed, except that listing does not enter a linked folder. The value then has two keys. A `put` with the
/// file's own key is seen by both keys. A `put` with the link's key replaces the link, so there are two values
/// afterwards. A `CacheDecorator` in front of the store does not know about links: after a change by one key, it
/// may serve the old value by the other, for its time to live. Anything that is not a file or a link to one is not
/// a value: it is not found, not listed, and not replaced.
///
/// # Consistency
///
/// A value is written to a new file in the folder `%tmp` below the root, synced to the disk, and
/// moved to its place in one step. The folder's entry is synced too before a `put` returns. After a
/// crash of the process or the machine, there is the old value or the new one. Files that a crash
/// leaves in `%tmp` are removed by [`open`](Self::open) when they are a day old. If only the last
/// step fails, syncing the folder's entry, the change has happened nevertheless.
///
/// A reader goes on reading the value that it opened, up to its length at that time, even if the key changes. A
/// copy or a move takes the current value. New files have the permissions that the process's umask allows.
///
/// On Linux, a listing contains every key that exists while its folder is read, however often its value is replaced
/// meanwhile. A network file system that returns a folder in parts, and other operating systems, may miss such a
/// key. A folder is read when the listing reaches it. Its names, and those of the folders above it, are in memory
/// until they are listed.
///
/// # Cancellation
///
/// If the future of a `put` is dropped before the whole value was read, nothing changes and nothing
/// is left over. After that, the change happens as a whole.
///
/// # Runtime
///
/// Tokio. All work runs on its threads for blocking work.
#[derive(Clone)]
pub struct FilesystemStore {
    root: Arc<Root>,
    key_space: KeySpace,
    url_prefix: Option<Arc<str>>,
}

impl FilesystemStore {
    /// Opens the store in this folder, which must exist.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if there is no such folder or it cannot be used.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at("open", root.as_ref(), false).await
    }

    /// Opens the store in this folder. If the folder does not exist, it is created, with the folders above it.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if the folder cannot be created or used.
    pub async fn create(root: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at("create", root.as_ref(), true).await
    }

    async fn at(operation: &'static str, root: &Path, create: bool) -> Result<Self, Error> {
        let root = root.to_owned();
        let root = blocking(operation, move || {
            let root = Root::open(&root, create);
            root.inspect(temporary::sweep).map_err(|error| Error::store(operation, error))
        });
        let root = Arc::new(root.await?);
        Ok(Self { root, key_space: KeySpace::Standard, url_prefix: None })
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    ///
    /// Not every text can be a file's name: [`KeySpace::Text`] is treated as [`KeySpace::Extended`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// Returns this store with a prefix for addresses, before the percent-encoded path of a key's
    /// file: for a web server that serves the root. Default: `file://` and the root's path.
    #[must_use]
    pub fn with_url_prefix(self, prefix: impl Into<String>) -> Self {
        Self { url_prefix: Some(Arc::from(prefix.into())), ..self }
    }

    /// Where a key's value is, if it is a key.
    fn place(&self, operation: &'static str, key: &str) -> Result<Place, Error> {
        self.key_space.check(operation, key)?;
        Ok(Place::new(Arc::clone(&self.root), self.key_space, key))
    }
}

#[async_trait]
impl KeyValueStore for FilesystemStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_copy().with_urls()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let place = self.place("get", key)?;
        blocking("get", move || {
            let value = place.read().map_err(|error| root::fault("get", error))?;
            value.ok_or_else(|| Error::not_found("get"))
        })
        .await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        let place = self.place("open", key)?;
        let (file, len) = blocking("open", move || {
            let opened = place.open().map_err(|error| root::fault("open", error))?;
            opened.ok_or_else(|| Error::not_found("open"))
        })
        .await?;
        // Another program may append to it.
        let value = tokio::fs::File::from_std(file).take(len);
        Ok(Reader::new(value).with_len(len))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        let place = self.place("put", key)?;
        ttl.refuse()?;
        blocking("put", move || {
            let write = || {
                let mut temporary = Temporary::create(place.root())?;
                temporary.write(&value)?;
                temporary.persist(&place)
            };
            write().map_err(|error| root::fault("put", error))
        })
        .await
    }

    async fn put_reader(&self, key: &str, mut value: Reader, ttl: Ttl) -> Result<(), Error> {
        let place = self.place("put", key)?;
        ttl.refuse()?;
        let failed = |error| root::fault("put", error);
        let root = Arc::clone(place.root());
        let mut temporary =
            blocking("put", move || Temporary::create(&root).map_err(failed)).await?;
        let mut slice = Vec::with_capacity(SLICE);
        loop {
            let mut part = (&mut value).take(SLICE as u64);
            part.read_to_end(&mut slice).await.map_err(|error| Reader::error("put", error))?;
            if slice.is_empty() {
                break;
            }
            // If this future is dropped, the file is removed when the slice is written.
            (temporary, slice) = blocking("put", move || {
                temporary.write(&slice).map_err(failed)?;
                slice.clear();
                Ok((temporary, slice))
            })
            .await?;
        }
        blocking("put", move || temporary.persist(&place).map_err(failed)).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        let place = self.place("delete", key)?;
        blocking("delete", move || place.remove().map_err(|error| root::fault("delete", error)))
            .await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        let place = self.place("contains", key)?;
        blocking("contains", move || {
            let found = place.look().map_err(|error| root::fault("contains", error))?;
            Ok(found.is_some())
        })
        .await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        Walk::stream(Arc::clone(&self.root), self.key_space, prefix.to_owned())
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        let (from, to) = (self.place("copy", source)?, self.place("copy", destination)?);
        blocking("copy", move || match from.copy_to(&to) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::not_found("copy")),
            Err(error) => Err(root::fault("copy", error)),
        })
        .await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let (from, to) = (self.place("rename", source)?, self.place("rename", destination)?);
        blocking("rename", move || match from.rename_to(&to) {
            Ok(true) => Ok(()),
            Ok(false) => Err(Error::not_found("rename")),
            Err(error) => Err(root::fault("rename", error)),
        })
        .await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        let place = self.place("url_for", key)?;
        let path = utf8_percent_encode(place.path(), PATH);
        Ok(match &self.url_prefix {
            Some(prefix) => format!("{prefix}{path}"),
            None => format!("file://{}/{path}", percent_encode(&self.root.absolute_path(), PATH)),
        })
    }
}

impl fmt::Display for FilesystemStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "filesystem({})", self.root.location().display())
    }
}

impl fmt::Debug for FilesystemStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An address may hold a password.
        f.debug_struct("FilesystemStore")
            .field("root", &self.root.location())
            .field("key_space", &self.key_space)
            .field("has_url_prefix", &self.url_prefix.is_some())
            .finish()
    }
}
