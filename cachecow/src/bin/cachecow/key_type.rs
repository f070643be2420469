//! Parses key parts from texts, by the names of their types.

use std::net::IpAddr;

use cachecow::{KeyEncoder, KeyPart};
use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime};

/// A part of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Int(i128),
    Uint(u128),
    Text(String),
    Bytes(Vec<u8>),
    Bool(bool),
    Char(char),
    Uuid([u8; 16]),
    Ip(IpAddr),
    Date(NaiveDate),
    Time(NaiveTime),
    DateTime(NaiveDateTime),
    Instant(DateTime<FixedOffset>),
    Weekday(u8),
    Month(u8),
    Decimal(i128, u8),
    ObjectId([u8; 12]),
    None,
    Some(Box<Self>),
}

/// What kind of part a type is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum KeyType {
    Integer,
    Text,
    Bytes,
    Bool,
    Char,
    Uuid,
    Ip,
    Date,
    Time,
    DateTime,
    Instant,
    Weekday,
    Month,
    Decimal,
    ObjectId,
    Optional(Box<Self>),
}

impl KeyType {
    /// Returns the type with this name, as it is written in Rust. Returns `None` for a type that the program
    /// defines.
    pub(crate) fn of(name: &str) -> Option<Self> {
        let name = name.trim().trim_start_matches('&');
        let name = match name.strip_prefix('\'') {
            // A lifetime.
            Some(rest) => rest.split_once(' ')?.1,
            None => name,
        };
        if let Some((outer, inner)) = name.strip_suffix('>').and_then(|name| name.split_once('<')) {
            return match last_word(outer) {
                "Option" => Some(Self::Optional(Box::new(Self::of(inner)?))),
                "Box" | "Rc" | "Arc" | "NonZero" => Self::of(inner),
                "Cow" => Self::of(inner.split_once(',').map_or(inner, |(_, inner)| inner)),
                "Vec" if inner == "u8" => Some(Self::Bytes),
                "DateTime" => Some(Self::Instant),
                _ => None,
            };
        }
        if name.starts_with("[u8") && name.ends_with(']') {
            return Some(Self::Bytes);
        }
        Some(match last_word(name) {
            "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64"
            | "u128" | "usize" | "int" => Self::Integer,
            "str" | "String" | "text" => Self::Text,
            "bytes" => Self::Bytes,
            "bool" => Self::Bool,
            "char" => Self::Char,
            "Uuid" | "uuid" => Self::Uuid,
            "IpAddr" | "Ipv4Addr" | "Ipv6Addr" | "ip" => Self::Ip,
            "NaiveDate" | "Date" | "date" => Self::Date,
            "NaiveTime" | "Time" | "time" => Self::Time,
            "NaiveDateTime" | "PrimitiveDateTime" => Self::DateTime,
            "DateTime" | "OffsetDateTime" | "UtcDateTime" | "instant" => Self::Instant,
            "Weekday" => Self::Weekday,
            "Month" => Self::Month,
            "Decimal" | "decimal" => Self::Decimal,
            "ObjectId" => Self::ObjectId,
            _ => return None,
        })
    }

