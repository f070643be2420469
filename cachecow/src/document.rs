//! What a stored value looks like: one MessagePack document, a header and the object.
//!
//! ```text
//! [1, fingerprint, stored at, fetch took, time to live, object]
//! [1, fingerprint, stored at, fetch took, time to live, tags, object]
//! [1, fingerprint, stored at, fetch took, time to live, nil, key]
//! [1, fingerprint, stored at, fetch took, time to live, true, primary key]
//! ```
//!
//! 1 is the format's version; the fingerprint is a u64; stored at a u64, in milliseconds since 1970; how
//! long the fetch took a u32, in microseconds; the time to live a u32, in milliseconds, or the greatest
//! number where the cache itself ends it. Else the cache may keep a value beyond its time to live, to be
//! served while the fetch fails.
//!
//! The second form is of an object that carries tags: binary data, for each tag the 16 bytes of its
//! hash and the 16 bytes of its epoch.
//!
//! The third form says that the backing store has no such object. Having no object to verify, it
//! carries the encoded key instead. The fourth stands under an alias and is a pointer: it carries the
//! encoded primary key, under which the object is stored. The header's integers have a fixed width,
//! so that the header can be read without a decoder.

mod soundness;

use std::io::{self, Write};
use std::time::Duration;

use rmp_serde::decode::Error as DecodeError;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Key;
use crate::protocol::Token;

const VERSION: u8 = 1;
const HEADER: usize = 30;
const ARRAY_OF_6: u8 = 0x96;
const ARRAY_OF_7: u8 = 0x97;
const U64: u8 = 0xcf;
const U32: u8 = 0xce;
const NIL: u8 = 0xc0;
const TRUE: u8 = 0xc3;
const BIN_8: u8 = 0xc4;
const BIN_16: u8 = 0xc5;
/// A tag's hash and its epoch.
const STAMP: usize = 32;

/// How deep a stored object may nest. Each level takes stack on reading.
const MAX_DEPTH: usize = 128;

/// What is known of a stored value besides the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    /// The fingerprint of the type that wrote it.
    pub(crate) fingerprint: u64,
    /// When it was stored, in milliseconds since 1970 by the writer's clock.
    pub(crate) stored_at: u64,
    /// How long the fetch took, in microseconds.
    pub(crate) fetch_took: u32,
    /// For how long it is to be served, in milliseconds; the greatest number: for as long as the cache
    /// has it.
    pub(crate) ttl: u32,
}

