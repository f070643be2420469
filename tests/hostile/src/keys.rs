//! The encoding of keys: no two lists of parts share one.

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::rc::Rc;
use std::sync::Arc;

use arbitrary::{Arbitrary, Result, Unstructured};
use cachecow::{KeyEncoder, KeyPart};
use rmpv::Value;
use uuid::Uuid;

/// A part of any type that there is.
#[derive(Arbitrary, Clone, Debug)]
pub enum Part {
    /// Integers of every width.
    I8(i8),
    /// As above.
    I16(i16),
    /// As above.
    I32(i32),
    /// As above.
    I64(i64),
    /// As above.
    I128(i128),
    /// As above.
    Isize(isize),
    /// As above.
    U8(u8),
    /// As above.
    U16(u16),
    /// As above.
    U32(u32),
    /// As above.
    U64(u64),
    /// As above.
    U128(u128),
    /// As above.
    Usize(usize),
    /// As above.
    NonZero(NonZero<i32>),
    /// As above.
    NonZeroU128(NonZero<u128>),
    /// Text.
    Text(String),
    /// Text by another type.
    Shared(Arc<str>),
    /// Text by a third.
    Cow(String),
    /// Bytes.
    Bytes(Vec<u8>),
    /// So many bytes.
    Four([u8; 4]),
    /// As above.
    Sixteen([u8; 16]),
    /// A truth value.
    Bool(bool),
    /// A character.
    Char(char),
    /// An address of version 4.
    V4([u8; 4]),
    /// An address of version 6.
    V6([u8; 16]),
    /// An address of either.
    Ip(bool, [u8; 16]),
    /// A UUID.
    Uuid([u8; 16]),
    /// Perhaps a part.
    Option(Option<Box<Part>>),
    /// Perhaps a part, or perhaps not even that.
    OptionOption(Option<Option<Box<Part>>>),
    /// Two parts.
    Pair(Box<(Part, Part)>),
    /// Three parts.
    Triple(Box<(Part, Part, Part)>),
    /// Four parts.
    Quadruple(Box<(Part, Part, Part, Part)>),
    /// A part by reference.
    Pointer(Rc<Part>),
}

impl KeyPart for Part {
    fn encode(&self, encoder: &mut KeyEncoder) {
        match self {
            Self::I8(part) => part.encode(encoder),
            Self::I16(part) => part.encode(encoder),
            Self::I32(part) => part.encode(encoder),
            Self::I64(part) => part.encode(encoder),
            Self::I128(part) => part.encode(encoder),
            Self::Isize(part) => part.encode(encoder),
            Self::U8(part) => part.encode(encoder),
            Self::U16(part) => part.encode(encoder),
            Self::U32(part) => part.encode(encoder),
            Self::U64(part) => part.encode(encoder),
            Self::U128(part) => part.encode(encoder),
            Self::Usize(part) => part.encode(encoder),
            Self::NonZero(part) => part.encode(encoder),
            Self::NonZeroU128(part) => part.encode(encoder),
            Self::Text(part) => part.encode(encoder),
            Self::Shared(part) => part.encode(encoder),
            Self::Cow(part) => Cow::Borrowed(&**part).encode(encoder),
            Self::Bytes(part) => part.encode(encoder),
            Self::Four(part) => part.encode(encoder),
            Self::Sixteen(part) => part.encode(encoder),
            Self::Bool(part) => part.encode(encoder),
            Self::Char(part) => part.encode(encoder),
            Self::V4(octets) => Ipv4Addr::from(*octets).encode(encoder),
            Self::V6(octets) => Ipv6Addr::from(*octets).encode(encoder),
            Self::Ip(v6, octets) => address(*v6, *octets).encode(encoder),
            Self::Uuid(bytes) => Uuid::from_bytes(*bytes).encode(encoder),
            Self::Option(part) => part.encode(encoder),
            Self::OptionOption(part) => part.encode(encoder),
            Self::Pair(parts) => parts.encode(encoder),
            Self::Triple(parts) => parts.encode(encoder),
            Self::Quadruple(parts) => parts.encode(encoder),
            Self::Pointer(part) => part.encode(encoder),
        }
    }
}

