//! The types that models are made of: each comes back from the cache as it was fetched, or is refused.
//! `cachecow/docs/stored_types.md` is made of these cases.

mod document;
mod types;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::convert::Infallible;
use std::fmt::Debug;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::num::{NonZeroI64, NonZeroU32, Wrapping};
use std::ops::{Bound, Range, RangeInclusive};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bson::oid::ObjectId;
use bson::{Bson, Document};
use bytes::Bytes;
use cachecow::{Cached, Source};
use cachecow_tests::on_both_backends;
use chrono::{
    DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone as _, Utc,
};
use indexmap::{IndexMap, IndexSet};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use smallvec::SmallVec;
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcOffset};
use url::Url;
use uuid::Uuid;

use types::{
    Address, Adjacent, AtSeconds, AtTimestamp, Celsius, External, Flat, ForJson, Internal, Newtype,
    OneWay, Page, Pair, Redacted, Renamed, Shape, Sparse, TaggedU128, Transparent, Tree, Unit,
    Unserializable, Untagged, UntaggedDate, UntaggedIp, UserId, WithBytes, tree,
};

/// What becomes of a value.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Equal,
    Refused,
}
use Fate::{Equal, Refused};

/// A cached struct with a field of the type, each of whose values is read three times.
macro_rules! holder {
    (($($storage:tt)*) $fate:ident $name:ident $type:ty, $values:expr) => {
        #[allow(non_snake_case, reason = "named by the type")]
        pub(super) mod $name {
            use crate::*;

            #[derive(Cached)]
            #[cache(key = "holder:{of}:{id}", fetch = Holder::find)]
            struct Holder {
                of: String,
                id: usize,
                $($storage)*
                value: $type,
            }

            fn values() -> Vec<$type> {
                $values.into_iter().collect()
            }

            impl Holder {
                async fn find(of: &str, id: usize) -> Result<Option<Self>, Infallible> {
                    let value = values().into_iter().nth(id);
                    Ok(value.map(|value| Self { of: of.to_owned(), id, value }))
                }
            }

            pub(crate) async fn check(cow: cachecow::CacheCow) {
                let name = stringify!($name);
                for (id, value) in values().into_iter().enumerate() {
                    let expected = format!("{value:?}");
                    let mut fate = Refused;
                    for _ in 0..3 {
                        let read = cow.read(Holder::by_of_and_id(name, id)).await.unwrap();
                        let value = read.value.unwrap();
                        assert_eq!(format!("{:?}", value.value), expected, "{name}");
                        if read.source == Source::Cache {
                            fate = Equal;
                        }
                    }
                    assert_eq!(fate, Fate::$fate, "{name} {expected}");
                }
                let stats = cow.stats().of("Holder");
                assert_eq!(stats.decode_failures, 0);
                assert_eq!(stats.unfaithful > 0, Fate::$fate == Refused, "{stats}");
            }
        }
    };
}

macro_rules! types {
    ($($test:ident $storage:tt {
        $($fate:ident $(($reason:literal))? $name:ident: $type:ty = $values:expr;)*
    })*) => {
        $(mod $test {
            $(holder!($storage $fate $name $type, $values);)*
        })*

        on_both_backends! {$(
            async fn $test(cache) {
                $($test::$name::check(cache.open_default()).await;)*
            }
        )*}

        /// The same, for the document.
        const GROUPS: &[document::Group] = &[$(document::Group {
            name: stringify!($test),
            storage: stringify!($storage),
            cases: &[$(document::Case {
                name: stringify!($name),
                ty: stringify!($type),
                fate: Fate::$fate,
                reason: concat!($($reason)?),
            }),*],
        }),*];
    };
}

