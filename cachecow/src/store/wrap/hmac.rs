//! Signed values: without the secret, nobody can change them unnoticed.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hmac::{KeyInit as _, Mac as _};
use async_trait::async_trait;
use bytes::{Buf as _, Bytes, BytesMut};
use sha2::Sha256;
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};
use tokio::time::Instant;

use super::super::spool::{SLICE, Spool};
use super::super::{Capabilities, KeyStream, KeyValueStore, Reader, Ttl};
use crate::error::{Error, ErrorKind};

/// The length of the signature after a value.
const TAG: usize = 32;

const MOVED: &str = "a value is signed for its key; get and put it instead";

/// A store that signs its values, and refuses values that were changed since.
///
/// It stores the value, followed by 32 bytes: the HMAC-SHA256 of the key's length (as 8 bytes, most significant
/// first), the key and the value. A value that was changed, cut, extended, copied from another key or signed with
/// another secret is [`Tampered`](ErrorKind::Tampered). It cannot detect that a value was replaced by an older
/// value of the same key, or deleted.
///
/// [`open`](KeyValueStore::open) reads and verifies the whole value before it returns the first byte; a value
/// longer than a megabyte is buffered in a temporary file. `contains` and listing verify nothing. `copy` and
/// `rename` are [`Unsupported`](ErrorKind::Unsupported), and so is `url_for`, because a reader of the address would
/// get the value unverified.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::store::Hmac;
/// use cachecow::{ErrorKind, KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let inner = MemoryStore::new();
/// let store = Hmac::new(inner.clone(), "a long random secret")?;
/// store.put("role-7", "user").await?;
/// assert_eq!(store.get("role-7").await?, "user");
///
/// inner.copy("role-7", "role-8").await?;
/// assert_eq!(store.get("role-8").await.unwrap_err().kind(), ErrorKind::Tampered);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Hmac<S> {
    store: S,
    /// The signer. It holds the secret only in a form that is wiped when dropped.
    signer: Signer,
    /// The signers of earlier secrets, for verification.
    previous: Vec<Signer>,
}

type Signer = ::hmac::Hmac<Sha256>;

impl<S: KeyValueStore> Hmac<S> {
    /// Wraps `store`, and signs its values with the secret: ideally 32 random bytes.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] for an empty secret.
    pub fn new(store: S, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        Ok(Self { store, signer: signer(secret.as_ref())?, previous: Vec::new() })
    }

    /// Returns this store, which also accepts values signed with a previous secret, while you put
    /// its values again with the new one.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidConfig`] for an empty secret.
    pub fn with_previous_secret(mut self, secret: impl AsRef<[u8]>) -> Result<Self, Error> {
        self.previous.push(signer(secret.as_ref())?);
        Ok(self)
    }

    /// Verifies a value of this key.
    fn check(&self, key: &str) -> Check {
        let signers = [&self.signer].into_iter().chain(&self.previous);
        Check(signers.map(|signer| begun(signer, key)).collect())
    }

    async fn verified(&self, key: &str, mut sealed: Reader) -> Result<Reader, Error> {
        let failed = |error| Reader::error("open", error);
        let (mut check, mut spool) = (self.check(key), Spool::default());
        // Its last bytes may belong to the tag.
        let mut slice = BytesMut::new();
        loop {
            slice.reserve(SLICE);
            if sealed.read_buf(&mut slice).await.map_err(failed)? == 0 {
                break;
            }
            let value = slice.split_to(slice.len().saturating_sub(TAG));
            check.update(&value);
            spool.write(&value).await.map_err(failed)?;
        }
        check.verify("open", &slice)?;
        spool.into_reader().await.map_err(failed)
    }
}

fn signer(secret: &[u8]) -> Result<Signer, Error> {
    let unusable = |what| Error::new(ErrorKind::InvalidConfig, format!("the HMAC secret {what}"));
    if secret.is_empty() {
        return Err(unusable("is empty; use 32 random bytes"));
    }
    Signer::new_from_slice(secret).map_err(|_| unusable("has a length that cannot be used"))
}

/// Includes the key and its length, so that a value of one key is never valid for another key.
fn begun(signer: &Signer, key: &str) -> Signer {
    let len = key.len() as u64;
    signer.clone().chain_update(len.to_be_bytes()).chain_update(key)
}

/// A value's tags, for each secret that may have signed it.
struct Check(Vec<Signer>);

impl Check {
    fn update(&mut self, value: &[u8]) {
        self.0.iter_mut().for_each(|signer| signer.update(value));
    }