fn address(v6: bool, octets: [u8; 16]) -> IpAddr {
    let [a, b, c, d, ..] = octets;
    if v6 { IpAddr::V6(octets.into()) } else { IpAddr::V4([a, b, c, d].into()) }
}

/// What a part means, as a MessagePack value. Parts that mean the same may share an encoding: an
/// integer of any width, a text of any type, a pointer and what it points at.
fn meaning(part: &Part) -> Value {
    let ip = |octets: &[u8]| Value::Ext(6, octets.to_vec());
    match part {
        Part::I8(part) => integer((*part).into()),
        Part::I16(part) => integer((*part).into()),
        Part::I32(part) => integer((*part).into()),
        Part::I64(part) => integer((*part).into()),
        Part::I128(part) => integer(*part),
        Part::Isize(part) => integer(*part as i128),
        Part::U8(part) => integer((*part).into()),
        Part::U16(part) => integer((*part).into()),
        Part::U32(part) => integer((*part).into()),
        Part::U64(part) => integer((*part).into()),
        Part::U128(part) => unsigned(*part),
        Part::Usize(part) => unsigned(*part as u128),
        Part::NonZero(part) => integer(part.get().into()),
        Part::NonZeroU128(part) => unsigned(part.get()),
        Part::Text(part) | Part::Cow(part) => part.as_str().into(),
        Part::Shared(part) => (**part).into(),
        Part::Bytes(part) => part.as_slice().into(),
        Part::Four(part) => part.as_slice().into(),
        Part::Sixteen(part) => part.as_slice().into(),
        Part::Bool(part) => (*part).into(),
        Part::Char(part) => Value::Ext(1, u32::from(*part).to_be_bytes().to_vec()),
        Part::V4(octets) => ip(octets),
        Part::V6(octets) | Part::Ip(true, octets) => ip(octets),
        Part::Ip(false, octets) => ip(&octets[..4]),
        Part::Uuid(bytes) => Value::Ext(5, bytes.to_vec()),
        Part::Option(part) => optional(part.as_deref().map(meaning)),
        Part::OptionOption(part) => {
            optional(part.as_ref().map(|part| optional(part.as_deref().map(meaning))))
        }
        Part::Pair(parts) => Value::Array(vec![meaning(&parts.0), meaning(&parts.1)]),
        Part::Triple(parts) => Value::Array([&parts.0, &parts.1, &parts.2].map(meaning).into()),
        Part::Quadruple(parts) => {
            Value::Array([&parts.0, &parts.1, &parts.2, &parts.3].map(meaning).into())
        }
        Part::Pointer(part) => meaning(part),
    }
}

fn optional(part: Option<Value>) -> Value {
    part.map_or(Value::Nil, |part| Value::Array(vec![part]))
}

fn integer(value: i128) -> Value {
    match (i64::try_from(value), u64::try_from(value)) {
        (Ok(value), _) => value.into(),
        (_, Ok(value)) => value.into(),
        _ => Value::Ext(3, value.to_be_bytes().to_vec()),
    }
}

fn unsigned(value: u128) -> Value {
    match i128::try_from(value) {
        Ok(value) => integer(value),
        Err(_) => Value::Ext(4, value.to_be_bytes().to_vec()),
    }
}

/// The encoding of a list of parts.
pub fn encoded(template: &str, parts: &[Part]) -> Vec<u8> {
    let mut encoder = KeyEncoder::new(template);
    parts.iter().for_each(|part| part.encode(&mut encoder));
    encoder.as_bytes().to_vec()
}

/// What a list of parts means, as MessagePack values one after the other.
pub fn meanings(template: &str, parts: &[Part]) -> Vec<Value> {
    [template.into()].into_iter().chain(parts.iter().map(meaning)).collect()
}

