//! What a stored value looks like: one MessagePack document, a header and the object.
//!
//! ```text
//! [1, fingerprint, stored at, fetch took, time to live, object]
//! [1, fingerprint, stored at, fetch took, time to live, tags, object]
//! [1, fingerprint, stored at, fetch took, time to live, nil, key]
//! [1, fingerprint, stored at, fetch took, time to live, true, token and primary key]
//! [1, fingerprint, stored at, fetch took, time to live, false, number of tags, tags and key]
//! [1, fingerprint, stored at, fetch took, time to live, codec, name of the key, packed]
//! ```
//!
//! 1 is the format's version. The fingerprint is a u64; the time of storing a u64, in milliseconds since 1970; the
//! time of the fetch a u32, in microseconds. The time to live is a u32, in milliseconds, or the greatest number if
//! the cache itself expires the value. Otherwise the cache may keep a value beyond its time to live, to serve it
//! while the fetch fails.
//!
//! The second form is for an object that carries tags: its binary data has, for each tag, the 16
//! bytes of its hash and the 16 bytes of its epoch.
//!
//! The third form is an absence: the backing store has no such object. There is no object to verify, so it carries
//! the encoded key instead. The fourth form is a pointer, stored under an alias: it carries the 16 bytes of a
//! unique token, and the encoded primary key, under which the object is stored. The header's integers have a fixed
//! width, so that the header can be read without a decoder.
//!
//! The fifth form is an absence that carries tags, such as that of a query's result. Its binary data has the number
//! of tags in two bytes, the tags, and the key.
//!
//! The last form is one of the others, compressed, encrypted, or both; see [`packed`].

#[cfg_attr(
    not(any(feature = "encryption", feature = "zstd")),
    allow(dead_code, reason = "nothing is packed, only told from what is not")
)]
pub(crate) mod packed;

use std::time::Duration;

pub(crate) use crate::codec::Unfit;
use crate::codec::{DecodeError, Decoder, Encoder};
use crate::key::Key;
use crate::model::schema::CacheSchema;
use crate::protocol::Token;

const VERSION: u8 = 1;
const HEADER: usize = 30;
const ARRAY_OF_6: u8 = 0x96;
const ARRAY_OF_7: u8 = 0x97;
const U64: u8 = 0xcf;
const U32: u8 = 0xce;
const NIL: u8 = 0xc0;
const FALSE: u8 = 0xc2;
const TRUE: u8 = 0xc3;
const BIN_8: u8 = 0xc4;
const BIN_16: u8 = 0xc5;
/// A tag's hash and its epoch.
const STAMP: usize = 32;

/// The header of a stored value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The fingerprint of the type that wrote it.
    pub(crate) fingerprint: u64,
    /// When it was stored, in milliseconds since 1970 by the writer's clock.
    pub(crate) stored_at: u64,
    /// How long the fetch took, in microseconds.
    pub(crate) fetch_took: u32,
    /// How long it may be served, in milliseconds; the greatest number: as long as the cache has it.
    pub(crate) ttl: u32,
}

