//! Tests of the parts of a document, and of what is refused.

use super::*;

const ANY: Header = Header {
    fingerprint: 0x0123_4567_89ab_cdef,
    stored_at: 1_700_000_000_000,
    fetch_took: 420,
    ttl: 600_000,
};

#[derive(cachecow::CacheSchema, PartialEq, Debug)]
struct Point {
    x: Option<i32>,
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
fn an_absence_carries_its_key() {
    let document = encode_absent(ANY, b"some key", 1000).unwrap();
    let absence = Body::Absent { stamps: &[], key: b"some key" };
    assert_eq!(parse(&document).unwrap(), (ANY, absence));
}

#[test]
fn an_absence_may_carry_tags() {
    let absent = encode_absent(ANY, b"some key", 1000).unwrap();
    for tags in [0, 1, 3] {
        let stamp = |tag| (Key::from_hash(tag), Token::from_bytes([7; 16]));
        let stamped: Vec<_> = (0..tags).map(stamp).collect();
        let document = with_stamps(&absent, &stamped, 1000).unwrap();
        let (header, body) = parse(&document).unwrap();
        let Body::Absent { stamps: found, key: b"some key" } = body else { panic!("{body:?}") };
        assert_eq!(header, ANY);
        let expected = stamped.iter().map(|(tag, epoch)| (tag.hash(), *epoch));
        assert!(stamps(found).eq(expected), "{tags} tags");
        let cut = with_stamps(&absent, &stamped, document.len() - 1);
        assert!(matches!(cut, Err(Unfit::TooLarge)));
        for len in 0..document.len() {
            assert_eq!(parse(&document[..len]), Err(Malformed), "{len}");
        }
    }
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
    type Opened = (u8, u64, u64, u32, u32, (Option<i32>, Option<i32>));
    let document = encode(ANY, &Point { x: Some(7), y: None }, 1000).unwrap();
    let opened: Opened = rmp_serde::from_slice(&document).unwrap();
    assert_eq!(opened.0, 1);
    assert_eq!((opened.4, opened.5), (600_000, (Some(7), None)));
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
    type Fields = (Option<i32>, Option<i32>);
    type Opened = (u8, u64, u64, u32, u32, serde_bytes::ByteBuf, Fields);
    let document = encode(ANY, &Point { x: Some(7), y: None }, 1000).unwrap();
    for count in [0, 1, 7, 8, 100] {
        let stamp = |byte: u8| (Key::from_hash(byte.into()), Token::from_bytes([byte; 16]));
        let given: Vec<_> = (0..count).map(stamp).collect();
        let stamped = with_stamps(&document, &given, 10_000).unwrap();
        let Ok((_, Body::Tagged { stamps: found, .. })) = parse(&stamped) else { panic!() };
        assert!(stamps(found).eq(given.iter().map(|(tag, epoch)| (tag.hash(), *epoch))));
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

#[test]
fn the_limit_is_exact() {
    let text = "x".repeat(500);
    let len = encode(ANY, &text, 10_000).unwrap().len();
    assert!(encode(ANY, &text, len).is_ok());
    assert!(matches!(encode(ANY, &text, len - 1), Err(Unfit::TooLarge)));
    assert!(matches!(encode(ANY, &text, 0), Err(Unfit::TooLarge)));
}

#[test]
fn nothing_follows_an_object() {
    let document = encode(ANY, &Point { x: Some(1), y: None }, 1000).unwrap();
    let object = document[HEADER..].to_vec();
    assert!(decode::<Point>(&object).is_ok());
    for byte in 0..=u8::MAX {
        assert!(decode::<Point>(&[&object[..], &[byte]].concat()).is_err(), "{byte:#x}");
    }
    let document = encode_absent(ANY, b"some key", 1000).unwrap();
    assert_eq!(parse(&[&document[..], b"!"].concat()), Err(Malformed));
}