    /// Checks that the tag is one of them, in constant time.
    fn verify(self, operation: &str, tag: &[u8]) -> Result<(), Error> {
        if self.0.into_iter().any(|signer| signer.verify_slice(tag).is_ok()) {
            return Ok(());
        }
        let why = "the stored value was changed, cut, extended, moved from another key, or signed with \
                   another secret; put it again, if it should be trusted";
        Err(Error::tampered(operation, why))
    }
}

#[async_trait]
impl<S: KeyValueStore> KeyValueStore for Hmac<S> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { copy: false, urls: false, ..self.store.capabilities() }
    }

    async fn get(&self, key: &str) -> Result<Bytes, Error> {
        let mut value = self.store.get(key).await?;
        let tag = value.split_off(value.len().saturating_sub(TAG));
        let mut check = self.check(key);
        check.update(&value);
        check.verify("get", &tag)?;
        Ok(value)
    }

    async fn open(&self, key: &str) -> Result<Reader, Error> {
        let sealed = self.store.open(key).await?;
        let (opened, expires_in) = (Instant::now(), sealed.expires_in());
        let value = self.verified(key, sealed).await?;
        // Verifying a long value takes time.
        Ok(value.with_expiry(expires_in.map(|left| left.saturating_sub(opened.elapsed()))))
    }

    async fn put_bytes(&self, key: &str, value: Bytes, ttl: Ttl) -> Result<(), Error> {
        let tag = begun(&self.signer, key).chain_update(&value).finalize().into_bytes();
        self.store.put_bytes(key, [&*value, &*tag].concat().into(), ttl).await
    }

    async fn put_reader(&self, key: &str, value: Reader, ttl: Ttl) -> Result<(), Error> {
        let len = value.len().map(|len| len + TAG as u64);
        let state = Sealing::Value(begun(&self.signer, key));
        let sealed = Reader::new(Sealed { value, state });
        let sealed = if let Some(len) = len { sealed.with_len(len) } else { sealed };
        self.store.put_reader(key, sealed, ttl).await
    }

    async fn delete(&self, key: &str) -> Result<(), Error> {
        self.store.delete(key).await
    }

    async fn contains(&self, key: &str) -> Result<bool, Error> {
        self.store.contains(key).await
    }

    fn iter_keys(&self, prefix: &str) -> KeyStream<'_> {
        self.store.iter_keys(prefix)
    }

    fn iter_prefixes(&self, delimiter: &str, prefix: &str) -> KeyStream<'_> {
        self.store.iter_prefixes(delimiter, prefix)
    }

    async fn copy(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.capabilities().check("copy", source)?;
        self.capabilities().check("copy", destination)?;
        Err(Error::unsupported("copy", MOVED))
    }

    async fn rename(&self, source: &str, destination: &str) -> Result<(), Error> {
        self.capabilities().check("rename", source)?;
        self.capabilities().check("rename", destination)?;
        Err(Error::unsupported("rename", MOVED))
    }

    async fn url_for(&self, key: &str) -> Result<String, Error> {
        self.capabilities().check("url_for", key)?;
        Err(Error::unsupported("url_for", "a reader of the address would get the value unverified"))
    }

    fn stored_as<'a>(&self, key: &'a str) -> Cow<'a, str> {
        self.store.stored_as(key)
    }
}

impl<S: fmt::Display> fmt::Display for Hmac<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "hmac({})", self.store)
    }
}

impl<S: fmt::Debug> fmt::Debug for Hmac<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hmac")
            .field("store", &self.store)
            .field("previous_secrets", &self.previous.len())
            .finish_non_exhaustive()
    }
}

/// A value followed by its tag.
struct Sealed {
    value: Reader,
    state: Sealing,
}

enum Sealing {
    Value(Signer),
    Tag(Bytes),
}

impl AsyncRead for Sealed {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        let Self { value, state } = &mut *self;
        if let Sealing::Value(signer) = state {
            // With an empty buffer, reading zero bytes does not mean the end.
            if buffer.remaining() == 0 {
                return Poll::Ready(Ok(()));
            }
            let start = buffer.filled().len();
            ready!(Pin::new(value).poll_read(context, buffer))?;
            let read = &buffer.filled()[start..];
            signer.update(read);
            if !read.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let tag = signer.clone().finalize().into_bytes();
            *state = Sealing::Tag(Bytes::copy_from_slice(&tag));
        }
        if let Sealing::Tag(tag) = state {
            let len = tag.len().min(buffer.remaining());
            buffer.put_slice(&tag[..len]);
            tag.advance(len);
        }
        Poll::Ready(Ok(()))
    }
}