/// An encoding is read back as what it means, so that two lists that differ in meaning differ in their
/// encodings; it is the shortest there is, so that two that do not, do not.
pub fn check(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let _ = check_with(&mut input);
}

fn check_with(input: &mut Unstructured<'_>) -> Result<()> {
    let template: String = input.arbitrary()?;
    let count = input.int_in_range(0..=5)?;
    let mut parts = (0..count).map(|_| input.arbitrary()).collect::<Result<Vec<Part>>>()?;
    check_one(&template, &parts);
    let (before, encoding) = (meanings(&template, &parts), encoded(&template, &parts));
    for _ in 0..input.int_in_range(1..=3)? {
        disturb(&mut parts, input)?;
    }
    check_one(&template, &parts);
    let same = meanings(&template, &parts) == before;
    assert_eq!(encoded(&template, &parts) == encoding, same, "{template:?} {parts:?} {before:?}");
    Ok(())
}

fn check_one(template: &str, parts: &[Part]) {
    let (encoding, meant) = (encoded(template, parts), meanings(template, parts));
    let mut rest = &encoding[..];
    for value in &meant {
        let read = rmpv::decode::read_value(&mut rest).expect("MessagePack");
        assert_eq!(&read, value, "{template:?} {parts:?}");
    }
    assert!(rest.is_empty(), "nothing follows {template:?} {parts:?}");
    let mut shortest = Vec::new();
    for value in &meant {
        rmpv::encode::write_value(&mut shortest, value).expect("memory");
    }
    assert_eq!(encoding, shortest, "{template:?} {parts:?}");
}

/// All short lists of parts that look alike, under two templates.
pub fn check_all_short_lists() {
    let text = |text: &str| Part::Text(text.to_owned());
    let some = |part| Part::Option(Some(Box::new(part)));
    let pair = |one, other| Part::Pair(Box::new((one, other)));
    let parts = [
        Part::I8(0),
        Part::I64(1),
        Part::U128(1),
        Part::I16(-1),
        Part::U8(255),
        Part::U64(u64::MAX),
        Part::I128(i128::MIN),
        Part::U128(u128::MAX),
        text(""),
        text("0"),
        text("1"),
        text("-1"),
        text("01"),
        text("a"),
        text("aa"),
        text("é"),
        text("e\u{301}"),
        text(":"),
        text("\0"),
        text("\u{1}a"),
        Part::Bytes(Vec::new()),
        Part::Bytes(b"a".to_vec()),
        Part::Bytes(b"\xa1a".to_vec()),
        Part::Bool(false),
        Part::Bool(true),
        Part::Char('a'),
        Part::Char('\0'),
        Part::V4([0; 4]),
        Part::Four([0; 4]),
        Part::V6([0; 16]),
        Part::Uuid([0; 16]),
        Part::Sixteen([0; 16]),
        Part::Option(None),
        Part::OptionOption(Some(None)),
        some(Part::I8(0)),
        some(text("a")),
        pair(text("a"), text("a")),
        pair(Part::Option(None), text("a")),
        some(pair(text("a"), text("a"))),
    ];
    let mut lists: Vec<Vec<Part>> = vec![Vec::new()];
    let mut longest = lists.clone();
    for _ in 0..3 {
        let longer = longest
            .iter()
            .flat_map(|list| parts.iter().map(|part| list.iter().chain([part]).cloned().collect()));
        longest = longer.collect();
        lists.extend(longest.iter().cloned());
    }
    let mut seen = HashMap::new();
    for (template, list) in
        ["a:{}", "a"].iter().flat_map(|template| lists.iter().map(move |list| (*template, list)))
    {
        let meant = meanings(template, list);
        if let Some(other) = seen.insert(encoded(template, list), meant.clone()) {
            assert_eq!(other, meant, "two lists have one encoding");
        }
    }
    // One is written with two types.
    let distinct = (0..=3).map(|len| (parts.len() - 1).pow(len)).sum::<usize>();
    assert_eq!(seen.len(), 2 * distinct);
}

