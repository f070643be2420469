//! Tests of which values are read back, and which bytes are refused.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroI128, NonZeroU8, Wrapping};
use std::ops::Bound;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::ser::SerializeTuple;
use serde::{Deserialize, Serialize, Serializer};

use super::*;
use crate::model::schema::CacheSchema;

fn encoded<T: CacheSchema>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::after(Vec::new(), usize::MAX);
    value.write_to(&mut encoder);
    encoder.finish().unwrap()
}

fn decoded<T: CacheSchema>(bytes: &[u8]) -> Result<T, DecodeError> {
    let mut decoder = Decoder::new(bytes);
    let value = T::read_from(&mut decoder)?;
    decoder.finish()?;
    Ok(value)
}

/// The encoding is one MessagePack value and is read back; no prefix of it is accepted.
#[track_caller]
fn comes_back<T: CacheSchema + PartialEq + Debug>(value: T) {
    let bytes = encoded(&value);
    let read = decoded::<T>(&bytes).unwrap();
    assert_eq!(read, value);
    assert_eq!(difference(&value, &read), None);
    assert!(rmp_serde::from_slice::<serde::de::IgnoredAny>(&bytes).is_ok(), "{bytes:?}");
    for len in 0..bytes.len() {
        assert!(decoded::<T>(&bytes[..len]).is_err(), "{len} of {bytes:?}");
    }
    assert!(decoded::<T>(&[&bytes[..], &[0xc0]].concat()).is_err());
    let within = (1_u8, Some(value), 2_u8);
    let read = decoded::<(u8, Option<T>, u8)>(&encoded(&within)).unwrap();
    assert_eq!(read, within);
}

#[test]
fn numbers_of_every_width_come_back() {
    for shift in 0..64 {
        for near in [-1_i64, 0, 1] {
            let value = (1_i64 << shift).wrapping_add(near);
            comes_back(value);
            comes_back(value.wrapping_neg());
            comes_back(value.cast_unsigned());
            comes_back(i128::from(value) << 64);
            i32::try_from(value).into_iter().for_each(comes_back);
            u16::try_from(value).into_iter().for_each(comes_back);
            i8::try_from(value).into_iter().for_each(comes_back);
            u8::try_from(value).into_iter().for_each(comes_back);
        }
    }
    comes_back((u128::MAX, i128::MIN, usize::MAX, isize::MIN));
    comes_back((NonZeroU8::MIN, NonZeroI128::MIN, Wrapping(-7_i8)));
    assert!(decoded::<NonZeroU8>(&[0]).is_err());
    assert!(decoded::<u8>(&encoded(&256_u16)).is_err());
    assert!(decoded::<u32>(&encoded(&-1_i8)).is_err());
    assert!(decoded::<i64>(&encoded(&u64::MAX)).is_err());
}

#[test]
fn floats_come_back_bit_by_bit() {
    comes_back((1.5_f32, f64::MIN_POSITIVE, f64::INFINITY, f32::NEG_INFINITY));
    for bits in [0x7ff8_0000_0000_0000, 0xfff8_0000_0000_0001, 0x8000_0000_0000_0000_u64] {
        let value = f64::from_bits(bits);
        let read: f64 = decoded(&encoded(&value)).unwrap();
        assert_eq!(read.to_bits(), bits);
        assert_eq!(difference(&value, &read), None);
    }
    assert!(difference(&0.0_f64, &-0.0).is_some());
}

