//! Compression by zstd.

use std::fmt;

use parking_lot::Mutex;
use zstd::bulk::{Compressor, Decompressor};
use zstd::zstd_safe::CParameter;

/// The largest compression ratio: a block of 128 KiB takes at least 4 bytes.
const MOST_PER_BYTE: usize = 128 * 1024 / 4;

/// The additional bytes of a packed document: the names of the codec and the key, with their marks.
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
    /// Compresses with zstd, at a level from 1 (the fastest) to 22; zstd's own default is 3. A higher level makes
    /// fills slower and values smaller, and does not change the time of reads. A fill blocks a thread of the
    /// runtime: for 100 KB, about 0.2 ms at level 3, 3 ms at level 9, and 50 ms at level 19.
    pub fn zstd(level: i32) -> Self {
        Self { level }
    }
}

/// The settings, and reusable contexts: making one takes longer than compressing a small object.
#[derive(Default)]
pub(super) struct Zstd {
    /// How to compress, and from which length; not needed for reading.
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

    /// Compresses the content of a document of this length. `None` if it should not be compressed, or would not
    /// save more bytes than the names add.
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
            // With a checksum, so that damaged content is refused when it is read.
            compressor.set_parameter(CParameter::ChecksumFlag(true)).ok()?;
            Some(compressor)
        };
        let compressed = self.compressors.with(make, |compressor| compressor.compress(&content));
        compressed?.ok().filter(|compressed| compressed.len() + NAMES < content.len())
    }

    /// The content's length as the compressed bytes claim it (untrusted); `None` if it is impossible.
    pub(super) fn decompressed_len(compressed: &[u8]) -> Option<usize> {
        let len = zstd::zstd_safe::get_frame_content_size(compressed).ok()??;
        let len = usize::try_from(len).ok()?;
        (len > 0 && len / MOST_PER_BYTE <= compressed.len()).then_some(len)
    }

    /// Fills `content`, without more memory than that. `None` if the content has another length, or is damaged.
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

/// The contexts that are not in use; as many as were ever in use at once.
struct Pool<T>(Mutex<Vec<T>>);

impl<T> Pool<T> {
    /// Uses a context, and makes one if there is none.
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
