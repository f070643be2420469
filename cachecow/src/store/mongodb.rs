//! A store in a collection of MongoDB.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use mongodb::bson::raw::{RawBinaryRef, cstr};
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{RawDocumentBuf, doc};
use mongodb::error::{ErrorKind as Failure, WriteFailure};
use mongodb::options::ClientOptions;
use mongodb::{Client, Collection};

use super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::{Error, ErrorKind};

/// How long to wait for a server, unless the URL says otherwise.
const TIMEOUT: Duration = Duration::from_secs(5);

/// How often an operation is retried after a conflict with others.
const RETRIES: usize = 20;

/// How many keys are listed at a time.
const PAGE: u32 = 1_000;

/// Greater than every character of a key: all keys with a prefix come before the prefix with this character.
const BEYOND: char = '\x7f';

/// A store in a collection of MongoDB, as documents `{_id: key, v: value}`. Clones are one store.
///
/// ```no_run
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStoreExt as _, MongoStore};
///
/// let store = MongoStore::open("mongodb://localhost/shop", "values").await?;
/// store.put("k", "v").await?;
/// # Ok(())
/// # }
/// ```
///
/// There are no times to live. The collection must have no collation, or keys that differ only by case
/// may be taken for one.
///
/// # Errors
///
/// A value of more than [`MAX_VALUE_LEN`](Self::MAX_VALUE_LEN) bytes is
/// [`TooLarge`](crate::ErrorKind::TooLarge). A server that cannot be reached is
/// [`Store`](crate::ErrorKind::Store) after five seconds, or the URL's `serverSelectionTimeoutMS`.
///
/// # Consistency
///
/// As the URL's read and write concerns say. `copy` and `rename` take more than one step: a reader may meanwhile,
/// or after a crash, find a renamed value under both keys, but never under neither. A value that is put at the
/// source meanwhile is moved too, or stays there; it may be lost only if this process dies at that moment. If one
/// key is renamed twice at the same time, both renames may succeed.
///
/// # Cancellation
///
/// Once there is a connection, a method waits for the server without a limit: use
/// `tokio::time::timeout` to set one.
///
/// # Runtime
///
/// Tokio, with its time and I/O drivers enabled.
#[derive(Clone)]
pub struct MongoStore {
    collection: Collection<RawDocumentBuf>,
    key_space: KeySpace,
}

impl MongoStore {
    /// The largest value, in bytes: the server's limit of 16 MiB for a document, minus 1 KiB for the rest of the
    /// document.
    pub const MAX_VALUE_LEN: u64 = (16 << 20) - (1 << 10);

    /// Opens a store in a collection of the URL's database: `mongodb://user:password@host/database`, or the same
    /// with `mongodb+srv`. It connects on first use.
    ///
    /// # Errors
    ///
    /// [`InvalidUrl`](crate::ErrorKind::InvalidUrl), also if the URL names no database;
    /// [`Store`](crate::ErrorKind::Store) if a `mongodb+srv` name cannot be resolved.
    pub async fn open(url: &str, collection: &str) -> Result<Self, Error> {
        let mut options = ClientOptions::parse(url).await.map_err(|error| match *error.kind {
            Failure::DnsResolve { .. } => Error::store("open", error),
            // The cause may quote the URL, and with it a password.
            _ => Error::new(
                ErrorKind::InvalidUrl,
                "open: the URL is malformed; write `mongodb://user:password@host/database`, and in a \
                 password write `@`, `:`, `/`, `?`, `#` and `%` as `%40`, `%3A`, `%2F`, \
                 `%3F`, `%23` and `%25`",
            ),
        })?;
        let Some(database) = options.default_database.clone() else {
            let message = "open: the URL names no database; write `mongodb://host/database`";
            return Err(Error::new(ErrorKind::InvalidUrl, message));
        };
        options.server_selection_timeout.get_or_insert(TIMEOUT);
        options.connect_timeout.get_or_insert(TIMEOUT);
        let client = Client::with_options(options).map_err(|_| {
            Error::new(ErrorKind::InvalidUrl, "open: the URL's options are invalid")
        })?;
        Ok(Self::on(&client.database(&database).collection::<RawDocumentBuf>(collection)))
    }

    /// Makes a store in this collection of a mongodb 3 client (feature `mongodb-3`).
    #[cfg(feature = "mongodb-3")]
    pub fn new<T: Send + Sync>(collection: &Collection<T>) -> Self {
        Self::on(collection)
    }

    fn on<T: Send + Sync>(collection: &Collection<T>) -> Self {
        Self { collection: collection.clone_with_type(), key_space: KeySpace::Standard }
    }

    /// Returns this store with another key space. Default: [`KeySpace::Standard`].
    ///
    /// A document's size has a limit, so [`KeySpace::Text`] is treated as [`KeySpace::Extended`]. To use any text
    /// as a key, wrap the store in `UrlEncode`.
    #[must_use]
    pub fn with_key_space(self, key_space: KeySpace) -> Self {
        Self { key_space: key_space.bounded(), ..self }
    }

