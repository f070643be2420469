//! Reading a value in slices.

use std::fmt;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use crate::error::Error;

/// The buffer for the next read if the length is not known.
const STEP: usize = 64 * 1024;

/// A value that is read in slices, as a tokio [`AsyncRead`].
///
/// An error of the store is wrapped in an [`io::Error`]; [`into_inner`](io::Error::into_inner)
/// returns it.
///
/// A known length is checked: if the value is shorter, reading fails with
/// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof); if it is longer, with
/// [`InvalidData`](io::ErrorKind::InvalidData). So if a store's connection breaks unnoticed, a part of a value is
/// never taken for the whole.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
/// use tokio::io::AsyncReadExt as _;
///
/// let store = MemoryStore::new();
/// store.put("greeting", "hello").await?;
/// let mut reader = store.open("greeting").await?;
/// let mut text = String::new();
/// reader.read_to_string(&mut text).await.expect("a store in memory does not fail");
/// assert_eq!(text, "hello");
/// # Ok(())
/// # }
/// ```
pub struct Reader {
    source: Source,
    len: Option<u64>,
    /// How many bytes were read.
    read: u64,
    expires_in: Option<Duration>,
}

enum Source {
    Bytes(Cursor<Bytes>),
    Stream(Pin<Box<dyn AsyncRead + Send>>),
}

impl Reader {
    /// Makes a reader of everything that `source` returns until its end.
    pub fn new(source: impl AsyncRead + Send + 'static) -> Self {
        Self { source: Source::Stream(Box::pin(source)), len: None, read: 0, expires_in: None }
    }

    /// Makes a reader of these bytes.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let len = Some(bytes.len() as u64);
        Self { source: Source::Bytes(Cursor::new(bytes)), len, read: 0, expires_in: None }
    }

    /// Returns this reader with a known length: reading fails if there are fewer or more than `len` bytes.
    #[must_use]
    pub fn with_len(self, len: u64) -> Self {
        Self { len: Some(len), ..self }
    }

    /// Returns this reader, for a value that expires in the store after this time.
    #[must_use]
    pub fn with_expiry(self, expires_in: Option<Duration>) -> Self {
        Self { expires_in, ..self }
    }

    /// Returns the total number of bytes, if it is known before reading.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Returns whether the value is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// Returns the remaining time to live when the value was opened; `None` if it does not expire, or the time is
    /// not known.
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// Reads the whole value into memory.
    ///
    /// # Errors
    ///
    /// The reader's own, and an error if the value does not have its announced length.
    pub async fn into_bytes(mut self) -> io::Result<Bytes> {
        if let Source::Bytes(bytes) = &mut self.source {
            let at = usize::try_from(bytes.position()).unwrap_or(usize::MAX);
            let bytes = bytes.get_mut();
            let rest = bytes.split_off(at.min(bytes.len()));
            self.count(rest.len())?;
            self.count(0)?;
            return Ok(rest);
        }
        // A claimed length reserves at most one step.
        let known = self.len.and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(known.min(STEP));
        loop {
            bytes.reserve(if bytes.capacity() == bytes.len() { STEP } else { 1 });
            if self.read_buf(&mut bytes).await? == 0 {
                return Ok(bytes.freeze());
            }
        }
    }

    /// Reads the whole value into memory, for a store that accepts at most `limit` bytes.
    #[cfg(any(
        feature = "redis",
        feature = "mongodb",
        feature = "mysql",
        feature = "postgres",
        feature = "sqlite"
    ))]
    pub(crate) async fn within(self, limit: u64, operation: &'static str) -> Result<Bytes, Error> {
        if self.len.is_some_and(|len| len > limit) {
            return Err(Error::too_large(operation, limit));
        }
        let source = match self.source {
            Source::Bytes(bytes) => Source::Bytes(bytes),
            Source::Stream(stream) => {
                Source::Stream(Box::pin(stream.take(limit.saturating_add(1))))
            }
        };
        let start = Self { source, ..self };
        let value = start.into_bytes().await.map_err(|error| Self::error(operation, error))?;
        if value.len() as u64 > limit { Err(Error::too_large(operation, limit)) } else { Ok(value) }
    }

    /// Counts the bytes that were read; zero means the end.
    fn count(&mut self, read: usize) -> io::Result<()> {
        self.read = self.read.saturating_add(read as u64);
        let (kind, what) = match self.len {
            Some(len) if read == 0 && self.read < len => (io::ErrorKind::UnexpectedEof, "fewer"),
            Some(len) if self.read > len => (io::ErrorKind::InvalidData, "more"),
            _ => return Ok(()),
        };
        Err(io::Error::new(kind, format!("the value has {what} bytes than were announced")))
    }

    /// Returns the store's error inside a failed read, or otherwise wraps the failure in one.
    pub fn error(operation: &'static str, error: io::Error) -> Error {
        match error.downcast::<Error>() {
            Ok(error) => error,
            Err(error) => Error::store(operation, error),
        }
    }
}

