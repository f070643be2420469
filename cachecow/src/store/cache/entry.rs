//! A store's value as a cached document: the header, and the key and the value as MessagePack.

use std::time::Duration;

use bytes::Bytes;

use crate::codec::{DecodeError, Decoder};
use crate::document::{self, Body, Header, Unfit};
use crate::model::schema::CacheSchema as _;

/// Used instead of a type's fingerprint.
const FINGERPRINT: u64 = u64::from_be_bytes(*b"kv:value");

/// A value, as it is cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    /// How long the backing store would still keep it, in milliseconds, when it was stored here.
    pub(super) expires_in: Option<u64>,
}

/// Encodes the document of an entry. Instead of an object it has an array of the key's parts, the milliseconds and
/// the value. The value comes last, so that the document ends with it.
pub(super) fn encode(header: Header, parts: &[u8], entry: &Entry) -> Result<Bytes, Unfit> {
    let document = document::encode_by(header, usize::MAX, |encoder| {
        encoder.array(3);
        encoder.bytes(parts);
        entry.expires_in.write_to(encoder);
        encoder.bytes(&entry.value);
    });
    document.map(Bytes::from)
}

/// The header for these times.
pub(super) fn header(stored_at: u64, fetch_took: Duration, ttl: Duration) -> Header {
    Header::new(FINGERPRINT, stored_at, fetch_took, ttl)
}

/// The largest length of an entry's document, with a value of at most this length.
pub(super) fn max_len(parts: &[u8], max_value_len: usize) -> usize {
    // 64 bytes for the header, the milliseconds, and the lengths of the parts and the value.
    max_value_len.saturating_add(parts.len()).saturating_add(64)
}

/// Decodes the entry of the key with these parts, sharing the document's memory, and its header. `None` if the
/// document is malformed or of another key.
pub(super) fn decode(document: &Bytes, parts: &[u8]) -> Option<(Entry, Header)> {
    let (header, Body::Object(triple)) = document::parse(document).ok()? else { return None };
    let (key, expires_in, value) = read_triple(triple).ok()?;
    let fits = header.fingerprint == FINGERPRINT && *key == *parts;
    let entry = || Entry { value: document.slice_ref(value), expires_in };
    fits.then(|| (entry(), header))
}

/// The parts, the milliseconds and the value.
type Triple<'a> = (&'a [u8], Option<u64>, &'a [u8]);

fn read_triple(triple: &[u8]) -> Result<Triple<'_>, DecodeError> {
    let mut decoder = Decoder::new(triple);
    if decoder.array()? != 3 {
        return Err(DecodeError::new("expected three values"));
    }
    let read = (decoder.bytes()?, Option::read_from(&mut decoder)?, decoder.bytes()?);
    decoder.finish()?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encoded(value: &'static [u8], expires_in: Option<u64>) -> Bytes {
        let entry = Entry { value: Bytes::from_static(value), expires_in };
        encode(header(1, Duration::ZERO, Duration::ZERO), b"parts", &entry).unwrap()
    }

    #[test]
    fn an_entry_comes_back_without_being_copied() {
        for (value, expires_in) in [(&b""[..], None), (b"v", Some(u64::MAX)), (&[7; 9000], Some(0))]
        {
            let document = encoded(value, expires_in);
            let (entry, header) = decode(&document, b"parts").unwrap();
            assert_eq!((&entry.value[..], entry.expires_in), (value, expires_in));
            assert_eq!(header.stored_at, 1);
            assert!(value.is_empty() || document.as_ptr_range().contains(&entry.value.as_ptr()));
        }
    }

    #[test]
    fn another_key_s_entry_is_refused() {
        assert_eq!(decode(&encoded(b"value", None), b"other"), None);
    }

    #[test]
    fn every_truncation_extension_and_foreign_document_is_refused() {
        let document = encoded(b"value", Some(7));
        for len in 0..document.len() {
            assert_eq!(decode(&document.slice(..len), b"parts"), None, "{len}");
        }
        let longer = Bytes::from([&document[..], b"!"].concat());
        assert_eq!(decode(&longer, b"parts"), None);
        let foreign = Header { fingerprint: 1, ..header(1, Duration::ZERO, Duration::ZERO) };
        let entry = Entry { value: Bytes::from("v"), expires_in: None };
        assert_eq!(decode(&encode(foreign, b"parts", &entry).unwrap(), b"parts"), None);
    }
}
