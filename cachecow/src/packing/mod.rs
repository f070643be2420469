//! Compresses, then encrypts documents on their way to the backend, and the reverse on the way back. Without these
//! settings, documents pass unchanged.
//!
//! Each cached value is one document (an object with or without tags, an absence, or a pointer), and is packed as a
//! whole, except for its header. So this module does not look into documents, and the code that reads and writes
//! documents does not deal with compression and keys.

#[cfg(feature = "zstd")]
mod compression;
#[cfg(feature = "encryption")]
mod encryption;
#[cfg(feature = "encryption")]
mod keyring;

use std::sync::Arc;

use bytes::Bytes;

#[cfg(feature = "zstd")]
pub use self::compression::Compression;
#[cfg(feature = "zstd")]
use self::compression::Zstd;
#[cfg(feature = "encryption")]
pub use self::keyring::Keyring;
use crate::document::packed::{self, Packed};
use crate::key::Key;

const COMPRESSED: &str = "zstd";
#[cfg(feature = "encryption")]
const ENCRYPTED: &str = "xc20p";
#[cfg(feature = "encryption")]
const BOTH: &str = "zstd+xc20p";

/// The most bytes that packing adds: two names, the marks of three values, a nonce and a tag.
const MOST_ADDED: usize = 128;

/// The settings, and what they need.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packing {
    #[cfg(feature = "zstd")]
    zstd: Arc<Zstd>,
    #[cfg(feature = "encryption")]
    keyring: Option<Keyring>,
    /// The namespace that values are bound to.
    namespace: Arc<str>,
}

/// Why a stored value is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// It is larger than the cache's maximum, or would be when unpacked.
    TooLarge,
    /// It was stored with other settings: with a codec or a key that this program does not have, or without
    /// encryption.
    OtherSettings,
    /// It is not what was stored.
    Damaged(&'static str),
}

const MALFORMED: Refusal = Refusal::Damaged("malformed");

impl Packing {
    /// Compresses documents of at least `above` bytes.
    #[cfg(feature = "zstd")]
    pub(crate) fn compress(&mut self, compression: Compression, above: usize) {
        self.zstd = Arc::new(Zstd::new(compression, above));
    }

    /// Encrypts documents with the first key of the ring.
    #[cfg(feature = "encryption")]
    pub(crate) fn encrypt(&mut self, keyring: Keyring) {
        self.keyring = Some(keyring);
    }

    /// Binds packed values to this namespace.
    pub(crate) fn bind(&mut self, namespace: &str) {
        self.namespace = namespace.into();
    }

    /// What is wrong with the settings.
    #[cfg_attr(
        not(any(feature = "zstd", feature = "encryption")),
        allow(unused_mut, clippy::unused_self, reason = "there are no settings")
    )]
    pub(crate) fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        #[cfg(feature = "zstd")]
        faults.extend(self.zstd.fault());
        #[cfg(feature = "encryption")]
        faults.extend(self.keyring.iter().flat_map(Keyring::faults));
        faults
    }

    /// Whether values are encrypted; unencrypted ones are then refused.
    #[inline]
    #[cfg_attr(not(feature = "encryption"), allow(clippy::unused_self, reason = "as with it"))]
    pub(crate) fn encrypts(&self) -> bool {
        #[cfg(feature = "encryption")]
        return self.keyring.is_some();
        #[cfg(not(feature = "encryption"))]
        false
    }

    /// Packs a document for a key; `None` if it cannot be encrypted, because there are no random numbers.
    pub(crate) fn pack(&self, key: Key, document: Bytes) -> Option<Bytes> {
        let compressed = self.compressed(&document);
        #[cfg(feature = "encryption")]
        if let Some(keyring) = &self.keyring {
            let cipher = keyring.first();
            let codec = if compressed.is_some() { BOTH } else { ENCRYPTED };
            let head = packed::pack_head(&document, codec, cipher.name());
            let content = compressed.unwrap_or_else(|| packed::content_of(&document));
            let packed = cipher.encrypt(&self.associated(key, &head), &content)?;
            return packed::packed_with(head, &packed).map(Bytes::from);
        }
        let _ = key;
        let Some(content) = compressed else { return Some(document) };
        let head = packed::pack_head(&document, COMPRESSED, "");
        packed::packed_with(head, &content).map(Bytes::from)
    }

    /// Unpacks the document that is stored under a key, up to `max_len` bytes.
    #[inline]
    pub(crate) fn unpack<'a>(
        &self,
        key: Key,
        stored: &'a Bytes,
        max_len: usize,
        unpacked: &'a mut Option<Bytes>,
    ) -> Result<&'a Bytes, Refusal> {
        if packed::is_packed(stored) {
            let clear = self.unpacked(key, stored, max_len)?;
            return Ok(unpacked.insert(clear.into()));
        }
        if stored.len() > max_len {
            Err(Refusal::TooLarge)
        } else if self.encrypts() {
            Err(Refusal::OtherSettings)
        } else {
            Ok(stored)
        }
    }

    fn unpacked(&self, key: Key, stored: &[u8], max_len: usize) -> Result<Vec<u8>, Refusal> {
        if stored.len() > max_len.saturating_add(MOST_ADDED) {
            return Err(Refusal::TooLarge);
        }
        let document = packed::unpack(stored).map_err(|_| MALFORMED)?;
        match document.codec {
            b"zstd" if !self.encrypts() => self.decompressed(&document, document.payload, max_len),
            b"xc20p" => self.decrypted(key, &document, max_len),
            b"zstd+xc20p" => {
                let content = self.decrypted_content(key, &document)?;
                self.decompressed(&document, &content, max_len)
            }
            _ => Err(Refusal::OtherSettings),
        }
    }
}

#[cfg(feature = "zstd")]
impl Packing {
    /// The compressed content of a document, if it should be compressed and becomes shorter.
    fn compressed(&self, document: &[u8]) -> Option<Vec<u8>> {
        self.zstd.compress(document.len(), || packed::content_of(document))
    }

    fn decompressed(
        &self,
        packed: &Packed<'_>,
        content: &[u8],
        max_len: usize,
    ) -> Result<Vec<u8>, Refusal> {
        const UNREADABLE: Refusal = Refusal::Damaged("it cannot be decompressed");
        let len = Zstd::decompressed_len(content).ok_or(UNREADABLE)?;
        if len > max_len || Packed::clear_len(len) > max_len {
            return Err(Refusal::TooLarge);
        }
        packed.clear(len, |to| self.zstd.decompress(content, to).ok_or(UNREADABLE))
    }
}

#[cfg(not(feature = "zstd"))]
#[allow(clippy::unused_self, reason = "as with zstd")]
impl Packing {
    fn compressed(&self, _document: &[u8]) -> Option<Vec<u8>> {
        None
    }

    fn decompressed(&self, _: &Packed<'_>, _: &[u8], _: usize) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::OtherSettings)
    }
}

#[cfg(not(feature = "encryption"))]
#[allow(clippy::unused_self, reason = "as with encryption")]
impl Packing {
    fn decrypted(&self, _: Key, _: &Packed<'_>, _: usize) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::OtherSettings)
    }

    fn decrypted_content(&self, _: Key, _: &Packed<'_>) -> Result<Vec<u8>, Refusal> {
        Err(Refusal::OtherSettings)
    }
}

#[cfg(all(test, feature = "zstd", feature = "encryption", feature = "derive"))]
mod tests;
