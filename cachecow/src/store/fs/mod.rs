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

/// What stays as it is in the path of an address.
const PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// A store of one file a key in a folder, the root. Clones are one store.
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
/// A key is its file's name, so that a folder of files can be used as it is. With
/// [`KeySpace::Extended`] a `/` in a key makes a folder. Only a segment that is empty, `.` or `..`,
/// or begins with `%`, gets one `%` put before it. Of two keys of which one would have to be a file
/// and the other a folder, such as `a` and `a/b`, the second to be stored is refused with
/// [`Store`](crate::ErrorKind::Store).
///
/// Where the file system does not tell upper case from lower, neither does the store: `K` and `k`
/// are one key there. It is tested on Unix.
///
/// # Reach
///
/// Nothing outside of the root is read, written, listed or deleted. A symbolic link that leads out
/// makes every operation on its key fail with [`Store`](crate::ErrorKind::Store), and is not
/// listed. One that stays inside is followed, except that listing does not enter a linked folder. The
/// value then has two keys. A `put` with the file's own key is seen by both, and one with the link's replaces
/// the link, so that there are two values. A `CacheDecorator` in front of the store knows nothing of links:
/// after a change by one key it may serve the old value by the other, for its time to live.
/// What is neither a file nor leads to one is no value: it is not found, not listed, and not
/// replaced.
///
/// # Consistency
///
/// A value is written to a new file in the folder `%tmp` below the root, brought to the disk, and
/// moved to its place in one step; the folder's entry is on the disk as well before a `put`
/// returns. A crash, of the process or the machine, leaves the old value or the new one. What it
/// leaves in `%tmp` is removed by [`open`](Self::open) when it is a day old. A change whose very
/// last step failed, bringing the folder's entry to the disk, has happened nevertheless.
///
/// A reader goes on reading the value that it opened, whatever becomes of the key, and no further than
/// the value went then. A copy or move takes the value as it then is. New files have the permissions that the
/// process's umask leaves.
///
/// On Linux a listing has every key of a folder that was there while the folder was read, however often
/// its value is replaced meanwhile; a network's file system that gives a folder in parts, and other
/// systems, may miss such a key. A folder is read when the listing comes to it, and its names are in memory
/// until they are listed, with those of the folders above it.
///
/// # Cancellation
///
/// If the future of a `put` is dropped before the whole value was read, nothing happens and nothing
/// is left over; after that it happens as a whole.
///
/// # Runtime
///
/// Tokio, whose threads for blocking work do it all.
#[derive(Clone)]
pub struct FilesystemStore {
    root: Arc<Root>,
    key_space: KeySpace,
    url_prefix: Option<Arc<str>>,
}

impl FilesystemStore {
    /// The store in this folder, which must exist.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if there is no such folder or it cannot be used.
    pub async fn open(root: impl AsRef<Path>) -> Result<Self, Error> {
        Self::at("open", root.as_ref(), false).await
    }

    /// The store in this folder, which is made if it does not exist, with the folders above it.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if the folder cannot be made or used.
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

    /// This store with other keys allowed. Default: [`KeySpace::Standard`].
    ///
    /// Not every text can be a file's name: [`KeySpace::Text`] is taken as [`KeySpace::Extended`].
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    /// This store with this before the percent-encoded path of a key's file, for a web server that
    /// serves the root. Default: `file://` and the root's path.
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
            // If this future is dropped, the file goes when the slice is written.
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