    /// An example of what a value of the type looks like.
    fn form(&self) -> &'static str {
        match self {
            Self::Integer => "an integer",
            Self::Text => "text",
            Self::Bytes => "bytes as hexadecimal digits",
            Self::Bool => "true or false",
            Self::Char => "one character",
            Self::Uuid => "a UUID",
            Self::Ip => "an IP address",
            Self::Date => "a date such as 2026-01-31",
            Self::Time => "a time such as 12:34:56",
            Self::DateTime => "a date and time such as 2026-01-31T12:34:56",
            Self::Instant => "a moment such as 2026-01-31T12:34:56Z",
            Self::Weekday => "a number from 1, Monday, to 7",
            Self::Month => "a number from 1 to 12",
            Self::Decimal => "a decimal number",
            Self::ObjectId => "24 hexadecimal digits",
            Self::Optional(_) => "`none`, or a value",
        }
    }

    fn parse(&self, text: &str) -> Option<Part> {
        Some(match self {
            Self::Integer => match text.parse() {
                Ok(number) => Part::Int(number),
                Err(_) => Part::Uint(text.parse().ok()?),
            },
            Self::Text => Part::Text(text.to_owned()),
            Self::Bytes => Part::Bytes(unhex(text)?),
            Self::Bool => Part::Bool(text.parse().ok()?),
            Self::Char => Part::Char(text.parse().ok()?),
            Self::Uuid => Part::Uuid(unhex(&text.replace('-', ""))?.try_into().ok()?),
            Self::Ip => Part::Ip(text.parse().ok()?),
            Self::Date => Part::Date(text.parse().ok()?),
            Self::Time => Part::Time(text.parse().ok()?),
            Self::DateTime => Part::DateTime(text.parse().ok()?),
            Self::Instant => Part::Instant(text.parse().ok()?),
            Self::Weekday => Part::Weekday(text.parse().ok().filter(|n| (1..=7).contains(n))?),
            Self::Month => Part::Month(text.parse().ok().filter(|n| (1..=12).contains(n))?),
            Self::Decimal => decimal(text)?,
            Self::ObjectId => Part::ObjectId(unhex(text)?.try_into().ok()?),
            Self::Optional(inner) => match text {
                "none" => Part::None,
                text => {
                    Part::Some(Box::new(inner.parse(text.strip_prefix("some:").unwrap_or(text))?))
                }
            },
        })
    }
}

impl Part {
    /// Parses the value of a placeholder of this type. The error does not contain the value.
    pub(crate) fn parse(ty: &str, text: &str) -> Result<Self, String> {
        match KeyType::of(ty) {
            Some(known) => {
                known.parse(text).ok_or_else(|| format!("a value for `{ty}` is {}", known.form()))
            }
            None => Self::typed(text).map_err(|_| {
                format!(
                    "`{ty}` is a type of the program's own; write what it is encoded as before the value, such as \
                     i64:VALUE or str:VALUE"
                )
            }),
        }
    }

    /// `i64:42`.
    pub(crate) fn typed(text: &str) -> Result<Self, String> {
        let wrong = || "expected TYPE:VALUE, such as i64:7 or str:eu".to_owned();
        let (ty, value) = text.split_once(':').ok_or_else(wrong)?;
        let known = KeyType::of(ty).ok_or_else(wrong)?;
        known.parse(value).ok_or_else(|| format!("a value for `{ty}` is {}", known.form()))
    }
}

impl KeyPart for Part {
    fn encode(&self, encoder: &mut KeyEncoder) {
        match self {
            Self::Int(number) => encoder.int(*number),
            Self::Uint(number) => encoder.uint(*number),
            Self::Text(text) => encoder.str(text),
            Self::Bytes(bytes) => encoder.bytes(bytes),
            Self::Bool(value) => encoder.bool(*value),
            Self::Char(character) => encoder.char(*character),
            Self::Uuid(uuid) => encoder.uuid(*uuid),
            Self::Ip(address) => address.encode(encoder),
            Self::Date(date) => date.encode(encoder),
            Self::Time(time) => time.encode(encoder),
            Self::DateTime(moment) => moment.encode(encoder),
            Self::Instant(moment) => moment.encode(encoder),
            Self::Weekday(number) => encoder.weekday(*number),
            Self::Month(number) => encoder.month(*number),
            Self::Decimal(mantissa, scale) => encoder.decimal(*mantissa, *scale),
            Self::ObjectId(id) => encoder.object_id(*id),
            Self::None => encoder.none(),
            Self::Some(part) => {
                encoder.group(1);
                part.encode(encoder);
            }
        }
    }
}

/// `uuid::Uuid` is `Uuid`.
fn last_word(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path).trim()
}

