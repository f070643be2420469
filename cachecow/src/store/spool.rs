//! Values of any length, which are buffered until they may be used.

use std::io;

use tokio::fs::File;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};

use super::Reader;

/// How much of a value is held in memory; what is longer goes to a file.
const IN_MEMORY: usize = 1024 * 1024;

/// How much is read at once to fill a spool.
pub(crate) const SLICE: usize = 64 * 1024;

/// A buffer for a value of any length, in constant memory: beyond a megabyte, it uses an unnamed
/// temporary file, which vanishes with the spool or its reader.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<File>,
    len: u64,
}

impl Spool {
    /// Adds to the value's end.
    ///
    /// # Errors
    ///
    /// The file's.
    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.len += bytes.len() as u64;
        if let Some(file) = &mut self.file {
            return file.write_all(bytes).await;
        }
        if self.memory.len() + bytes.len() <= IN_MEMORY {
            self.memory.extend_from_slice(bytes);
            return Ok(());
        }
        let create = tokio::task::spawn_blocking(tempfile::tempfile);
        let mut file = File::from_std(create.await.map_err(io::Error::other)??);
        file.write_all(&std::mem::take(&mut self.memory)).await?;
        file.write_all(bytes).await?;
        self.file = Some(file);
        Ok(())
    }

    /// A reader of the value, whose length is known.
    ///
    /// # Errors
    ///
    /// The file's.
    pub(crate) async fn into_reader(self) -> io::Result<Reader> {
        let Some(mut file) = self.file else {
            return Ok(Reader::from_bytes(self.memory.into()));
        };
        // A write that failed in the background reports its error now.
        file.flush().await?;
        file.rewind().await?;
        Ok(Reader::new(file).with_len(self.len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_goes_in_comes_out_with_its_length() {
        for len in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY + 17] {
            let value: Vec<u8> = (0..=250).cycle().take(len).collect();
            let mut spool = Spool::default();
            for slice in value.chunks(SLICE + 1) {
                spool.write(slice).await.unwrap();
            }
            assert_eq!(spool.file.is_some(), len > IN_MEMORY, "{len}");
            assert!(spool.file.is_none() || spool.memory.capacity() == 0, "it is held once");
            let reader = spool.into_reader().await.unwrap();
            assert_eq!(reader.len(), Some(len as u64));
            assert!(reader.into_bytes().await.unwrap() == value, "{len}");
        }
    }
}
