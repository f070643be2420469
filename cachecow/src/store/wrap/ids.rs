//! Values that are put without a key.

use std::fmt;
use std::path::Path;

use async_trait::async_trait;
use bytes::Bytes;
use tokio::io::AsyncRead;

use super::super::kv::forward;
use super::super::{
    Capabilities, KeyStream, KeyValueStore, KeyValueStoreExt as _, Reader, Ttl, Value,
};
use crate::error::{Error, ErrorKind};

/// A store that chooses keys itself: random ones, or the content's hash.
///
/// With keys, it works like any store. In addition it has [`add`](Self::add),
/// [`add_file`](Self::add_file) and [`add_from`](Self::add_from), which choose and return the key.
/// They use the store's default time to live.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::WithIds;
/// use cachecow::{KeyValueStore as _, MemoryStore};
///
/// let store = WithIds::uuid(MemoryStore::new()).with_template("note-{}.txt")?;
/// let key = store.add("remember the milk").await?;
/// assert!(key.starts_with("note-") && key.ends_with(".txt"));
/// assert_eq!(store.get(&key).await?, "remember the milk");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct WithIds<S> {
    store: S,
    ids: Ids,
    /// The text before and after an id.
    around: [String; 2],
}

#[derive(Clone, Copy, Debug)]
enum Ids {
    Uuid,
    #[cfg(feature = "hmac")]
    Sha256,
}

impl<S: KeyValueStore> WithIds<S> {
    /// Wraps `store`, with random UUIDs (version 4) as keys.
    pub fn uuid(store: S) -> Self {
        Self { store, ids: Ids::Uuid, around: Default::default() }
    }

    /// Wraps `store`, with the SHA-256 of the content as keys, in 64 hexadecimal digits (feature `hmac`).
    ///
    /// The same content has the same key: adding it again stores it again, which is not an error.
    #[cfg(feature = "hmac")]
    pub fn sha256(store: S) -> Self {
        Self { store, ids: Ids::Sha256, around: Default::default() }
    }

    /// Returns this store with keys made from a template, which has one `{}` for the id, as in
    /// `img-{}.jpg`.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`], if it does not have exactly one `{}`, or the store does not accept such keys.
    pub fn with_template(self, template: &str) -> Result<Self, Error> {
        let unusable = |why: String| {
            Error::new(ErrorKind::InvalidConfig, format!("the template cannot be used: {why}"))
        };
        let places = template.matches("{}").count();
        let Some((before, after)) = template.split_once("{}").filter(|_| places == 1) else {
            let why =
                format!("it has `{{}}` {places} times, but needs it once, as in `img-{{}}.jpg`");
            return Err(unusable(why));
        };
        let around = [before, after].map(str::to_owned);
        let made = Self { around, ..self };
        // For a store, all ids have the same form.
        let example = made.key(&"0".repeat(made.ids.len()));
        made.capabilities()
            .check("with_template", &example)
            .map_err(|error| unusable(error.to_string()))?;
        Ok(made)
    }

    /// Stores the value under a new key, or the key of its content, and returns the key.
    ///
    /// # Errors
    ///
    /// The store's. [`ErrorKind::InvalidKey`], if such keys are too long for it.
    pub async fn add(&self, value: impl Into<Value> + Send) -> Result<String, Error> {
        let value = value.into().into_bytes();
        let key = match self.ids {
            Ids::Uuid => self.random_key("add")?,
            #[cfg(feature = "hmac")]
            Ids::Sha256 => self.key(&digest::of(&value)),
        };
        self.store.put_bytes(&key, value, Ttl::StoreDefault).await?;
        Ok(key)
    }

    /// Stores the file's content, in slices, under a new key, or the key of its content, and
    /// returns the key. The file is left as it is.
    ///
    /// # Errors
    ///
    /// The store's. [`ErrorKind::Store`], if the file cannot be read.
    pub async fn add_file(&self, path: impl AsRef<Path> + Send) -> Result<String, Error> {
        match self.ids {
            Ids::Uuid => {
                let key = self.random_key("add_file")?;
                self.store.put_file(&key, path).await?;
                Ok(key)
            }
            #[cfg(feature = "hmac")]
            Ids::Sha256 => {
                let file = tokio::fs::File::open(path).await;
                self.add_hashed("add_file", file.map_err(|error| Error::store("add_file", error))?)
                    .await
            }
        }
    }

    /// Stores everything that `source` returns until its end, in slices, under a new key, or the
    /// key of its content, and returns the key.
    ///
    /// To compute the hash of more than a megabyte, it writes the content to a temporary file first.
    ///
    /// # Errors
    ///
    /// The store's. [`ErrorKind::Store`], if the source cannot be read.
    pub async fn add_from(&self, source: impl AsyncRead + Send + 'static) -> Result<String, Error> {
        match self.ids {
            Ids::Uuid => {
                let key = self.random_key("add_from")?;
                self.store.put_from(&key, source).await?;
                Ok(key)
            }
            #[cfg(feature = "hmac")]
            Ids::Sha256 => self.add_hashed("add_from", source).await,
        }
    }

    #[cfg(feature = "hmac")]
    async fn add_hashed(
        &self,
        operation: &'static str,
        source: impl AsyncRead + Send + 'static,
    ) -> Result<String, Error> {
        let hashed = digest::of_all(source).await;
        let (id, value) = hashed.map_err(|error| Reader::error(operation, error))?;
        let key = self.key(&id);
        self.store.put_reader(&key, value, Ttl::StoreDefault).await?;
        Ok(key)
    }

    fn random_key(&self, operation: &str) -> Result<String, Error> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| Error::store(operation, error))?;
        let id = uuid::Builder::from_random_bytes(random).into_uuid();
        Ok(self.key(&id.hyphenated().to_string()))
    }

    fn key(&self, id: &str) -> String {
        let [before, after] = &self.around;
        [before, id, after].concat()
    }
}

impl Ids {
    fn len(self) -> usize {
        match self {
            Self::Uuid => uuid::fmt::Hyphenated::LENGTH,
            #[cfg(feature = "hmac")]
            Self::Sha256 => 64,
        }
    }
}

#[cfg(feature = "hmac")]
mod digest {
    use std::io;
    use std::pin::pin;

    use bytes::BytesMut;
    use sha2::{Digest as _, Sha256};
    use tokio::io::{AsyncRead, AsyncReadExt as _};

    use super::super::super::Reader;
    use super::super::super::spool::{SLICE, Spool};
    use crate::hex::hex;

    pub(super) fn of(value: &[u8]) -> String {
        text(Sha256::new().chain_update(value))
    }

    /// Returns the hash of everything that a source returns, and a reader of the same content.
    pub(super) async fn of_all(source: impl AsyncRead) -> io::Result<(String, Reader)> {
        let mut source = pin!(source);
        let (mut hash, mut spool, mut slice) =
            (Sha256::new(), Spool::default(), BytesMut::with_capacity(SLICE));
        while source.read_buf(&mut slice).await? > 0 {
            hash.update(&slice);
            spool.write(&slice).await?;
            slice.clear();
        }
        Ok((text(hash), spool.into_reader().await?))
    }

    fn text(hash: Sha256) -> String {
        hex(&hash.finalize())
    }
}

forward!([S: KeyValueStore] WithIds<S>, |this| this.store);

impl<S: fmt::Display> fmt::Display for WithIds<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "with-ids({})", self.store)
    }
}
