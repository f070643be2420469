//! Types of this test's own, as a program may have them.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};

use cachecow::CacheSchema;
use chrono::{DateTime, TimeZone as _, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Value, json};
use time::{Date, OffsetDateTime};
use uuid::Uuid;

#[derive(Clone, Debug, PartialEq, CacheSchema)]
pub(crate) struct Address {
    pub(crate) city: String,
    pub(crate) zip: Option<String>,
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
pub(crate) enum Shape {
    Point,
    Circle(f64),
    Rect { a: u8, b: u8 },
    Group(Vec<Self>),
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
pub(crate) struct UserId(pub(crate) i64);

#[derive(Clone, Debug, PartialEq, CacheSchema)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<Box<Page<T>>>,
}

/// With serde's attributes for the program's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
pub(crate) struct ForJson {
    #[serde(skip_serializing, default)]
    pub(crate) hash: String,
    #[serde(skip)]
    pub(crate) admin: bool,
    #[serde(rename(serialize = "nameOut", deserialize = "nameIn"), default)]
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Newtype<T>(pub(crate) T);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Pair<A, B>(pub(crate) A, pub(crate) B);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) enum External {
    A,
    B(u8),
    C { x: Option<u8> },
    D(u8, u8),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum Internal {
    A,
    B { ip: IpAddr },
    C(Flat),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "value")]
pub(crate) enum Adjacent {
    A,
    B(IpAddr),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Untagged {
    Number(u32),
    Text(String),
    Many(Vec<Untagged>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum UntaggedIp {
    Ip(IpAddr),
    Text(String),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum UntaggedDate {
    Date(Date),
    List([i32; 2]),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind")]
pub(crate) enum TaggedU128 {
    A { value: u128 },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Flat {
    pub(crate) id: u8,
    #[serde(flatten)]
    pub(crate) inner: FlatInner,
    #[serde(flatten)]
    pub(crate) rest: BTreeMap<String, Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FlatInner {
    pub(crate) ip: IpAddr,
    pub(crate) when: DateTime<Utc>,
    pub(crate) id_of: Uuid,
}

impl Flat {
    pub(crate) fn new() -> Self {
        let inner = FlatInner {
            ip: Ipv6Addr::LOCALHOST.into(),
            when: Utc.timestamp_opt(1, 2).unwrap(),
            id_of: Uuid::max(),
        };
        Self { id: 1, inner, rest: BTreeMap::from([("x".to_owned(), json!([1, null]))]) }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sparse {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) a: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) b: Option<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Renamed {
    pub(crate) first_name: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub(crate) struct Celsius(pub(crate) i32);

impl From<String> for Celsius {
    fn from(text: String) -> Self {
        Self(text.trim_end_matches(" °C").parse().unwrap())
    }
}

impl From<Celsius> for String {
    fn from(celsius: Celsius) -> Self {
        format!("{} °C", celsius.0)
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Transparent {
    pub(crate) inner: u8,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct WithBytes {
    #[serde(with = "serde_bytes")]
    pub(crate) bytes: Vec<u8>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct OneWay {
    #[serde(rename(serialize = "out", deserialize = "in"), default)]
    pub(crate) name: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
pub(crate) struct Redacted(pub(crate) String);

impl Serialize for Redacted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("***")
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AtSeconds {
    #[serde(with = "chrono::serde::ts_seconds")]
    pub(crate) at: DateTime<Utc>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AtTimestamp {
    #[serde(with = "time::serde::timestamp")]
    pub(crate) at: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tree {
    pub(crate) children: Vec<Tree>,
}

pub(crate) fn tree(levels: usize) -> Tree {
    (1..levels).fold(Tree { children: vec![] }, |tree, _| Tree { children: vec![tree] })
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Unserializable;

impl Serialize for Unserializable {
    fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        Err(serde::ser::Error::custom("not today"))
    }
}

impl<'de> Deserialize<'de> for Unserializable {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}
