//! Values that are being stored.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use tokio::io::AsyncReadExt as _;

use crate::error::Error;
use crate::store::Reader;
use crate::store::blocking::blocking;

/// How much is in memory at once.
const SLICE: usize = 256 * 1024;

/// Reads a value into an unnamed file in this folder, so that no file is left over.
///
/// No thread waits for the reader meanwhile: the reader may need one itself.
pub(super) async fn spool(mut value: Reader, folder: &Path, max_len: u64) -> Result<File, Error> {
    if value.len().is_some_and(|len| len > max_len) {
        return Err(Error::too_large("put", max_len));
    }
    let folder = folder.to_owned();
    let failed = |error| Error::store("put", error);
    let mut file = blocking("put", move || tempfile::tempfile_in(folder).map_err(failed)).await?;
    let mut slice = Vec::with_capacity(SLICE);
    let mut left = max_len;
    loop {
        let mut part = (&mut value).take(SLICE as u64);
        part.read_to_end(&mut slice).await.map_err(|error| Reader::error("put", error))?;
        if slice.is_empty() {
            return Ok(file);
        }
        left =
            left.checked_sub(slice.len() as u64).ok_or_else(|| Error::too_large("put", max_len))?;
        (file, slice) = blocking("put", move || {
            file.write_all(&slice).map_err(failed)?;
            slice.clear();
            Ok((file, slice))
        })
        .await?;
    }
}
