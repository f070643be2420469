//! A store's value as a cached document: the header, and the key and the value as MessagePack.

use std::time::Duration;

use bytes::Bytes;
use serde_bytes::Bytes as Binary;

use crate::document::{self, Body, Header, Unfit};

/// In the place of a type's fingerprint.
const FINGERPRINT: u64 = u64::from_be_bytes(*b"kv:value");

/// A value, as it is cached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) value: Bytes,
    /// For how many milliseconds the backing store still had it when it was stored here.
    pub(super) expires_in: Option<u64>,
}

/// What stands in a document's place of an object. The value comes last, so that its end is the
/// document's.
type Triple<'a> = (&'a Binary, Option<u64>, &'a Binary);

/// The document of the entry of the key with these parts.
pub(super) fn encode(header: Header, parts: &[u8], entry: &Entry) -> Result<Bytes, Unfit> {
    let triple: Triple<'_> = (Binary::new(parts), entry.expires_in, Binary::new(&entry.value));
    document::encode(header, &triple, usize::MAX).map(Bytes::from)
}

/// The header of what is stored and fetched like this.
pub(super) fn header(stored_at: u64, fetch_took: Duration, ttl: Duration) -> Header {
    Header::new(FINGERPRINT, stored_at, fetch_took, ttl)
}

/// The entry of the key with these parts, sharing the document's memory, and when it was stored, in
/// milliseconds since 1970; `None` if the document is malformed or of another key.
pub(super) fn decode(document: &Bytes, parts: &[u8]) -> Option<(Entry, u64)> {
    let (header, Body::Object(triple)) = document::parse(document).ok()? else { return None };
    let (key, expires_in, value): Triple<'_> = rmp_serde::from_slice(triple).ok()?;
    // The decoder borrows from the document, and ignores what may follow.
    let ends_there = value.as_ptr_range().end == document.as_ptr_range().end;
    let fits = header.fingerprint == FINGERPRINT && **key == *parts && ends_there;
    let entry = || Entry { value: document.slice_ref(value), expires_in };
    fits.then(|| (entry(), header.stored_at))
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
            let (entry, stored_at) = decode(&document, b"parts").unwrap();
            assert_eq!((&entry.value[..], entry.expires_in), (value, expires_in));
            assert_eq!(stored_at, 1);
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
