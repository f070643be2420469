//! Any text as a key.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future;
use futures_util::{StreamExt as _, TryStreamExt as _};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::super::{Capabilities, KeySpace, KeyStream, KeyValueStore, Reader, Ttl, prefixes};
use crate::error::Error;

/// All characters except RFC 3986's unreserved ones: ASCII letters, digits and `-._~`.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A store that accepts any text as a key, and percent-encodes it for the wrapped store.
///
/// A byte of a key that is not an ASCII letter, a digit or one of `-._~` takes three of the store's 250 characters.
/// Names in the store that are not such an encoding are not listed.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::UrlEncode;
/// use cachecow::{KeyValueStoreExt as _, MemoryStore};
///
/// let inner = MemoryStore::new();
/// let store = UrlEncode::new(inner.clone());
/// store.put("café/au lait", "3.20").await?;
/// assert_eq!(store.keys("café").await?, ["café/au lait"]);
/// assert_eq!(inner.keys("").await?, ["caf%C3%A9%2Fau%20lait"]);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// A key that is empty, or too long when it is encoded, is
/// [`InvalidKey`](crate::ErrorKind::InvalidKey).
#[derive(Clone, Debug)]
pub struct UrlEncode<S> {
    store: S,
}

impl<S: KeyValueStore> UrlEncode<S> {
    /// Wraps `store`, and accepts any text as a key.
    pub fn new(store: S) -> Self {
        Self { store }
    }

    fn encoded(&self, operation: &str, key: &str) -> Result<String, Error> {
        KeySpace::Text.check(operation, key)?;
        let name = encode(key);
        match self.store.capabilities().max_key_len {
            Some(max) if name.len() > max => {
                let len = name.len();
                let why =
                    format!("has {len} characters when it is URL-encoded, and {max} are allowed");
                Err(Error::invalid_key(operation, &why))
            }
            _ => Ok(name),
        }
    }
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// The key with this name in the store, if it is an encoding.
fn decode(name: &str) -> Option<String> {
    let key = percent_decode_str(name).decode_utf8().ok()?;
    (!key.is_empty() && encode(&key) == name).then(|| key.into_owned())
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for UrlEncode<S> {
    fn capabilities(&self) -> Capabilities {
        let inner = self.store.capabilities();
        // The maximum length of a key depends on its characters.
        Capabilities { key_space: KeySpace::Text, max_key_len: None, ..inner }
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        self.store.get(&self.encoded("get", key)?).await
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        self.store.open(&self.encoded("open", key)?).await
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        self.store.put_bytes(&self.encoded("put", key)?, value, ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        self.store.put_reader(&self.encoded("put", key)?, value, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.store.delete(&self.encoded("delete", key)?).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.store.contains(&self.encoded("contains", key)?).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        // Each byte is encoded separately, so prefixes stay prefixes.
        let names = self.store.iter_keys(&encode(prefix));
        names.try_filter_map(|name| future::ready(Ok(decode(&name)))).boxed()
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        // The store might find the delimiter inside the encoding of another character.
        prefixes(self.iter_keys(prefix), delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        let source = self.encoded("copy", source)?;
        self.store.copy(&source, &self.encoded("copy", destination)?).await
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        let source = self.encoded("rename", source)?;
        self.store.rename(&source, &self.encoded("rename", destination)?).await
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.store.url_for(&self.encoded("url_for", key)?).await
    }

    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        Cow::Owned(self.store.stored_as(&encode(key)).into_owned())
    }
}

impl<S: fmt::Display> fmt::Display for UrlEncode<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "url-encode({})", self.store)
    }
}
