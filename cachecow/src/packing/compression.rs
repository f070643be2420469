//! Compression by zstd.

use std::fmt;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// How much a byte of what is compressed can stand for: a block of 128 KiB takes 4 bytes at the least.
const MOST_PER_BYTE: usize = 128 * 1024 / 4;

/// How long the names of a codec and a key are, with their marks, where there would be none.
const NAMES: usize = 16;

/// How values are compressed; for [`Builder::compress`](crate::Builder::compress).
///
/// ```
/// use cachecow::Compression;
///
/// let compression = Compression::zstd(3);
/// # let _ = compression;
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compression {
    level: i32,
}

impl Compression {
    /// By zstd, at a level from 1, the fastest, to 22. 3 is what zstd itself takes. A higher level makes fills
    /// slower and values smaller; reads take as long as with a low one. A fill holds up a thread of the runtime: for
    /// 100 KB some 0.2 ms at level 3, 3 ms at level 9, and 50 ms at level 19.
    pub fn zstd(level: i32) -> Self {
        Self { level }
    }
}

/// The settings, and contexts that are used again: to make one takes longer than to compress a small object.
#[derive(Default)]
pub(super) struct Zstd {
    /// How to compress, and from which length on; reading does not need it.
    settings: Option<(Compression, usize)>,
    compressors: Pool<Compressor<'static>>,
    decompressors: Pool<Decompressor<'static>>,
}

impl Zstd {
    pub(super) fn new(compression: Compression, above: usize) -> Self {
        Self { settings: Some((compression, above)), ..Self::default() }
    }

    pub(super) fn fault(&self) -> Option<String> {
        let (Compression { level }, _) = self.settings?;
        let wrong = !(1..=22).contains(&level);
        wrong.then(|| format!("compress: the level of zstd must be from 1 to 22, not {level}"))
    }

    /// The content of a document of this length, if it is to be compressed and becomes shorter by more than the
    /// names that it then has beside it.
    pub(super) fn compress(
        &self,
        document_len: usize,
        content: impl FnOnce() -> Vec<u8>,
    ) -> Option<Vec<u8>> {
        let (Compression { level }, above) = self.settings?;
        if document_len < above {
            return None;
        }
        let content = content();
        let make = || {
            let mut compressor = Compressor::new(level).ok()?;
            // What is read back is what was compressed, or it is refused.
            compressor.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
            Some(compressor)
        };
        let compressed = self.compressors.with(make, |compressor| compressor.compress(&content));
        compressed?.ok().filter(|compressed| compressed.len() + NAMES < content.len())
    }

    /// How long the content is, by what was compressed, which may lie; `None` if it cannot be.
    pub(super) fn decompressed_len(compressed: &[u8]) -> Option<usize> {
        let len = zstd::zstd_safe::get_frame_content_size(compressed).ok()??;
        let len = usize::try_from(len).ok()?;
        (len > 0 && len / MOST_PER_BYTE <= compressed.len()).then_some(len)
    }

    /// Fills `content`, and takes no more memory for it than that; `None` if the content has another length, or
    /// is not what was compressed.
    pub(super) fn decompress(&self, compressed: &[u8], content: &mut [u8]) -> Option<()> {
        let make = || Decompressor::new().ok();
        let decompress = |decompressor: &mut Decompressor<'static>| {
            decompressor.decompress_to_buffer(compressed, content).ok()
        };
        let len = self.decompressors.with(make, decompress)??;
        (len == content.len()).then_some(())
    }
}

impl fmt::Debug for Zstd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.settings.fmt(f)
    }
}

/// What is not in use at the moment; as many as have ever been in use at once.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    /// Uses one, made if there is none.
    fn with<R>(
        &self,
        make: impl FnOnce() -> Option<T>,
        r#use: impl FnOnce(&mut T) -> R,
    ) -> Option<R> {
        let idle = self.0.lock().pop();
        let mut taken = idle.or_else(make)?;
        let used = r#use(&mut taken);
        self.0.lock().push(taken);
        Some(used)
    }
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}