/// Makes of the parts what might be mistaken for them.
fn disturb(parts: &mut Vec<Part>, input: &mut Unstructured<'_>) -> Result<()> {
    if parts.is_empty() {
        parts.push(input.arbitrary()?);
        return Ok(());
    }
    let at = input.choose_index(parts.len())?;
    match input.int_in_range(0..=6)? {
        0 => drop(parts.remove(at)),
        1 => parts.insert(at, input.arbitrary()?),
        2 => parts.insert(at, parts[at].clone()),
        3 => parts.rotate_left(at),
        4 => {
            // The last character of one part becomes the first of the next.
            let next = (at + 1) % parts.len();
            if let (Part::Text(from), true) = (&mut parts[at], next != at)
                && let Some(character) = from.pop()
                && let Part::Text(to) = &mut parts[next]
            {
                to.insert(0, character);
            }
        }
        5 => {
            // Where the length is written in another way.
            let len = *input.choose(&[31, 32, 255, 256, 65535, 65536])?;
            match &mut parts[at] {
                Part::Text(text) => text.extend(std::iter::repeat_n('x', len)),
                Part::Bytes(bytes) => bytes.resize(len, 0xa1),
                other => *other = Part::Text("x".repeat(len)),
            }
        }
        _ => {
            let part = parts.remove(at);
            parts.splice(at..at, look_alikes(part, input)?);
        }
    }
    Ok(())
}

/// What may look like the part, or be the same by another type.
fn look_alikes(part: Part, input: &mut Unstructured<'_>) -> Result<Vec<Part>> {
    let wrapped = match input.int_in_range(0..=3)? {
        0 => return Ok(vec![Part::Pointer(Rc::new(part))]),
        1 => return Ok(vec![Part::Option(Some(Box::new(part)))]),
        _ => part,
    };
    Ok(vec![match wrapped {
        Part::I8(part) => Part::I64(part.into()),
        Part::I16(part) => Part::Text(part.to_string()),
        Part::I32(part) => Part::Four(part.to_be_bytes()),
        Part::I64(part) => Part::I128(part.into()),
        Part::I128(part) => Part::Sixteen(part.to_be_bytes()),
        Part::U8(part) => Part::I16(part.into()),
        Part::U16(part) => Part::Usize(part.into()),
        Part::U32(part) => Part::U128(part.into()),
        Part::U128(part) => Part::I128(part.cast_signed()),
        Part::Text(part) if input.arbitrary()? => Part::Bytes(part.into_bytes()),
        Part::Text(part) => Part::Shared(part.into()),
        Part::Bytes(part) => Part::Text(String::from_utf8_lossy(&part).into_owned()),
        Part::Bool(part) => Part::U8(part.into()),
        Part::Char(part) if input.arbitrary()? => Part::Text(part.into()),
        Part::Char(part) => Part::U32(part.into()),
        Part::Four(part) => Part::V4(part),
        Part::V4(part) => Part::Four(part),
        Part::Sixteen(part) => Part::Uuid(part),
        Part::Uuid(part) => Part::V6(part),
        Part::V6(part) => Part::Ip(true, part),
        Part::Ip(_, part) => Part::Ip(false, part),
        Part::Option(None) => Part::Bool(false),
        Part::Option(Some(part)) => *part,
        Part::Pair(parts) => return Ok(vec![parts.0, parts.1]),
        Part::Triple(parts) => {
            let (a, b, c) = *parts;
            Part::Pair(Box::new((Part::Pair(Box::new((a, b))), c)))
        }
        Part::Quadruple(parts) => {
            let (a, b, c, d) = *parts;
            return Ok(vec![Part::Pair(Box::new((a, b))), Part::Pair(Box::new((c, d)))]);
        }
        part => part,
    }])
}