    async fn value(&self, operation: &'static str, key: &str) -> Result<Bytes, Error> {
        self.key_space.check(operation, key)?;
        let found = self.collection.find_one(doc! { "_id": key }).await;
        let Some(document) = found.map_err(|error| Error::store(operation, error))? else {
            return Err(Error::not_found(operation));
        };
        let value = document.get_binary("v").map_err(|error| Error::store(operation, error))?;
        Ok(Bytes::copy_from_slice(value.bytes))
    }

    async fn exists(&self, operation: &'static str, key: &str) -> Result<bool, Error> {
        self.key_space.check(operation, key)?;
        let found = self.collection.find_one(doc! { "_id": key }).projection(doc! { "_id": 1 });
        Ok(found.await.map_err(|error| Error::store(operation, error))?.is_some())
    }

    async fn store(&self, operation: &'static str, key: &str, value: &[u8]) -> Result<(), Error> {
        let mut document = RawDocumentBuf::new();
        document.append(cstr!("_id"), key);
        let value = RawBinaryRef { subtype: BinarySubtype::Generic, bytes: value };
        document.append(cstr!("v"), value);
        let mut tried = 0;
        loop {
            let put = self.collection.replace_one(doc! { "_id": key }, &document).upsert(true);
            match put.await {
                Err(error) if is_conflict(&error.kind) && tried < RETRIES => tried += 1,
                result => return result.map(drop).map_err(|error| Error::store(operation, error)),
            }
        }
    }

    /// Copies or moves a key onto itself.
    async fn keep(&self, operation: &'static str, key: &str) -> Result<(), Error> {
        if self.exists(operation, key).await? { Ok(()) } else { Err(Error::not_found(operation)) }
    }

    async fn list(&self, prefix: String) -> Result<KeyStream<'_>, Error> {
        let failed = |error| Error::store("iter_keys", error);
        let to = format!("{prefix}{BEYOND}");
        let keys = self
            .collection
            .find(doc! { "_id": { "$gte": prefix, "$lt": to } })
            .projection(doc! { "_id": 1 })
            .sort(doc! { "_id": 1 })
            .batch_size(PAGE);
        let keys = keys.await.map_err(failed)?.map(move |document| {
            let document = document.map_err(failed)?;
            let key = document.get_str("_id").map_err(|error| Error::store("iter_keys", error))?;
            Ok(key.to_owned())
        });
        // Others may write into the collection.
        let valid = |key: &String| std::future::ready(self.key_space.contains(key));
        Ok(keys.try_filter(valid).boxed())
    }
}

/// Whether two upserts of a new key conflicted, so that the server rejected one.
fn is_conflict(failure: &Failure) -> bool {
    let code = match failure {
        Failure::Write(WriteFailure::WriteError(error)) => error.code,
        Failure::Command(error) => error.code,
        _ => return false,
    };
    // Duplicate key, write conflict.
    matches!(code, 11_000 | 112)
}

#[async_trait]
impl KeyValueStore for MongoStore {
    fn capabilities(&self) -> Capabilities {
        Capabilities::of(self.key_space).with_copy()
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.value("get", key).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        Ok(Reader::from_bytes(self.value("open", key).await?))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.put_reader(key, Reader::from_bytes(value), ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.key_space.check("put", key)?;
        ttl.refuse()?;
        let value = value.within(Self::MAX_VALUE_LEN, "put").await?;
        self.store("put", key, &value).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.key_space.check("delete", key)?;
        let deleted = self.collection.delete_one(doc! { "_id": key }).await;
        deleted.map(drop).map_err(|error| Error::store("delete", error))
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.exists("contains", key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        if !prefix.is_empty() && !self.key_space.contains(prefix) {
            // No key has this prefix.
            return stream::empty().boxed();
        }
        stream::once(self.list(prefix.to_owned())).try_flatten().boxed()
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("copy", destination)?;
        if source == destination {
            return self.keep("copy", source).await;
        }
        let value = self.value("copy", source).await?;
        self.store("copy", destination, &value).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.key_space.check("rename", destination)?;
        if source == destination {
            return self.keep("rename", source).await;
        }
        let value = self.value("rename", source).await?;
        self.store("rename", destination, &value).await?;
        let taken = self.collection.find_one_and_delete(doc! { "_id": source }).await;
        let taken = taken.map_err(|error| Error::store("rename", error))?;
        match taken.as_ref().and_then(|document| document.get_binary("v").ok()) {
            // Someone has put another value meanwhile; it is moved too.
            Some(newer) if newer.bytes != value => {
                self.store("rename", destination, newer.bytes).await
            }
            // `None`: someone has removed it meanwhile.
            _ => Ok(()),
        }
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.key_space.check("url_for", key)?;
        Err(Error::unsupported("url_for", "a document has no address"))
    }
}

impl fmt::Display for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mongodb:{}", self.collection.namespace())
    }
}

impl fmt::Debug for MongoStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoStore")
            .field("collection", &self.collection.namespace().to_string())
            .field("key_space", &self.key_space)
            .finish()
    }
}