types! {
    plain_types() {
        Equal i8: i8 = [0, i8::MIN, i8::MAX];
        Equal i16: i16 = [i16::MIN, i16::MAX];
        Equal i32: i32 = [i32::MIN, i32::MAX];
        Equal i64: i64 = [i64::MIN, i64::MAX];
        Equal i128: i128 = [i128::MIN, i128::MAX];
        Equal isize: isize = [isize::MIN, isize::MAX];
        Equal u8: u8 = [0, 127, 128, 255];
        Equal u16: u16 = [u16::MAX];
        Equal u32: u32 = [u32::MAX];
        Equal u64: u64 = [u64::MAX];
        Equal u128: u128 = [u128::MAX];
        Equal usize: usize = [usize::MAX];
        Equal f32: f32 = [f32::MIN_POSITIVE, f32::NAN, -0.0];
        Equal f64: f64 = [f64::MAX, f64::NAN, f64::NEG_INFINITY, 0.1 + 0.2];
        Equal bool: bool = [true, false];
        Equal char: char = ['\0', 'é', '🐮'];
        Equal unit: () = [()];
        Equal String: String = [String::new(), "Grüße\0".to_owned(), "x".repeat(100_000)];
        Equal BoxStr: Box<str> = ["text".into()];
        Equal ArcStr: Arc<str> = ["text".into()];
        Equal CowStr: Cow<'static, str> = ["text".into()];
        Equal NonZeroU32: NonZeroU32 = [NonZeroU32::MAX];
        Equal NonZeroI64: NonZeroI64 = [NonZeroI64::MIN];
        Equal Wrapping: Wrapping<u8> = [Wrapping(7)];
        Equal Ordering: std::cmp::Ordering = [std::cmp::Ordering::Less];
        Equal PhantomData: PhantomData<fn(u8) -> u8> = [PhantomData];
        Equal PathBuf: PathBuf = ["/etc/hosts".into()];
    }
    collections() {
        Equal Option: Option<u32> = [None, Some(0)];
        Equal OptionOfUnit: Option<()> = [None, Some(())];
        Equal OptionOfOption: Option<Option<u32>> = [None, Some(None), Some(Some(1))];
        Equal OptionOfOptionOfOption: Option<Option<Option<()>>> = [Some(Some(None)), Some(None)];
        Equal Result: Result<u32, String> = [Ok(1), Err("no".to_owned())];
        Equal Vec: Vec<i32> = [vec![], vec![1, -1], (0..70_000).collect()];
        Equal VecOfU8: Vec<u8> = [vec![], vec![0xc1; 700_000]];
        Equal VecOfVec: Vec<Vec<String>> = [vec![vec![], vec!["a".to_owned()]]];
        Equal BoxSlice: Box<[u8]> = [vec![1, 2].into()];
        Equal ArcSlice: Arc<[u16]> = [vec![1, 2].into()];
        Equal CowSlice: Cow<'static, [u8]> = [vec![1, 2].into()];
        Equal Array: [u8; 32] = [[7; 32]];
        Equal ArrayOfStrings: [String; 2] = [["a".to_owned(), "b".to_owned()]];
        Equal EmptyArray: [u64; 0] = [[]];
        Equal VecDeque: VecDeque<u8> = [VecDeque::from([1, 2])];
        Equal LinkedList: LinkedList<u8> = [LinkedList::from([1, 2])];
        Equal HashMap: HashMap<String, i64> = [HashMap::from([("a".to_owned(), 1)])];
        Equal HashMapByTuple: HashMap<(i32, i32), u8> = [HashMap::from([((1, 2), 3)])];
        Equal HashMapByBool: HashMap<bool, Vec<u8>> = [HashMap::from([(true, vec![1])])];
        Equal BTreeMap: BTreeMap<u64, Option<bool>> = [BTreeMap::from([(1, None), (2, Some(true))])];
        Equal HashSet: HashSet<char> = [HashSet::from(['a'])];
        Equal BTreeSet: BTreeSet<Vec<u8>> = [BTreeSet::from([vec![1], vec![2]])];
        Equal Tuple1: (u8,) = [(1,)];
        Equal Tuple2: (u8, String) = [(1, "a".to_owned())];
        Equal Tuple12: (u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8, u8) =
            [(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)];
        Equal Range: Range<i32> = [1..2, 3..3];
        Equal RangeInclusive: RangeInclusive<u8> = [0..=255];
        Equal Bound: Bound<u8> = [Bound::Unbounded, Bound::Excluded(1)];
        Equal Box: Box<Option<u8>> = [Box::new(None)];
        Equal Arc: Arc<String> = [Arc::new("a".to_owned())];
    }
    times_and_addresses() {
        Equal Duration: Duration = [Duration::ZERO, Duration::MAX];
        Equal SystemTime: SystemTime = [SystemTime::UNIX_EPOCH - Duration::from_nanos(1)];
        Equal IpAddr: IpAddr = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Equal Ipv4Addr: Ipv4Addr = [Ipv4Addr::BROADCAST];
        Equal Ipv6Addr: Ipv6Addr = [Ipv6Addr::UNSPECIFIED];
        Equal SocketAddr: SocketAddr = ["1.2.3.4:5".parse().unwrap(), "[::1]:5".parse().unwrap()];
        Equal SocketAddrV4: SocketAddrV4 = ["1.2.3.4:5".parse().unwrap()];
        Equal SocketAddrV6: SocketAddrV6 = ["[::1%3]:5".parse().unwrap()];
    }
    other_crates_types() {
        Equal Uuid: Uuid = [Uuid::nil(), Uuid::max()];
        Equal ChronoDateTimeUtc: DateTime<Utc> =
            [Utc.timestamp_opt(1_700_000_000, 123_456_789).unwrap(), DateTime::<Utc>::MIN_UTC];
        Equal ChronoLeapSecond: DateTime<Utc> =
            [Utc.timestamp_opt(1_483_228_799, 1_500_000_000).unwrap()];
        Equal ChronoDateTimeFixed: DateTime<FixedOffset> =
            [FixedOffset::east_opt(-16_200).unwrap().timestamp_opt(7, 8).unwrap()];
        Equal NaiveDate: NaiveDate = [NaiveDate::MIN, NaiveDate::MAX];
        Equal NaiveTime: NaiveTime = [NaiveTime::MIN];
        Equal NaiveDateTime: NaiveDateTime = [NaiveDateTime::MAX];
        Equal TimeDelta: TimeDelta = [TimeDelta::MIN, TimeDelta::MAX, TimeDelta::nanoseconds(-1)];
        Equal Weekday: chrono::Weekday = [chrono::Weekday::Sun];
        Equal ChronoMonth: chrono::Month = [chrono::Month::December];
        Equal TimeDate: Date = [Date::MIN, Date::MAX];
        Equal TimeTime: Time = [Time::MIDNIGHT, Time::MAX];
        Equal PrimitiveDateTime: PrimitiveDateTime = [PrimitiveDateTime::MAX];
        Equal OffsetDateTime: OffsetDateTime =
            [OffsetDateTime::UNIX_EPOCH.to_offset(UtcOffset::from_hms(-3, -30, 0).unwrap())];
        Equal UtcOffset: UtcOffset = [UtcOffset::from_hms(1, 2, 3).unwrap()];
        Equal TimeDuration: time::Duration =
            [time::Duration::MIN, time::Duration::MAX, time::Duration::nanoseconds(-1)];
        Equal TimeMonth: Month = [Month::December];
        Equal TimeWeekday: time::Weekday = [time::Weekday::Sunday];
        Equal Decimal: Decimal = [Decimal::MAX, Decimal::new(100, 2), Decimal::new(-1, 28)];
        Equal JsonValue: Value =
            [Value::Null, json!({"b": [1, -1, 1.5, null, "x"], "a": {"": u64::MAX}})];
        Equal OptionOfJsonValue: Option<Value> = [None, Some(Value::Null), Some(json!([null]))];
        Equal JsonMap: serde_json::Map<String, Value> = [serde_json::Map::new()];
        Equal JsonNumber: serde_json::Number = [1.into(), (-1).into()];
        Equal Url: Url = ["https://example.org/?q=a#b".parse().unwrap()];
        Equal Bytes: Bytes = [Bytes::from_static(b"\xff\0")];
        Equal ObjectId: ObjectId = [ObjectId::from_bytes([7; 12])];
        Equal BsonDateTime: bson::DateTime = [bson::DateTime::MIN, bson::DateTime::MAX];
        Equal Decimal128: bson::Decimal128 = ["1.50".parse().unwrap()];
        Equal Bson: Bson = [
            Bson::Int64(7), Bson::Int32(7), Bson::Null, Bson::Double(1.0), Bson::Boolean(true),
            Bson::ObjectId(ObjectId::from_bytes([7; 12])), Bson::MinKey, Bson::Undefined,
            Bson::Timestamp(bson::Timestamp { time: 1, increment: 2 }),
            Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Md5, bytes: vec![1] }),
            Bson::DateTime(bson::DateTime::from_millis(-1)), Bson::Symbol("a".to_owned()),
            Bson::JavaScriptCode("1".to_owned()), Bson::Decimal128("1.50".parse().unwrap()),
        ];
        Equal OptionOfBson: Option<Bson> = [Some(Bson::Null), None];
        Equal Document: Document = [bson::doc! {"z": [1, 2_i64, {"a": null}], "a": "b"}];
        Equal IndexMap: IndexMap<String, u8> = [IndexMap::from([("b".to_owned(), 1), ("a".to_owned(), 2)])];
        Equal IndexSet: IndexSet<u8> = [IndexSet::from([2, 1])];
        Equal SmallVec: SmallVec<[u8; 4]> = [SmallVec::from_slice(b"12345")];
        Equal SmallVecOfStrings: SmallVec<[String; 1]> = [SmallVec::from_vec(vec!["a".to_owned()])];
    }
    models_of_our_own() {
        Equal Struct: Address = [Address { city: "Bern".to_owned(), zip: None }];
        Equal Enum: Shape = [
            Shape::Point, Shape::Circle(1.5), Shape::Rect { a: 1, b: 2 }, Shape::Group(vec![Shape::Point]),
        ];
        Equal Newtype: UserId = [UserId(7)];
        Equal Generic: Page<Address> = [Page { items: vec![], next: Some(Box::new(Page { items: vec![], next: None })) }];
        Equal WithSerdeAttributes: ForJson = [ForJson { hash: "x".to_owned(), admin: true, name: Some("n".to_owned()) }];
    }
    foreign_types(#[cache(opaque)]) {
        Equal Unit: Unit = [Unit];
        Equal ForeignNewtype: Newtype<String> = [Newtype("a".to_owned())];
        Equal TupleStruct: Pair<u8, String> = [Pair(1, "a".to_owned())];
        Equal ExternallyTagged: External = [External::A, External::B(1), External::C { x: Some(1) }, External::D(1, 2)];
        Equal InternallyTagged: Internal = [Internal::A, Internal::B { ip: Ipv4Addr::LOCALHOST.into() }, Internal::C(Flat::new())];
        Equal AdjacentlyTagged: Adjacent = [Adjacent::A, Adjacent::B(Ipv6Addr::LOCALHOST.into())];
        Equal Untagged: Untagged = [Untagged::Number(1), Untagged::Text("x".to_owned()), Untagged::Many(vec![Untagged::Number(2)])];
        Equal UntaggedIp: UntaggedIp = [UntaggedIp::Ip(Ipv4Addr::LOCALHOST.into()), UntaggedIp::Text("x".to_owned())];
        Equal Flattened: Flat = [Flat::new()];
        Equal SkippedIfNone: Sparse = [Sparse { a: None, b: Some(1) }, Sparse { a: Some(1), b: None }];
        Equal Renamed: Renamed = [Renamed { first_name: "a".to_owned() }];
        Equal FromAndInto: Celsius = [Celsius(21)];
        Equal Transparent: Transparent = [Transparent { inner: 7 }];
        Equal SerdeBytes: WithBytes = [WithBytes { bytes: vec![1; 300] }];
        Equal KeysThatAreNoText: HashMap<(i32, i32), u8> = [HashMap::from([((1, 2), 3)])];
        Equal NoNumber: Newtype<f64> = [Newtype(f64::NAN), Newtype(f64::INFINITY)];
        Equal U128InAStruct: Newtype<u128> = [Newtype(u128::MAX), Newtype(1)];
        Equal I128InAStruct: Newtype<i128> = [Newtype(i128::MIN)];
        Equal ForeignIp: IpAddr = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        Equal ForeignSocket: SocketAddr = ["[::1]:5".parse().unwrap()];
        Equal ForeignDuration: Duration = [Duration::MAX];
        Equal ForeignTime: SystemTime = [SystemTime::UNIX_EPOCH + Duration::from_nanos(7)];
        Equal ForeignResult: Result<u8, String> = [Ok(1), Err("x".to_owned())];
        Equal ForeignRange: Range<u8> = [1..2, 3..3];
        Equal ForeignUuid: Uuid = [Uuid::max()];
        Equal ForeignChrono: DateTime<Utc> = [Utc.timestamp_opt(1, 2).unwrap()];
        Equal ForeignNaiveDate: NaiveDate = [NaiveDate::MIN];
        Equal ForeignOffset: OffsetDateTime = [OffsetDateTime::UNIX_EPOCH];
        Equal ForeignDecimal: Decimal = [Decimal::new(100, 2)];
        Equal ForeignJson: Value = [json!({"a": [1, 1.5, null]})];
        Equal ForeignUrl: Url = ["https://example.org/".parse().unwrap()];
        Equal ForeignObjectId: ObjectId = [ObjectId::from_bytes([7; 12])];
        Equal ForeignIndexMap: IndexMap<String, u8> = [IndexMap::from([("b".to_owned(), 1), ("a".to_owned(), 2)])];
        Equal ForeignSmallVec: SmallVec<[u8; 4]> = [SmallVec::from_slice(b"123")];
        Equal ForeignTree: Tree = [tree(60)];
        Equal Whole: AtSeconds = [AtSeconds { at: Utc.timestamp_opt(7, 0).unwrap() }];
    }
    types_that_serde_loses_something_of(#[cache(opaque)]) {
        Refused("the field is not written") SkipSerializing: ForJson = [ForJson { hash: "x".to_owned(), admin: false, name: None }];
        Refused("the field is neither written nor read") Skip: ForJson = [ForJson { hash: String::new(), admin: true, name: None }];
        Refused("the field is written by one name and read by another") RenamedOneWay: OneWay = [OneWay { name: Some("x".to_owned()) }];
        Refused("`Serialize` writes something else") Redacted: Redacted = [Redacted("secret".to_owned())];
        Refused("the nanoseconds are lost; a whole second is stored") TsSeconds: AtSeconds = [AtSeconds { at: Utc.timestamp_opt(7, 8).unwrap() }];
        Refused("the nanoseconds are lost") Timestamp: AtTimestamp = [AtTimestamp { at: OffsetDateTime::UNIX_EPOCH + Duration::from_nanos(7) }];
        Refused("serde writes `Some(None)` as it writes `None`") SomeNone: Newtype<Option<Option<u8>>> = [Newtype(Some(None))];
        Refused("serde writes `Some(())` as it writes `None`") SomeUnit: Newtype<Option<()>> = [Newtype(Some(()))];
        Refused("serde writes `Some(Value::Null)` as it writes `None`") SomeNull: Newtype<Option<Value>> = [Newtype(Some(Value::Null))];
        Refused("it is read back as `Bson::Int32`; without `opaque` it is stored") SmallInt64: Bson = [Bson::Int64(7)];
        Refused("it is read back as the first variant that fits") UntaggedDate: UntaggedDate = [UntaggedDate::List([2024, 60])];
        Refused("it can only be read from JSON") Raw: Box<serde_json::value::RawValue> = [serde_json::value::RawValue::from_string("1".to_owned()).unwrap()];
        Refused("it nests deeper than 128 levels of MessagePack") DeepTree: Tree = [tree(70)];
        Refused("serde cannot keep a `u128` behind a tag") U128InATag: TaggedU128 = [TaggedU128::A { value: u128::MAX }];
        Refused("`Serialize` fails") NotSerializable: Unserializable = [Unserializable];
    }
}
