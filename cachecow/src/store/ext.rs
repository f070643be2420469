//! What the users of a store call.

use std::future::Future;
use std::path::{Path, PathBuf};

use futures_util::TryStreamExt as _;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};

use super::blocking::blocking;
use super::{KeyValueStore, Reader, Ttl, Value};
use crate::Error;

/// What the users of a [`KeyValueStore`] call besides its own methods.
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
    /// Stores the value, replacing any, for as long as the store keeps values by default.
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
    /// [`InvalidTtl`](crate::ErrorKind::InvalidTtl); [`Unsupported`](crate::ErrorKind::Unsupported) where
    /// the store has no times to live.
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
            let reader = Reader::new(file);
            // Of a pipe or a device the length says nothing.
            let known = metadata.is_file();
            let reader = if known { reader.with_len(metadata.len()) } else { reader };
            self.put_reader(key, reader, Ttl::StoreDefault).await
        }
    }

    /// Stores what `source` gives until its end, in slices.
    fn put_from(
        &self,
        key: &str,
        source: impl AsyncRead + Send + 'static,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        let source = Reader::new(source);
        async move { self.put_reader(key, source, Ttl::StoreDefault).await }
    }

    /// Writes the value into the file at `path`, replacing it as a whole; how many bytes there were.
    ///
    /// If the key is absent, or reading fails, the file is left as it was.
    fn get_file(
        &self,
        key: &str,
        path: impl AsRef<Path> + Send,
    ) -> impl Future<Output = Result<u64, Error>> + Send {
        let path = path.as_ref().to_owned();
        async move {
            let mut reader = self.open(key).await?;
            let (file, temporary) = beside(path.clone()).await?;
            let mut file = tokio::fs::File::from_std(file);
            let len = copy(&mut reader, &mut file, "get_file").await?;
            blocking("get_file", move || {
                temporary.persist(&path).map_err(|error| Error::store("get_file", error.error))
            })
            .await?;
            Ok(len)
        }
    }

    /// Writes the value into `target`, in slices, and flushes it; how many bytes there were.
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

    /// [`iter_keys`](KeyValueStore::iter_keys), collected and sorted.
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

/// A temporary file in the folder of `path`, to be moved there; it vanishes if it is not.
async fn beside(path: PathBuf) -> Result<(std::fs::File, tempfile::TempPath), Error> {
    blocking("get_file", move || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut builder = tempfile::Builder::new();
        // As any new file: the process's umask applies.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let file = builder.prefix(".").suffix(".part");
        let file = file.tempfile_in(folder.unwrap_or(Path::new(".")));
        let file = file.map_err(|error| Error::store("get_file", error))?;
        Ok(file.into_parts())
    })
    .await
}
