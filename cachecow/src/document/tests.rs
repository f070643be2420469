//! What a document is made of, and what is refused.

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
fn a_pointer_carries_its_own_token_and_the_primary_key() {
    let stored_by = Token::from_bytes([7; 16]);
    let document = encode_pointer(ANY, stored_by, b"some key", 1000).unwrap();
    let pointer = Body::Pointer { stored_by, primary: b"some key" };
    assert_eq!(parse(&document).unwrap(), (ANY, pointer));
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
        let Ok((_, Body::Tagged { stamps: found, .. })) = parse(&stamped) else { panic!() };
        assert!(stamps(found).eq(given.iter().copied()));
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
