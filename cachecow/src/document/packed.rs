//! The form of a document that is compressed, encrypted, or both.
//!
//! The header is not packed, so that the document's age can always be read. Two short texts follow: the name of the
//! codec, and the name of the key, which is empty without encryption. The rest of the clear document is packed into
//! one piece of binary data: its first byte, which says its form, and everything after the header.

use super::{Decoder, HEADER, Malformed};
use crate::codec::Encoder;

const ARRAY_OF_8: u8 = 0x98;
/// The first byte of a short text: this and the length.
const FIX_STR: u8 = 0xa0;
/// The longest name of a codec, and of a key.
const LONGEST_NAME: u8 = 31;

/// The parts of a packed document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packed<'a> {
    /// Everything before the packed bytes. It depends only on the header, the codec and the key's name.
    pub(crate) head: &'a [u8],
    pub(crate) codec: &'a [u8],
    /// The name of the key; empty without encryption.
    pub(crate) key: &'a [u8],
    pub(crate) payload: &'a [u8],
}

/// Whether the document, if it is one, is packed.
#[inline]
pub(crate) fn is_packed(document: &[u8]) -> bool {
    document.first() == Some(&ARRAY_OF_8)
}

/// Finds the parts of a packed document.
pub(crate) fn unpack(document: &[u8]) -> Result<Packed<'_>, Malformed> {
    super::header(document)?;
    let (codec, rest) = name(document.get(HEADER..).ok_or(Malformed)?)?;
    let (key, rest) = name(rest)?;
    let mut decoder = Decoder::new(rest);
    let payload = decoder.bytes().map_err(|_| Malformed)?;
    decoder.finish().map_err(|_| Malformed)?;
    let head = &document[..document.len() - rest.len()];
    Ok(Packed { head, codec, key, payload })
}

fn name(bytes: &[u8]) -> Result<(&[u8], &[u8]), Malformed> {
    let (first, rest) = bytes.split_first().ok_or(Malformed)?;
    match first.checked_sub(FIX_STR) {
        Some(len) if len <= LONGEST_NAME => {
            rest.split_at_checked(usize::from(len)).ok_or(Malformed)
        }
        _ => Err(Malformed),
    }
}

/// The part of a clear document that is packed.
pub(crate) fn content_of(clear: &[u8]) -> Vec<u8> {
    let (header, body) = clear.split_at(HEADER);
    [&header[..1], body].concat()
}

/// The bytes before the packed data: the header of a clear document, and the two names.
pub(crate) fn pack_head(clear: &[u8], codec: &str, key: &str) -> Vec<u8> {
    let mut head = Vec::with_capacity(HEADER + 2 + codec.len() + key.len());
    head.push(ARRAY_OF_8);
    head.extend_from_slice(&clear[1..HEADER]);
    for name in [codec, key] {
        debug_assert!(name.len() <= usize::from(LONGEST_NAME), "a name is short");
        head.push(FIX_STR | name.len().to_le_bytes()[0] & LONGEST_NAME);
        head.extend_from_slice(name.as_bytes());
    }
    head
}

/// The document of this head and these packed bytes; `None` if they are too many for MessagePack.
pub(crate) fn packed_with(head: Vec<u8>, packed: &[u8]) -> Option<Vec<u8>> {
    let mut encoder = Encoder::after(head, usize::MAX);
    encoder.bytes(packed);
    encoder.finish().ok()
}

impl Packed<'_> {
    /// How long the clear document is with a content of this length.
    pub(crate) fn clear_len(content_len: usize) -> usize {
        HEADER - 1 + content_len
    }

    /// The clear document, whose content has this length (not zero) and is written by `write`.
    pub(crate) fn clear<E>(
        &self,
        content_len: usize,
        write: impl FnOnce(&mut [u8]) -> Result<(), E>,
    ) -> Result<Vec<u8>, E> {
        let mut clear = vec![0; Self::clear_len(content_len)];
        write(&mut clear[HEADER - 1..])?;
        // The content's first byte is the first byte of the document; the header is put in between.
        clear[0] = clear[HEADER - 1];
        clear[1..HEADER].copy_from_slice(&self.head[1..HEADER]);
        Ok(clear)
    }
}