pub(crate) fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u32> = text.chars().map(|digit| digit.to_digit(16)).collect::<Option<_>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    let byte = |[high, low]: &[u32; 2]| u8::try_from(high << 4 | low).ok();
    rest.is_empty().then(|| pairs.iter().map(byte).collect())?
}

/// Removes trailing zeros after the decimal point, because equal numbers must have the same form.
fn decimal(text: &str) -> Option<Part> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    let digits = whole.strip_prefix('-').unwrap_or(whole);
    if digits.is_empty() || !digits.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit()) {
        return None;
    }
    let scale = u8::try_from(fraction.len()).ok().filter(|scale| *scale <= 28)?;
    Some(Part::Decimal(format!("{whole}{fraction}").parse().ok()?, scale))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes are the same as the library's for the type itself.
    #[test]
    fn parts_are_encoded_as_the_types_are() {
        fn same(ty: &str, text: &str, value: impl KeyPart) {
            let (mut parsed, mut own) = (KeyEncoder::new("{}"), KeyEncoder::new("{}"));
            Part::parse(ty, text).expect(ty).encode(&mut parsed);
            value.encode(&mut own);
            assert_eq!(parsed.as_bytes(), own.as_bytes(), "{ty} {text}");
        }
        same("i64", "-42", -42_i64);
        same("u128", &u128::MAX.to_string(), u128::MAX);
        same("String", "a:b", "a:b");
        same("&'static str", "1", "1");
        same("Cow<'static, str>", "x", "x");
        same("Arc<str>", "x", "x");
        same("Vec<u8>", "00ff", vec![0_u8, 255]);
        same("[u8; 2]", "00ff", [0_u8, 255]);
        same("bool", "true", true);
        same("char", "ż", 'ż');
        same("std::net::IpAddr", "10.0.0.1", IpAddr::from([10, 0, 0, 1]));
        same("Option<u32>", "none", None::<u32>);
        same("Option<u32>", "7", Some(7_u32));
        same("Option<String>", "some:none", Some("none"));
        same("UserId", "i64:7", 7_i64);
        same("Kind", "str:Admin", "Admin");
    }

    #[test]
    fn types_of_other_crates() {
        let date = NaiveDate::from_ymd_opt(2026, 1, 31).expect("a date");
        let moment = date.and_hms_milli_opt(10, 34, 56, 500).expect("a moment");
        assert_eq!(Part::parse("NaiveDate", "2026-01-31"), Ok(Part::Date(date)));
        assert_eq!(Part::parse("Time", "10:34:56.5"), Ok(Part::Time(moment.time())));
        let text = "2026-01-31T10:34:56.5";
        assert_eq!(Part::parse("PrimitiveDateTime", text), Ok(Part::DateTime(moment)));
        for text in ["2026-01-31T10:34:56.5Z", "2026-01-31T12:34:56.5+02:00"] {
            let instant = Part::Instant(moment.and_utc().into());
            assert_eq!(Part::parse("DateTime<Utc>", text), Ok(instant));
        }
        for (ty, text) in
            [("Date", "2026-02-29"), ("Time", "24:00:00"), ("DateTime<Utc>", "2026-01-31T10:34:56")]
        {
            assert!(Part::parse(ty, text).is_err(), "{ty} {text}");
        }
        assert_eq!(Part::parse("Decimal", "-1.50"), Ok(Part::Decimal(-15, 1)));
        assert_eq!(Part::parse("Decimal", "100"), Ok(Part::Decimal(100, 0)));
        let uuid = "00112233-4455-6677-8899-aabbccddeeff";
        assert!(matches!(Part::parse("uuid::Uuid", uuid), Ok(Part::Uuid(_))));
    }

    #[test]
    fn an_error_says_what_is_expected_and_not_what_was_given() {
        for (ty, text) in [("i64", "secret"), ("UserId", "secret"), ("Uuid", "secret")] {
            let error = Part::parse(ty, text).expect_err("no such value");
            assert!(!error.contains("secret") && error.contains(ty), "{error}");
        }
    }
}