#[test]
fn text_and_bytes_of_every_length_come_back() {
    for len in [0, 1, 31, 32, 255, 256, 65_535, 65_536] {
        comes_back("é".repeat(len));
        let bytes = vec![0xc1_u8; len];
        let head = match len {
            0..256 => 2,
            256..65_536 => 3,
            _ => 5,
        };
        assert_eq!(encoded(&bytes).len(), head + len, "binary data");
        assert_eq!(decoded::<Vec<u8>>(&encoded(&bytes)).unwrap(), bytes);
        let numbers = vec![7_u16; len];
        assert_eq!(decoded::<Vec<u16>>(&encoded(&numbers)).unwrap(), numbers);
    }
    comes_back([7_u8; 32]);
    comes_back(Arc::<str>::from("text"));
    comes_back(Box::<[u8]>::from(&b"bytes"[..]));
    comes_back(Cow::<'static, str>::Borrowed("text"));
    comes_back(PathBuf::from("/a/b"));
    assert!(decoded::<String>(&[0xa1, 0xff]).is_err());
}

#[test]
fn every_option_comes_back() {
    comes_back(None::<u8>);
    comes_back(Some(7));
    comes_back(Some(()));
    comes_back(Some(None::<()>));
    comes_back(Some(Some(())));
    comes_back(None::<Option<Option<u8>>>);
    comes_back(Some(None::<Option<u8>>));
    comes_back(Some(Some(None::<u8>)));
    comes_back(Some(Arc::new(None::<u8>)));
    comes_back([None, Some(PhantomData::<u8>)]);
    assert_eq!(encoded(&Some(7_u8)).len(), 1);
}

#[test]
fn collections_come_back() {
    let pairs = [(3, "c"), (1, "a"), (2, "b")].map(|(key, value)| (key, value.to_owned()));
    comes_back(pairs.clone());
    comes_back(HashMap::from(pairs.clone()));
    comes_back(BTreeMap::from(pairs.clone()));
    comes_back(VecDeque::from(pairs.to_vec()));
    comes_back(LinkedList::from([1, 2, 3]));
    comes_back(HashSet::from([(1, true), (2, false)]));
    comes_back(BTreeSet::from(["x".to_owned()]));
    comes_back(vec![vec![], vec![None, Some('é')]]);
    comes_back((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12));
    comes_back((1..2, 1..=2, 3.., ..4));
    comes_back([Bound::Included(1), Bound::Excluded(2), Bound::Unbounded]);
    comes_back([Ok(1), Err("no".to_owned())]);
    comes_back([std::cmp::Ordering::Less, std::cmp::Ordering::Greater]);
}

#[test]
fn times_and_addresses_come_back() {
    comes_back(Duration::new(u64::MAX, 999_999_999));
    comes_back(SystemTime::now());
    comes_back(SystemTime::UNIX_EPOCH - Duration::from_nanos(1));
    for address in ["1.2.3.4", "::1"] {
        comes_back(address.parse::<IpAddr>().unwrap());
    }
    for address in ["1.2.3.4:5", "[::1%7]:65535"] {
        comes_back(address.parse::<SocketAddr>().unwrap());
    }
    assert!(decoded::<Duration>(&encoded(&(1_u64, 1_000_000_000_u32))).is_err());
}

#[derive(cachecow::CacheSchema, Clone, Debug, PartialEq)]
struct Row {
    id: i64,
    kind: Kind,
    #[cache(skip)]
    seen: u32,
    #[cache(opaque)]
    pair: Pair,
    #[cache(with = serde_bytes)]
    bytes: Vec<u8>,
    parent: Option<Box<Row>>,
}

#[derive(cachecow::CacheSchema, Clone, Debug, PartialEq)]
enum Kind {
    Plain,
    Tuple(u8, #[cache(skip)] u8),
    Named { kinds: Vec<Self> },
    Empty {},
}

#[derive(Serialize, Deserialize, Clone, Debug, PartialEq)]
struct Pair {
    #[serde(skip_serializing_if = "Option::is_none")]
    one: Option<u8>,
    #[serde(flatten)]
    rest: BTreeMap<String, IpAddr>,
}

fn row() -> Row {
    Row {
        id: -7,
        kind: Kind::Plain,
        seen: 0,
        pair: Pair { one: None, rest: [("a".to_owned(), IpAddr::from([1, 2, 3, 4]))].into() },
        bytes: vec![1; 300],
        parent: None,
    }
}

#[test]
fn structs_and_enums_come_back() {
    let kinds = [
        Kind::Plain,
        Kind::Tuple(1, 0),
        Kind::Empty {},
        Kind::Named { kinds: vec![Kind::Plain, Kind::Named { kinds: vec![] }] },
    ];
    comes_back(kinds.clone());
    for kind in kinds {
        comes_back(Row { kind, parent: Some(Box::new(row())), ..row() });
    }
}

#[test]
fn a_skipped_field_is_default() {
    let read: Row = decoded(&encoded(&Row { seen: 7, ..row() })).unwrap();
    assert_eq!(read.seen, 0);
}

#[test]
fn errors_and_differences_name_the_field() {
    let nested = |row: Row| Row { parent: Some(Box::new(row)), ..self::row() };
    let other = nested(Row { kind: Kind::Tuple(1, 0), ..row() });
    let another = nested(Row { kind: Kind::Tuple(2, 0), ..row() });
    assert_eq!(difference(&other, &another).unwrap(), "parent.kind.0");
    let mut pair = row();
    pair.pair.one = Some(1);
    assert_eq!(difference(&row(), &pair).unwrap(), "pair");
    let error = decoded::<Row>(&[0x95, 1, 0x92, 1, 0xa1, b'x']).unwrap_err().to_string();
    assert_eq!(error, "kind.0: expected an integer that is not negative, found text");
    let error = decoded::<Row>(&[0x94]).unwrap_err().to_string();
    assert_eq!(error, "more values are claimed than there are bytes");
}

#[test]
fn what_is_no_variant_is_refused() {
    for bytes in [&[4][..], &[1], &[0x92, 0, 0], &[0x91, 0], &[0x90], &[0x93, 1, 0, 0], &[0xc0]] {
        assert!(decoded::<Kind>(bytes).is_err(), "{bytes:?}");
    }
}

#[test]
fn equal_maps_are_compared_whatever_their_order() {
    #[derive(Serialize, Deserialize)]
    struct Foreign {
        map: HashMap<u64, u64>,
    }
    #[derive(cachecow::CacheSchema)]
    struct Around {
        #[cache(opaque)]
        foreign: Foreign,
        set: HashSet<u64>,
    }
    for _ in 0..10 {
        let foreign = Foreign { map: (0..100).map(|n| (n, n)).collect() };
        let value = Around { foreign, set: (0..100).collect() };
        let read = decoded(&encoded(&value)).unwrap();
        assert_eq!(difference(&value, &read), None);
    }
}

/// What it could not write is no matter to it.
#[test]
fn a_value_that_hides_the_limit_is_too_large_all_the_same() {
    #[derive(Deserialize)]
    struct Careless(String);
    impl Serialize for Careless {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut pair = serializer.serialize_tuple(2)?;
            let _ = pair.serialize_element(&self.0);
            let _ = pair.serialize_element(&1);
            pair.end()
        }
    }
    #[derive(cachecow::CacheSchema)]
    struct Around(#[cache(opaque)] Careless);
    let value = Around(Careless("1234567890".to_owned()));
    let len = encoded(&value).len();
    for max_len in 0..len {
        let mut encoder = Encoder::after(Vec::new(), max_len);
        value.write_to(&mut encoder);
        assert!(matches!(encoder.finish(), Err(Unfit::TooLarge)), "{max_len}");
    }
}

#[test]
fn the_limit_is_exact() {
    let value = Row { bytes: vec![0; 1000], ..row() };
    let len = encoded(&value).len();
    for max_len in 0..=len {
        let mut encoder = Encoder::after(Vec::new(), max_len);
        value.write_to(&mut encoder);
        assert_eq!(encoder.finish().is_ok(), max_len == len, "{max_len}");
    }
}

#[derive(cachecow::CacheSchema, Debug)]
struct Node {
    next: Option<Box<Node>>,
}

#[derive(cachecow::CacheSchema, Debug)]
struct ForeignNode {
    #[cache(opaque)]
    tree: Tree,
}

#[derive(Serialize, Deserialize, Debug)]
enum Tree {
    Leaf,
    Twig(Box<Tree>),
}

#[test]
fn what_is_nested_too_deep_is_refused_and_not_followed() {
    let nest = |levels: usize| [[0x91].repeat(levels), vec![0xc0]].concat();
    assert!(decoded::<Node>(&nest(MAX_DEPTH)).is_ok());
    assert!(decoded::<Node>(&nest(MAX_DEPTH + 1)).is_err());
    assert!(decoded::<Node>(&nest(1_000_000)).is_err());
    let node = (0..200).fold(Node { next: None }, |next, _| Node { next: Some(Box::new(next)) });
    let mut encoder = Encoder::after(Vec::new(), usize::MAX);
    node.write_to(&mut encoder);
    assert!(matches!(encoder.finish(), Err(Unfit::Unencodable(_))));
}

#[test]
fn what_serde_nests_too_deep_is_refused_and_not_followed() {
    let twig = |tree, _| Tree::Twig(Box::new(tree));
    let foreign = |levels| ForeignNode { tree: (0..levels).fold(Tree::Leaf, twig) };
    assert!(decoded::<ForeignNode>(&encoded(&foreign(100))).is_ok());
    // {1: {1: … 0}}, with variants by their numbers.
    let nest = |levels: usize| {
        let value = [b"\x81\x01".repeat(levels), vec![0]].concat();
        [vec![0x91], encoded(&value)].concat()
    };
    assert!(decoded::<ForeignNode>(&nest(20)).is_ok());
    assert!(decoded::<ForeignNode>(&nest(1_000_000)).is_err());
}

#[test]
fn a_claimed_length_is_not_believed() {
    for marker in [0xdd, 0xdf, 0xc6, 0xdb] {
        let bytes = [marker, 0xff, 0xff, 0xff, 0xff];
        assert!(decoded::<Vec<u64>>(&bytes).is_err());
        assert!(decoded::<Vec<[u64; 1000]>>(&bytes).is_err());
        assert!(decoded::<Vec<u8>>(&bytes).is_err());
        assert!(decoded::<String>(&bytes).is_err());
        assert!(decoded::<HashMap<u8, u8>>(&bytes).is_err());
        assert!(decoded::<ForeignNode>(&bytes).is_err());
    }
}

#[test]
fn a_refusal_names_the_field() {
    #[derive(Deserialize)]
    struct Unserializable;
    impl Serialize for Unserializable {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    #[derive(cachecow::CacheSchema)]
    struct Inner {
        before: u8,
        #[cache(opaque)]
        foreign: Unserializable,
        after: Option<Box<Inner>>,
    }
    #[derive(cachecow::CacheSchema)]
    struct Outer {
        before: u8,
        list: Vec<Inner>,
        after: u8,
    }
    let inner = || Inner { before: 1, foreign: Unserializable, after: None };
    let outer = Outer { before: 1, list: vec![inner(), inner()], after: 2 };
    let mut encoder = Encoder::after(Vec::new(), usize::MAX);
    outer.write_to(&mut encoder);
    let Err(Unfit::Unencodable(reason)) = encoder.finish() else { panic!() };
    assert_eq!(reason.to_string(), "list.foreign: not today");
}
