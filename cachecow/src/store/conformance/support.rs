//! What the checks share.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::future::join_all;
use tokio::io::{AsyncRead, ReadBuf};

use super::super::{KeyValueStore, KeyValueStoreExt as _};
use crate::error::{Error, ErrorKind};

/// Several at a time, so that the check does not take too long with distant servers.
pub(super) async fn each(keys: &[String], act: impl AsyncFn(&str)) {
    for some in keys.chunks(16) {
        join_all(some.iter().map(|key| act(key))).await;
    }
}

pub(super) async fn assert_empty(store: &(impl KeyValueStore + ?Sized)) {
    let keys = expect(store.keys("").await, "keys");
    assert!(keys.is_empty(), "the store should be empty and has {keys:?}");
}

#[track_caller]
pub(super) fn expect<T, E: std::error::Error>(result: Result<T, E>, what: &str) -> T {
    result.unwrap_or_else(|error| panic!("{what:?} failed: {error} ({error:?})"))
}

#[track_caller]
pub(super) fn assert_kind<T>(result: Result<T, Error>, kind: ErrorKind, what: &str) {
    match result {
        Ok(_) => panic!("{what} succeeded and should have been refused as {kind:?}"),
        Err(error) => assert_eq!(error.kind(), kind, "{what}: {error} ({error:?})"),
    }
}

pub(super) fn folder() -> tempfile::TempDir {
    expect(tempfile::tempdir(), "a temporary folder")
}

/// Returns its bytes in slices of odd sizes, and then fails or ends.
pub(super) struct Slices {
    pub(super) bytes: Vec<u8>,
    pub(super) at: usize,
    pub(super) fails: bool,
}

impl AsyncRead for Slices {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = self.bytes.len() - self.at;
        if left == 0 && self.fails {
            return Poll::Ready(Err(io::Error::other("the reader broke off")));
        }
        let len = left.min(buffer.remaining()).min(7_919);
        buffer.put_slice(&self.bytes[self.at..self.at + len]);
        self.at += len;
        Poll::Ready(Ok(()))
    }
}

/// Must not be read.
pub(super) struct Untouchable;

impl AsyncRead for Untouchable {
    fn poll_read(
        self: Pin<&mut Self>,
        _context: &mut Context<'_>,
        _buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        panic!("a refused put reads nothing")
    }
}
