//! A value as it is read.

use std::fmt;
use std::io::{self, Cursor};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _, ReadBuf};

use crate::Error;

/// How much room is made for the next read where the length is not known.
const STEP: usize = 64 * 1024;

/// A value that is read in slices, as a tokio [`AsyncRead`].
///
/// An error of the store comes wrapped into an [`io::Error`], from which
/// [`into_inner`](io::Error::into_inner) gives it back.
pub struct Reader {
    source: Source,
    len: Option<u64>,
    expires_in: Option<Duration>,
}

enum Source {
    Bytes(Cursor<Bytes>),
    Stream(Pin<Box<dyn AsyncRead + Send>>),
}

impl Reader {
    /// A reader of what `source` gives until its end.
    pub fn new(source: impl AsyncRead + Send + 'static) -> Self {
        Self { source: Source::Stream(Box::pin(source)), len: None, expires_in: None }
    }

    /// A reader of these bytes.
    pub fn from_bytes(bytes: Bytes) -> Self {
        let len = Some(bytes.len() as u64);
        Self { source: Source::Bytes(Cursor::new(bytes)), len, expires_in: None }
    }

    /// This reader, which is known to give `len` bytes.
    #[must_use]
    pub fn with_len(self, len: u64) -> Self {
        Self { len: Some(len), ..self }
    }

    /// This reader of a value that the store will forget after this time.
    #[must_use]
    pub fn with_expiry(self, expires_in: Option<Duration>) -> Self {
        Self { expires_in, ..self }
    }

    /// How many bytes the value has in all, if that is known before it is read.
    pub fn len(&self) -> Option<u64> {
        self.len
    }

    /// Whether the value is known to be empty.
    pub fn is_empty(&self) -> bool {
        self.len == Some(0)
    }

    /// How long the value had to live when it was opened; `None` is for ever, or not known.
    pub fn expires_in(&self) -> Option<Duration> {
        self.expires_in
    }

    /// The whole value, in memory.
    ///
    /// # Errors
    ///
    /// The reader's own.
    pub async fn into_bytes(mut self) -> io::Result<Bytes> {
        if let Source::Bytes(bytes) = &mut self.source {
            let at = usize::try_from(bytes.position()).unwrap_or(usize::MAX);
            let bytes = bytes.get_mut();
            return Ok(bytes.split_off(at.min(bytes.len())));
        }
        // A claimed length is not believed beyond a step.
        let known = self.len.and_then(|len| usize::try_from(len).ok()).unwrap_or(0);
        let mut bytes = BytesMut::with_capacity(known.min(STEP));
        loop {
            bytes.reserve(if bytes.capacity() == bytes.len() { STEP } else { 1 });
            if self.read_buf(&mut bytes).await? == 0 {
                return Ok(bytes.freeze());
            }
        }
    }

    /// The whole value, in memory, for a store that takes no more than `limit` bytes.
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
        let start = match self.source {
            Source::Bytes(_) => self,
            Source::Stream(stream) => Self::new(stream.take(limit.saturating_add(1))),
        };
        let value = start.into_bytes().await.map_err(|error| Self::error(operation, error))?;
        if value.len() as u64 > limit { Err(Error::too_large(operation, limit)) } else { Ok(value) }
    }

    /// The error of the store that a read failed with, or else the failure as one.
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
        match &mut self.source {
            Source::Bytes(bytes) => Pin::new(bytes).poll_read(context, buffer),
            Source::Stream(stream) => stream.as_mut().poll_read(context, buffer),
        }
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