impl Header {
    /// Makes the header of a value stored at this time, in milliseconds since 1970. A time to live
    /// of [`Duration::MAX`] means that the cache itself expires it.
    pub(crate) fn new(
        fingerprint: u64,
        stored_at: u64,
        fetch_took: Duration,
        ttl: Duration,
    ) -> Self {
        Self {
            fingerprint,
            stored_at,
            fetch_took: u32::try_from(fetch_took.as_micros()).unwrap_or(u32::MAX),
            ttl: if ttl == Duration::MAX {
                u32::MAX
            } else {
                u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX).min(u32::MAX - 1)
            },
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// The object, still encoded.
    Object(&'a [u8]),
    /// The same, with its tags.
    Tagged { stamps: &'a [u8], object: &'a [u8] },
    /// The absence of an object, with its encoded key and its tags.
    Absent { stamps: &'a [u8], key: &'a [u8] },
    /// The object is stored under this encoded primary key; the token is the pointer's own.
    Pointer { stored_by: Token, primary: &'a [u8] },
}

impl<'a> Body<'a> {
    /// The encoded object, if there is one.
    pub(crate) fn object(&self) -> Option<&'a [u8]> {
        match self {
            Self::Object(object) | Self::Tagged { object, .. } => Some(object),
            Self::Absent { .. } | Self::Pointer { .. } => None,
        }
    }
}

/// The bytes are not a document of this version, or not one of the type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads the header, whatever follows it.
#[inline]
pub(crate) fn header(document: &[u8]) -> Result<Header, Malformed> {
    let header = document.get(..HEADER).ok_or(Malformed)?;
    let tags = (header[1], header[2], header[11], header[20], header[25]);
    if tags != (VERSION, U64, U64, U32, U32) {
        return Err(Malformed);
    }
    let u64_at = |at: usize| header[at..at + 8].try_into().map(u64::from_be_bytes);
    let u32_at = |at: usize| header[at..at + 4].try_into().map(u32::from_be_bytes);
    Ok(Header {
        fingerprint: u64_at(3).map_err(|_| Malformed)?,
        stored_at: u64_at(12).map_err(|_| Malformed)?,
        fetch_took: u32_at(21).map_err(|_| Malformed)?,
        ttl: u32_at(26).map_err(|_| Malformed)?,
    })
}

/// Reads the header of an unpacked document, and finds the body.
#[inline]
pub(crate) fn parse(document: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    let parsed = header(document)?;
    let (form, body) = (document[0], &document[HEADER..]);
    match (form, body) {
        (ARRAY_OF_6, [_, ..]) => Ok((parsed, Body::Object(body))),
        (ARRAY_OF_7, [BIN_8, len, rest @ ..]) => tagged(parsed, usize::from(*len), rest),
        (ARRAY_OF_7, [BIN_16, high, low, rest @ ..]) => {
            tagged(parsed, usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        (ARRAY_OF_7, [NIL, key @ ..]) => {
            Ok((parsed, Body::Absent { stamps: &[], key: decode_key(key)? }))
        }
        (ARRAY_OF_7, [FALSE, absence @ ..]) => Ok((parsed, decode_absence(absence)?)),
        (ARRAY_OF_7, [TRUE, pointer @ ..]) => Ok((parsed, decode_pointer(pointer)?)),
        _ => Err(Malformed),
    }
}

/// Binary data, and nothing after it.
fn decode_key(key: &[u8]) -> Result<&[u8], Malformed> {
    let mut decoder = Decoder::new(key);
    let key = decoder.bytes().map_err(|_| Malformed)?;
    decoder.finish().map_err(|_| Malformed)?;
    Ok(key)
}

fn decode_pointer(pointer: &[u8]) -> Result<Body<'_>, Malformed> {
    let (token, primary) = decode_key(pointer)?.split_first_chunk().ok_or(Malformed)?;
    Ok(Body::Pointer { stored_by: Token::from_bytes(*token), primary })
}

fn decode_absence(absence: &[u8]) -> Result<Body<'_>, Malformed> {
    let (count, rest) = decode_key(absence)?.split_first_chunk().ok_or(Malformed)?;
    let len = STAMP * usize::from(u16::from_be_bytes(*count));
    let (stamps, key) = rest.split_at_checked(len).ok_or(Malformed)?;
    Ok(Body::Absent { stamps, key })
}

fn tagged(header: Header, len: usize, rest: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    match rest.split_at_checked(len).ok_or(Malformed)? {
        (stamps, object @ [_, ..]) if len.is_multiple_of(STAMP) => {
            Ok((header, Body::Tagged { stamps, object }))
        }
        _ => Err(Malformed),
    }
}

/// The hashes of the tags stored with an object, and their epochs.
pub(crate) fn stamps(stamps: &[u8]) -> impl ExactSizeIterator<Item = (u128, Token)> + Clone {
    let (stamps, _) = stamps.as_chunks::<STAMP>();
    stamps.iter().map(|stamp| {
        let (mut tag, mut epoch) = ([0; STAMP / 2], [0; STAMP / 2]);
        tag.copy_from_slice(&stamp[..STAMP / 2]);
        epoch.copy_from_slice(&stamp[STAMP / 2..]);
        (u128::from_be_bytes(tag), Token::from_bytes(epoch))
    })
}

/// Adds tags to the document of an object or of its absence, up to `max_len` bytes.
pub(crate) fn with_stamps(
    document: &[u8],
    stamps: &[(Key, Token)],
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    if let Ok((header, Body::Absent { key, .. })) = parse(document) {
        let count = u16::try_from(stamps.len()).map_err(|_| Unfit::TooLarge)?;
        let mut absence = count.to_be_bytes().to_vec();
        push_stamps(&mut absence, stamps);
        absence.extend_from_slice(key);
        return encode_key(header, FALSE, &absence, max_len);
    }
    let (header, object) = document.split_at(HEADER.min(document.len()));
    // About two thousand tags at most.
    let len = u16::try_from(stamps.len() * STAMP).map_err(|_| Unfit::TooLarge)?;
    let [high, low] = len.to_be_bytes();
    let mark: &[u8] = if high == 0 { &[BIN_8, low] } else { &[BIN_16, high, low] };
    let total = document.len() + mark.len() + usize::from(len);
    if total > max_len {
        return Err(Unfit::TooLarge);
    }
    let mut stamped = Vec::with_capacity(total);
    stamped.extend_from_slice(header);
    stamped[0] = ARRAY_OF_7;
    stamped.extend_from_slice(mark);
    push_stamps(&mut stamped, stamps);
    stamped.extend_from_slice(object);
    Ok(stamped)
}

fn push_stamps(document: &mut Vec<u8>, stamps: &[(Key, Token)]) {
    for (tag, epoch) in stamps {
        document.extend_from_slice(&tag.hash().to_be_bytes());
        document.extend_from_slice(epoch.as_bytes());
    }
}

/// Decodes an object; no bytes may be left.
#[inline]
pub(crate) fn decode<T: CacheSchema>(object: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(object);
    let decoded = T::read_from(&mut decoder)?;
    decoder.finish()?;
    Ok(decoded)
}

/// The document of an object, of at most `max_len` bytes.
pub(crate) fn encode<T: CacheSchema>(
    header: Header,
    object: &T,
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    encode_by(header, max_len, |encoder| object.write_to(encoder))
}

/// The document of an object that `write` encodes as one MessagePack value.
pub(crate) fn encode_by(
    header: Header,
    max_len: usize,
    write: impl FnOnce(&mut Encoder),
) -> Result<Vec<u8>, Unfit> {
    let mut encoder = Encoder::after(begin(ARRAY_OF_6, header), max_len);
    write(&mut encoder);
    encoder.finish()
}

/// The document of an absence, with its encoded key.
pub(crate) fn encode_absent(header: Header, key: &[u8], max_len: usize) -> Result<Vec<u8>, Unfit> {
    encode_key(header, NIL, key, max_len)
}

/// The document of a pointer to this encoded primary key; the token must be new.
pub(crate) fn encode_pointer(
    header: Header,
    stored_by: Token,
    primary: &[u8],
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    encode_key(header, TRUE, &[stored_by.as_bytes(), primary].concat(), max_len)
}

fn encode_key(header: Header, mark: u8, key: &[u8], max_len: usize) -> Result<Vec<u8>, Unfit> {
    let mut document = begin(ARRAY_OF_7, header);
    document.push(mark);
    let mut encoder = Encoder::after(document, max_len);
    encoder.bytes(key);
    encoder.finish()
}

fn begin(array: u8, header: Header) -> Vec<u8> {
    let mut document = Vec::with_capacity(256);
    document.extend_from_slice(&[array, VERSION, U64]);
    document.extend_from_slice(&header.fingerprint.to_be_bytes());
    document.push(U64);
    document.extend_from_slice(&header.stored_at.to_be_bytes());
    document.push(U32);
    document.extend_from_slice(&header.fetch_took.to_be_bytes());
    document.push(U32);
    document.extend_from_slice(&header.ttl.to_be_bytes());
    document
}

#[cfg(test)]
mod tests;
