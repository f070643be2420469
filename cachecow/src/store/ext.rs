//! The methods for users of a store.

use std::future::Future;
use std::path::Path;

use futures_util::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use super::blocking::blocking;
use super::target::{self, Target};
use super::{KeyValueStore, Reader, Ttl, Value};
use crate::error::Error;

/// Further methods for users of a [`KeyValueStore`].
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// store.put("motd", "be kind").await?;
/// store.put_with_ttl("session", b"\x01\x02", Duration::from_secs(3600)).await?;
/// let mut out = Vec::new();
/// assert_eq!(store.get_into("motd", &mut out).await?, 7);
/// # Ok(())
/// # }
/// ```
pub trait KeyValueStoreExt: KeyValueStore {
    /// Stores the value with the store's default time to live, replacing any other value.
    fn put(
        &self,
        key: &str,
        value: impl Into<Value>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let value = value.into().into_bytes();
        async move { self.put_bytes(key, value, Ttl::StoreDefault).await }
    }

    /// Stores the value with a time to live: a [`Duration`](std::time::Duration) or a [`Ttl`].
    ///
    /// # Errors
    ///
    /// [`InvalidTtl`](crate::ErrorKind::InvalidTtl); [`Unsupported`](crate::ErrorKind::Unsupported) if the store
    /// has no times to live.
    fn put_with_ttl(
        &self,
        key: &str,
        value: impl Into<Value>,
        ttl: impl Into<Ttl>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let (value, ttl) = (value.into().into_bytes(), ttl.into());
        async move { self.put_bytes(key, value, ttl).await }
    }

    /// Stores the content of the file at `path`, in slices. The file is left as it is.
    ///
    /// If the file grows meanwhile, as a log does, the content up to its length at the beginning is stored. If it
    /// is cut meanwhile, the error is [`Store`](crate::ErrorKind::Store), and nothing has changed.
    fn put_file(
        &self,
        key: &str,
        path: impl AsRef<Path> + Send,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let path = path.as_ref().to_owned();
        async move {
            self.capabilities().check("put_file", key)?;
            let file = tokio::fs::File::open(path)
                .await
                .map_err(|error| Error::store("put_file", error))?;
            let metadata =
                file.metadata().await.map_err(|error| Error::store("put_file", error))?;
            // The length of a pipe or a device is meaningless, and the kernel's own files have length 0.
            let len = Some(metadata.len()).filter(|&len| metadata.is_file() && len > 0);
            let reader = match len {
                Some(len) => Reader::new(file.take(len)).with_len(len),
                None => Reader::new(file),
            };
            self.put_reader(key, reader, Ttl::StoreDefault).await
        }
    }

    /// Stores everything that `source` returns until its end, in slices.
    fn put_from(
        &self,
        key: &str,
        source: impl AsyncRead + Send + 'static,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let source = Reader::new(source);
        async move { self.put_reader(key, source, Ttl::StoreDefault).await }
    }

    /// Writes the value into the file at `path`, replacing it as a whole. Returns the number of bytes.
    ///
    /// If the key is absent, or reading fails, the file is left as it was. The new content has the permissions of
    /// the replaced file, and is never accessible to more users than that. A new file gets the permissions that the
    /// process's umask allows. If `path` is a symbolic link, the file that it points to is replaced or created, and
    /// the link stays. Another hard link to the file keeps the old content.
    ///
    /// # Errors
    ///
    /// [`Store`](crate::ErrorKind::Store), if the file cannot be written, or if `path` is not a file, but a folder,
    /// a pipe or a device. [`get_into`](Self::get_into) can write into pipes and devices.
    fn get_file(
        &self,
        key: &str,
        path: impl AsRef<Path> + Send,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let path = path.as_ref().to_owned();
        async move {
            let mut reader = self.open(key).await?;
            let Target { file, temporary, path } =
                blocking("get_file", move || target::open(path)).await?;
            let mut file = tokio::fs::File::from_std(file);
            let len = copy(&mut reader, &mut file, "get_file").await?;
            blocking("get_file", move || {
                temporary.persist(&path).map_err(|error| Error::store("get_file", error.error))
            })
            .await?;
            Ok(len)
        }
    }

    /// Writes the value into `target`, in slices, and flushes it. Returns the number of bytes.
    ///
    /// If the key is absent nothing is written; if reading fails, a part of the value may have been.
    fn get_into(
        &self,
        key: &str,
        target: &mut (impl AsyncWrite + Unpin + Send),
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        async move {
            let mut reader = self.open(key).await?;
            copy(&mut reader, target, "get_into").await
        }
    }

    /// Returns the keys of [`iter_keys`](KeyValueStore::iter_keys), collected and sorted.
    fn keys(&self, prefix: &str) -> impl Future<Output = Result<Vec<String>, Error>> + Send {
        let keys = self.iter_keys(prefix);
        async move {
            let mut keys: Vec<String> = keys.try_collect().await?;
            keys.sort_unstable();
            Ok(keys)
        }
    }
}

impl<S: KeyValueStore + ?Sized> KeyValueStoreExt for S {}

async fn copy(
    reader: &mut Reader,
    target: &mut (impl AsyncWrite + Unpin + Send),
    operation: &'static str,
) -> Result<u64, Error> {
    let failed = |error| Reader::error(operation, error);
    let len = tokio::io::copy(reader, target).await.map_err(failed)?;
    target.flush().await.map_err(failed)?;
    Ok(len)
}