impl Header {
    /// The header of what is stored at this time, in milliseconds since 1970. A time to live of
    /// [`Duration::MAX`] says that the cache itself ends it.
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
    /// There is no object under this encoded key.
    Absent { key: &'a [u8] },
    /// The object is stored under this encoded primary key.
    Pointer { primary: &'a [u8] },
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

/// The bytes are no document of this version, or not that of the type.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Reads the header, and finds the body.
#[inline]
pub(crate) fn parse(document: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    let (header, body) = document.split_at_checked(HEADER).ok_or(Malformed)?;
    let tags = (header[1], header[2], header[11], header[20], header[25]);
    if tags != (VERSION, U64, U64, U32, U32) {
        return Err(Malformed);
    }
    let u64_at = |at: usize| header[at..at + 8].try_into().map(u64::from_be_bytes);
    let u32_at = |at: usize| header[at..at + 4].try_into().map(u32::from_be_bytes);
    let parsed = Header {
        fingerprint: u64_at(3).map_err(|_| Malformed)?,
        stored_at: u64_at(12).map_err(|_| Malformed)?,
        fetch_took: u32_at(21).map_err(|_| Malformed)?,
        ttl: u32_at(26).map_err(|_| Malformed)?,
    };
    match (header[0], body) {
        (ARRAY_OF_6, [_, ..]) => Ok((parsed, Body::Object(body))),
        (ARRAY_OF_7, [BIN_8, len, rest @ ..]) => tagged(parsed, usize::from(*len), rest),
        (ARRAY_OF_7, [BIN_16, high, low, rest @ ..]) => {
            tagged(parsed, usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        (ARRAY_OF_7, [NIL, key @ ..]) => Ok((parsed, Body::Absent { key: decode_key(key)? })),
        (ARRAY_OF_7, [TRUE, key @ ..]) => Ok((parsed, Body::Pointer { primary: decode_key(key)? })),
        _ => Err(Malformed),
    }
}

fn decode_key(key: &[u8]) -> Result<&[u8], Malformed> {
    decode::<&serde_bytes::Bytes>(key).map(|key| &**key)
}

fn tagged(header: Header, len: usize, rest: &[u8]) -> Result<(Header, Body<'_>), Malformed> {
    match rest.split_at_checked(len).ok_or(Malformed)? {
        (stamps, object @ [_, ..]) if len.is_multiple_of(STAMP) => {
            Ok((header, Body::Tagged { stamps, object }))
        }
        _ => Err(Malformed),
    }
}

/// The tags that an object was stored with, and their epochs.
pub(crate) fn stamps(document: &[u8]) -> Vec<(Key, Token)> {
    let Ok((_, Body::Tagged { stamps, .. })) = parse(document) else { return Vec::new() };
    let stamp = |bytes: &[u8]| {
        let (tag, epoch) = bytes.split_at(STAMP / 2);
        let tag = u128::from_be_bytes(tag.try_into().ok()?);
        Some((Key::from_hash(tag), Token::from_bytes(epoch.try_into().ok()?)))
    };
    stamps.chunks_exact(STAMP).filter_map(stamp).collect()
}

/// The document of an object, with the tags that it carries; of at most `max_len` bytes.
pub(crate) fn with_stamps(
    document: &[u8],
    stamps: &[(Key, Token)],
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    let (header, object) = document.split_at(HEADER.min(document.len()));
    let len = stamps.len() * STAMP;
    let mut stamped = Vec::with_capacity(document.len() + len + 3);
    stamped.extend_from_slice(header);
    stamped[0] = ARRAY_OF_7;
    match (u8::try_from(len), u16::try_from(len)) {
        (Ok(len), _) => stamped.extend_from_slice(&[BIN_8, len]),
        (_, Ok(len)) => {
            stamped.push(BIN_16);
            stamped.extend_from_slice(&len.to_be_bytes());
        }
        // Some two thousand tags.
        _ => return Err(Unfit::TooLarge),
    }
    for (tag, epoch) in stamps {
        stamped.extend_from_slice(&tag.hash().to_be_bytes());
        stamped.extend_from_slice(epoch.as_bytes());
    }
    stamped.extend_from_slice(object);
    within(max_len, stamped)
}

/// Decodes an object, which the bytes are and nothing more.
#[inline]
pub(crate) fn decode<'a, T: Deserialize<'a>>(object: &'a [u8]) -> Result<T, Malformed> {
    if !soundness::is_sound(object) {
        return Err(Malformed);
    }
    let mut decoder = rmp_serde::Deserializer::from_read_ref(object);
    decoder.set_max_depth(MAX_DEPTH);
    let decoded = T::deserialize(&mut decoder).map_err(|_| Malformed)?;
    // The decoder does not tell where it stopped; only at the end there is nothing more to be had.
    match bool::deserialize(&mut decoder) {
        Err(DecodeError::InvalidMarkerRead(_)) => Ok(decoded),
        _ => Err(Malformed),
    }
}

/// What an object is once it was stored and read again, whatever of it is lost on the way; `None` if it
/// cannot be.
pub(crate) fn once_stored<T: Serialize + DeserializeOwned>(object: &T) -> Option<T> {
    let header = Header::new(0, 0, Duration::ZERO, Duration::MAX);
    let document = encode(header, object, usize::MAX).ok()?;
    let (_, body) = parse(&document).ok()?;
    decode(body.object()?).ok()
}

/// Why a value cannot be stored.
#[derive(Debug)]
pub(crate) enum Unfit {
    /// Its document would be longer than allowed.
    TooLarge,
    /// It cannot be serialized.
    Unserializable(rmp_serde::encode::Error),
}

/// The document of an object, of at most `max_len` bytes.
pub(crate) fn encode<T: Serialize>(
    header: Header,
    object: &T,
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    let bytes = begin(ARRAY_OF_6, header);
    let mut writer = Bounded { exceeded: bytes.len() > max_len, bytes, max_len };
    // Structs as maps: field by field by name. As arrays they would be shorter, and
    // `skip_serializing_if` or an untagged enum anywhere in them would be misread.
    let result = object.serialize(&mut rmp_serde::Serializer::new(&mut writer).with_struct_map());
    match result {
        // Even if it went well: what could not be written is missing, and not every object minds.
        _ if writer.exceeded => Err(Unfit::TooLarge),
        Ok(()) => Ok(writer.bytes),
        Err(error) => Err(Unfit::Unserializable(error)),
    }
}

/// The document that says there is no object under this encoded key.
pub(crate) fn encode_absent(header: Header, key: &[u8], max_len: usize) -> Result<Vec<u8>, Unfit> {
    encode_key(header, NIL, key, max_len)
}

/// The document that says the object is stored under this encoded primary key.
pub(crate) fn encode_pointer(
    header: Header,
    primary: &[u8],
    max_len: usize,
) -> Result<Vec<u8>, Unfit> {
    encode_key(header, TRUE, primary, max_len)
}

fn encode_key(header: Header, mark: u8, key: &[u8], max_len: usize) -> Result<Vec<u8>, Unfit> {
    let mut document = begin(ARRAY_OF_7, header);
    document.push(mark);
    let key = rmp_serde::to_vec(serde_bytes::Bytes::new(key)).map_err(Unfit::Unserializable)?;
    document.extend_from_slice(&key);
    within(max_len, document)
}

fn within(max_len: usize, document: Vec<u8>) -> Result<Vec<u8>, Unfit> {
    if document.len() <= max_len { Ok(document) } else { Err(Unfit::TooLarge) }
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

/// Stops the encoder at the limit, before an oversized object has been built up in memory.
struct Bounded {
    bytes: Vec<u8>,
    max_len: usize,
    exceeded: bool,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if chunk.len() > self.max_len.saturating_sub(self.bytes.len()) {
            self.exceeded = true;
            return Err(io::Error::other("the value is larger than the cache takes"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;
    use serde::ser::SerializeTuple;

    use super::*;

    const ANY: Header = Header {
        fingerprint: 0x0123_4567_89ab_cdef,
        stored_at: 1_700_000_000_000,
        fetch_took: 420,
        ttl: 600_000,
    };

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Point {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        x: Option<i32>,
        #[serde(default)]
        y: Option<i32>,
    }

    #[test]
    fn a_document_comes_back() {
        let point = Point { x: Some(1), y: None };
        let document = encode(ANY, &point, 1000).unwrap();
        let (header, body) = parse(&document).unwrap();
        assert_eq!(header, ANY);
        let Body::Object(object) = body else { panic!("{body:?}") };
        assert_eq!(decode::<Point>(object).unwrap(), point);
    }

    #[test]
    fn a_very_long_time_to_live_is_not_none() {
        let ttl = |ttl| Header::new(1, 2, Duration::ZERO, ttl).ttl;
        assert_eq!(ttl(Duration::from_millis(7)), 7);
        assert_eq!(ttl(Duration::from_secs(60 * 24 * 60 * 60)), u32::MAX - 1);
        assert_eq!(ttl(Duration::MAX), u32::MAX);
    }

    #[test]
    fn skipped_fields_do_not_shift_the_others() {
        let point = Point { x: None, y: Some(2) };
        let document = encode(ANY, &point, 1000).unwrap();
        let (_, Body::Object(object)) = parse(&document).unwrap() else { panic!() };
        assert_eq!(decode::<Point>(object).unwrap(), point);
    }

    #[test]
    fn an_absence_carries_its_key() {
        let document = encode_absent(ANY, b"some key", 1000).unwrap();
        assert_eq!(parse(&document).unwrap(), (ANY, Body::Absent { key: b"some key" }));
    }

    #[test]
    fn a_pointer_carries_the_primary_key() {
        let document = encode_pointer(ANY, b"some key", 1000).unwrap();
        assert_eq!(parse(&document).unwrap(), (ANY, Body::Pointer { primary: b"some key" }));
        for len in 0..document.len() {
            assert_eq!(parse(&document[..len]), Err(Malformed), "{len}");
        }
    }

    #[test]
    fn a_document_is_valid_messagepack() {
        let document = encode(ANY, &Point { x: Some(7), y: None }, 1000).unwrap();
        let opened: (u8, u64, u64, u32, u32, Point) = rmp_serde::from_slice(&document).unwrap();
        assert_eq!(opened.0, 1);
        assert_eq!((opened.4, opened.5.x), (600_000, Some(7)));
    }

    #[test]
    fn every_truncation_is_malformed_or_undecodable() {
        let document = encode(ANY, &Point { x: Some(7), y: Some(8) }, 1000).unwrap();
        for len in 0..document.len() {
            match parse(&document[..len]) {
                Err(Malformed) => {}
                Ok((_, Body::Object(object))) => assert!(decode::<Point>(object).is_err(), "{len}"),
                Ok((_, other)) => panic!("{other:?} at {len}"),
            }
        }
    }

    #[test]
    fn tags_come_back_and_the_document_is_still_messagepack() {
        type Opened = (u8, u64, u64, u32, u32, serde_bytes::ByteBuf, Point);
        let document = encode(ANY, &Point { x: Some(7), y: None }, 1000).unwrap();
        for count in [0, 1, 7, 8, 100] {
            let stamp = |byte: u8| (Key::from_hash(byte.into()), Token::from_bytes([byte; 16]));
            let given: Vec<_> = (0..count).map(stamp).collect();
            let stamped = with_stamps(&document, &given, 10_000).unwrap();
            assert_eq!(stamps(&stamped), given);
            let (header, Body::Tagged { object, .. }) = parse(&stamped).unwrap() else { panic!() };
            assert_eq!(header, ANY);
            assert_eq!(decode::<Point>(object).unwrap().x, Some(7));
            let opened: Opened = rmp_serde::from_slice(&stamped).unwrap();
            assert_eq!(opened.5.len(), given.len() * STAMP);
            let length = if count < 8 { 1 } else { 2 };
            assert_eq!(stamped.len(), document.len() + 1 + length + given.len() * STAMP);
            assert!(with_stamps(&document, &given, stamped.len()).is_ok());
            let too_large = with_stamps(&document, &given, stamped.len() - 1);
            assert!(matches!(too_large, Err(Unfit::TooLarge)));
            for len in 0..stamped.len() {
                match parse(&stamped[..len]) {
                    Ok((_, Body::Tagged { object, .. })) => {
                        assert!(decode::<Point>(object).is_err(), "{len}");
                    }
                    Ok((_, other)) => panic!("{other:?} at {len}"),
                    Err(Malformed) => {}
                }
            }
        }
        let too_many = vec![(Key::from_hash(1), Token::from_bytes([1; 16])); 2048];
        assert!(matches!(with_stamps(&document, &too_many, 1 << 20), Err(Unfit::TooLarge)));
    }

    #[test]
    fn tags_are_whole() {
        let document = encode(ANY, &7, 1000).unwrap();
        for len in 0..=3 * STAMP {
            let mut tagged = document.clone();
            tagged[0] = ARRAY_OF_7;
            let mark = [&[BIN_8, u8::try_from(len).unwrap()][..], &vec![1; len]].concat();
            tagged.splice(HEADER..HEADER, mark);
            assert_eq!(parse(&tagged).is_ok(), len % STAMP == 0, "{len}");
        }
    }

    /// What it could not write is no matter to it.
    #[test]
    fn an_object_that_hides_the_limit_is_too_large_all_the_same() {
        struct Careless(&'static str);
        impl Serialize for Careless {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                let mut pair = serializer.serialize_tuple(2)?;
                let _ = pair.serialize_element(self.0);
                let _ = pair.serialize_element(&1);
                pair.end()
            }
        }
        let len = encode(ANY, &Careless("1234567890"), 1000).unwrap().len();
        for max_len in 0..len {
            let encoded = encode(ANY, &Careless("1234567890"), max_len);
            assert!(matches!(encoded, Err(Unfit::TooLarge)), "{max_len}");
        }
    }

    #[test]
    fn the_limit_is_exact() {
        let text = "x".repeat(500);
        let len = encode(ANY, &text, 10_000).unwrap().len();
        assert!(encode(ANY, &text, len).is_ok());
        assert!(matches!(encode(ANY, &text, len - 1), Err(Unfit::TooLarge)));
        assert!(matches!(encode(ANY, &text, 0), Err(Unfit::TooLarge)));
    }

    #[test]
    fn a_deep_document_is_refused_and_not_followed() {
        #[derive(Deserialize, Debug)]
        struct Node {
            #[allow(dead_code, reason = "only its depth matters")]
            next: Option<Box<Node>>,
        }
        // {"next": {"next": … nil}}
        let nest = |levels: usize| [b"\x81\xa4next".repeat(levels), vec![NIL]].concat();
        assert!(decode::<Node>(&nest(20)).is_ok());
        assert!(decode::<Node>(&nest(1_000_000)).is_err());
    }

    #[test]
    fn a_deep_enum_is_refused_and_not_followed() {
        #[derive(Serialize, Deserialize, Debug)]
        enum Tree {
            Leaf,
            Twig(Box<Tree>),
        }
        let twig = |tree, _| Tree::Twig(Box::new(tree));
        let encoded = |levels| rmp_serde::to_vec(&(0..levels).fold(Tree::Leaf, twig)).unwrap();
        assert!(decode::<Tree>(&encoded(MAX_DEPTH)).is_ok());
        assert!(decode::<Tree>(&encoded(MAX_DEPTH + 1)).is_err());
        // {1: {1: … 0}}, with variants by their numbers.
        let nest = |levels: usize| [b"\x81\x01".repeat(levels), vec![0]].concat();
        assert!(decode::<Tree>(&nest(20)).is_ok());
        assert!(decode::<Tree>(&nest(1_000_000)).is_err());
    }

    #[test]
    fn nothing_follows_an_object() {
        let object = rmp_serde::to_vec_named(&Point { x: Some(1), y: None }).unwrap();
        assert!(decode::<Point>(&object).is_ok());
        for byte in 0..=u8::MAX {
            assert!(decode::<Point>(&[&object[..], &[byte]].concat()).is_err(), "{byte:#x}");
        }
        let document = encode_absent(ANY, b"some key", 1000).unwrap();
        assert_eq!(parse(&[&document[..], b"!"].concat()), Err(Malformed));
    }

    #[test]
    fn a_claimed_length_is_not_believed() {
        // A list of four billion numbers in five bytes.
        assert!(decode::<Vec<u64>>(&[0xdd, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(decode::<String>(&[0xdb, 0xff, 0xff, 0xff, 0xff]).is_err());
    }
}