impl AsyncRead for Reader {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // With an empty buffer, reading zero bytes does not mean the end.
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(match &mut self.source {
            Source::Bytes(bytes) => Pin::new(bytes).poll_read(context, buffer),
            Source::Stream(stream) => stream.as_mut().poll_read(context, buffer),
        })?;
        let counted = self.count(buffer.filled().len() - before);
        if counted.is_err() {
            buffer.set_filled(before);
        }
        Poll::Ready(counted)
    }
}

impl From<Bytes> for Reader {
    fn from(bytes: Bytes) -> Self {
        Self::from_bytes(bytes)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader")
            .field("len", &self.len)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of bytes that are held, and of bytes that come in slices.
    fn readers(len: u64) -> [Reader; 2] {
        let bytes = Bytes::from_static(b"0123456789");
        let slices = Cursor::new(bytes.slice(..3)).chain(Cursor::new(bytes.slice(3..)));
        [Reader::from_bytes(bytes).with_len(len), Reader::new(slices).with_len(len)]
    }

    #[tokio::test]
    async fn a_value_has_the_length_that_was_announced() {
        for (len, expected) in [
            (10, None),
            (11, Some(io::ErrorKind::UnexpectedEof)),
            (u64::MAX, Some(io::ErrorKind::UnexpectedEof)),
            (9, Some(io::ErrorKind::InvalidData)),
            (0, Some(io::ErrorKind::InvalidData)),
        ] {
            for mut reader in readers(len) {
                let mut read = Vec::new();
                let error = reader.read_to_end(&mut read).await.map_err(|error| error.kind()).err();
                assert_eq!(error, expected, "{len}");
                assert!(read.len() as u64 <= len, "nothing is given out beyond it");
            }
            for mut reader in readers(len) {
                let start = reader.read_exact(&mut [0; 2]).await;
                assert_eq!(start.is_ok(), len >= 2, "{len}");
                let error = reader.into_bytes().await.map_err(|error| error.kind()).err();
                assert_eq!(error, expected, "{len}, after a slice");
            }
        }
    }

    #[tokio::test]
    async fn to_read_nothing_is_not_the_end() {
        for mut reader in readers(10) {
            assert_eq!(reader.read(&mut []).await.unwrap(), 0);
            assert_eq!(reader.into_bytes().await.unwrap(), "0123456789");
        }
    }

    #[cfg(feature = "redis")]
    #[tokio::test]
    async fn a_limit_keeps_the_promise() {
        for limit in [9, 10, 11, 100] {
            for (len, fits) in [(8, false), (9, false), (10, limit >= 10), (11, false)] {
                for reader in readers(len) {
                    assert_eq!(reader.within(limit, "put").await.is_ok(), fits, "{len}, {limit}");
                }
            }
        }
    }
}
