//! Values that are sent in parts.

use bytes::{Bytes, BytesMut};
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStoreExt as _};
use tokio::io::AsyncReadExt as _;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

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
    let mut upload = Upload::start(service, path).await?;
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
    let mut upload = Upload::start(service, path).await?;
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
    parts: Option<Parts>,
}

/// The parts of an upload. Each is sent by a task of its own, also while its caller reads the next one.
struct Parts {
    upload: Box<dyn MultipartUpload>,
    under_way: JoinSet<object_store::Result<()>>,
}

impl Parts {
    /// Waits until fewer than this number of parts are under way.
    async fn until_fewer_than(&mut self, number: usize) -> object_store::Result<()> {
        while self.under_way.len() >= number
            && let Some(sent) = self.under_way.join_next().await
        {
            sent??;
        }
        Ok(())
    }

    async fn complete(&mut self) -> object_store::Result<()> {
        self.until_fewer_than(1).await?;
        self.upload.complete().await.map(|_| ())
    }

    /// If this fails, the service's own rules clean up.
    async fn abort(mut self) {
        self.under_way.shutdown().await;
        let _ = self.upload.abort().await;
    }
}

impl Upload {
    async fn start(service: &dyn Service, path: &Path) -> Result<Self, Error> {
        let upload = service.put_multipart(path).await.map_err(|error| failed("put", error))?;
        Ok(Self::of(upload))
    }

    fn of(upload: Box<dyn MultipartUpload>) -> Self {
        Self { parts: Some(Parts { upload, under_way: JoinSet::new() }) }
    }

    async fn send(&mut self, part: Bytes) -> Result<(), Error> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let room = parts.until_fewer_than(PARTS_UNDER_WAY).await;
        if room.is_ok() && !part.is_empty() {
            parts.under_way.spawn(parts.upload.put_part(part.into()));
        }
        self.aborted_if_failed(room).await
    }

    async fn finish(mut self) -> Result<(), Error> {
        let Some(parts) = &mut self.parts else { return Ok(()) };
        let completed = parts.complete().await;
        if completed.is_ok() {
            self.parts = None;
        }
        self.aborted_if_failed(completed).await
    }

    async fn aborted_if_failed(&mut self, done: object_store::Result<()>) -> Result<(), Error> {
        if done.is_err() {
            self.abort().await;
        }
        done.map_err(|error| failed("put", error))
    }

    async fn abort(&mut self) {
        if let Some(parts) = self.parts.take() {
            parts.abort().await;
        }
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let (Some(parts), Ok(runtime)) = (self.parts.take(), Handle::try_current()) {
            runtime.spawn(parts.abort());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use async_trait::async_trait;
    use futures_util::FutureExt as _;
    use object_store::{PutPayload, PutResult, UploadPart};
    use tokio::sync::Semaphore;

    use super::*;

    /// An upload that is never complete.
    #[derive(Debug)]
    struct Endless {
        aborted: Arc<Semaphore>,
    }

    #[async_trait]
    impl MultipartUpload for Endless {
        fn put_part(&mut self, _: PutPayload) -> UploadPart {
            futures_util::future::ready(Ok(())).boxed()
        }

        async fn complete(&mut self) -> object_store::Result<PutResult> {
            std::future::pending().await
        }

        async fn abort(&mut self) -> object_store::Result<()> {
            self.aborted.add_permits(1);
            Ok(())
        }
    }

    #[tokio::test]
    async fn what_is_dropped_while_it_is_completed_is_aborted() {
        let aborted = Arc::new(Semaphore::new(0));
        let mut upload = Upload::of(Box::new(Endless { aborted: Arc::clone(&aborted) }));
        upload.send(Bytes::from_static(b"a part")).await.unwrap();
        let put = tokio::spawn(upload.finish());
        tokio::task::yield_now().await;
        assert_eq!(aborted.available_permits(), 0);
        put.abort();
        aborted.acquire().await.unwrap().forget();
    }

    #[test]
    fn no_value_of_known_length_has_too_many_parts() {
        assert_eq!(part_len(None), PART);
        assert_eq!(part_len(Some(0)), PART);
        let five_tib = 5 << 40;
        assert!(five_tib / part_len(Some(five_tib)) as u64 <= 10_000);
    }
}
