//! Values that are sent in parts.

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, WriteMultipart};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;

use super::Service;
use super::error::failed;
use crate::error::Error;
use crate::store::Reader;

/// The smallest part; a value that is not longer is sent as a whole.
const PART: usize = 8 * 1024 * 1024;

/// How many parts are under way at once. One more is being filled.
const PARTS_UNDER_WAY: usize = 3;

/// How many parts a value of known length has at most; services take 10,000.
const MOST_PARTS: u64 = 9_000;

/// Stores a value that is in memory.
pub(super) async fn put_bytes(
    service: &dyn Service,
    path: &Path,
    mut value: Bytes,
) -> Result<(), Error> {
    if value.len() <= PART {
        return put_whole(service, path, value).await;
    }
    let part = part_len(Some(value.len() as u64));
    let mut upload = Upload::start(service, path, part).await?;
    while !value.is_empty() {
        let next = value.split_to(part.min(value.len()));
        upload.send(next).await?;
    }
    upload.finish().await
}

/// Stores a value from a reader, with only the parts under way in memory.
pub(super) async fn put_reader(
    service: &dyn Service,
    path: &Path,
    mut value: Reader,
) -> Result<(), Error> {
    let part = part_len(value.len());
    // The buffer grows as needed: most values are short.
    let first = read_part(&mut value, part, BytesMut::new()).await?;
    if first.len() < part {
        return put_whole(service, path, first).await;
    }
    let mut upload = Upload::start(service, path, part).await?;
    let mut next = first;
    loop {
        let is_last = next.len() < part;
        upload.send(next).await?;
        if is_last {
            return upload.finish().await;
        }
        next = match read_part(&mut value, part, BytesMut::with_capacity(part)).await {
            Ok(next) => next,
            Err(error) => {
                upload.abort().await;
                return Err(error);
            }
        };
    }
}

async fn put_whole(service: &dyn Service, path: &Path, value: Bytes) -> Result<(), Error> {
    service.put(path, value.into()).await.map_err(|error| failed("put", error))?;
    Ok(())
}

/// The length of a part. It is larger for a value that is known to be very long, so that there are not too many
/// parts.
fn part_len(value_len: Option<u64>) -> usize {
    let len = value_len.unwrap_or(0).div_ceil(MOST_PARTS);
    usize::try_from(len).unwrap_or(usize::MAX).max(PART)
}

/// Reads the next part: `len` bytes, or fewer at the end of the reader.
async fn read_part(value: &mut Reader, len: usize, mut part: BytesMut) -> Result<Bytes, Error> {
    let mut rest = value.take(len as u64);
    while part.len() < len {
        part.reserve((len - part.len()).min(64 * 1024));
        let read = rest.read_buf(&mut part).await;
        if read.map_err(|error| Reader::error("put", error))? == 0 {
            break;
        }
    }
    Ok(part.freeze())
}

/// An upload that is aborted if it is dropped before it is finished, so that no part of it stays.
struct Upload {
    parts: Option<WriteMultipart>,
}

impl Upload {
    async fn start(service: &dyn Service, path: &Path, part: usize) -> Result<Self, Error> {
        let upload = service.put_multipart(path).await.map_err(|error| failed("put", error))?;
        Ok(Self { parts: Some(WriteMultipart::new_with_chunk_size(upload, part)) })
    }

    async fn send(&mut self, part: Bytes) -> Result<(), Error> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        match parts.wait_for_capacity(PARTS_UNDER_WAY).await {
            Ok(()) => {
                parts.put(part);
                Ok(())
            }
            Err(error) => {
                self.abort().await;
                Err(failed("put", error))
            }
        }
    }

    async fn finish(mut self) -> Result<(), Error> {
        match self.parts.take() {
            // Aborts the upload if it fails.
            Some(parts) => parts.finish().await.map(|_| ()).map_err(|error| failed("put", error)),
            None => Ok(()),
        }
    }

    async fn abort(&mut self) {
        if let Some(aborting) = self.aborting() {
            aborting.await;
        }
    }

    /// The caller gets the earlier failure. If the abort fails, the service's own rules clean up.
    fn aborting(&mut self) -> Option<BoxFuture<'static, ()>> {
        let parts = self.parts.take()?;
        Some(Box::pin(async move { drop(parts.abort().await) }))
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(aborting), Ok(runtime)) = (self.aborting(), Handle::try_current()) {
            runtime.spawn(aborting);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_of_known_length_has_too_many_parts() {
        assert_eq!(part_len(None), PART);
        assert_eq!(part_len(Some(0)), PART);
        let five_tib = 5 << 40;
        assert!(five_tib / part_len(Some(five_tib)) as u64 <= 10_000);
    }
}
