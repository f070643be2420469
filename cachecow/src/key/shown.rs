//! Encoded key parts in readable form.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

use chrono::{DateTime, NaiveTime};

use super::encoder::ext;
use crate::hex::hex;

/// One document of the encoding.
enum Document<'a> {
    Text(&'a [u8]),
    /// The name of a type parameter.
    Scope(&'a [u8]),
    Group(usize),
    Other(String),
}

/// Reads the documents of encoded parts, one by one.
pub(super) struct Shown<'a> {
    rest: &'a [u8],
}

impl<'a> Shown<'a> {
    /// The parts in their template.
    pub(super) fn of_key(parts: &'a [u8]) -> String {
        let mut shown = Self { rest: parts };
        match shown.next() {
            Some(Document::Text(template)) => shown.filled(template),
            _ => shown.listed(),
        }
    }

    /// The same for a tag, whose template follows that of its type.
    pub(super) fn of_tag(parts: &'a [u8]) -> String {
        let mut shown = Self { rest: parts };
        shown.next();
        loop {
            match shown.next() {
                // The type's name or its arguments.
                Some(Document::Scope(_)) => {}
                Some(Document::Text(template)) => return shown.filled(template),
                _ => return shown.listed(),
            }
        }
    }

    /// The template with the parts in its placeholders, followed by the type arguments.
    fn filled(mut self, template: &[u8]) -> String {
        let template = String::from_utf8_lossy(template);
        let mut of_types = String::new();
        let mut shown = String::new();
        let mut left = &*template;
        while let Some(at) = left.find(['{', '}']) {
            let (before, braces) = left.split_at(at);
            shown.push_str(before);
            match braces.get(..2) {
                Some("{}") => {
                    shown.push_str(&self.part(&mut of_types).unwrap_or_else(|| "{}".to_owned()));
                }
                // Braces outside placeholders are written twice.
                _ => shown.push_str(&braces[..1]),
            }
            left = braces.get(2..).unwrap_or_default();
        }
        shown.push_str(left);
        while let Some(more) = self.part(&mut of_types) {
            shown.push(':');
            shown.push_str(&more);
        }
        shown + &of_types
    }

    fn listed(mut self) -> String {
        let mut of_types = String::new();
        let mut shown = Vec::new();
        while let Some(part) = self.part(&mut of_types) {
            shown.push(part);
        }
        shown.join(":") + &of_types
    }

    /// Reads the next part; the names of type arguments before it are appended to `of_types`.
    fn part(&mut self, of_types: &mut String) -> Option<String> {
        match self.next()? {
            Document::Scope(name) => {
                let _ = write!(of_types, "<{}>", String::from_utf8_lossy(name));
                self.part(of_types)
            }
            Document::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Document::Other(text) => Some(text),
            Document::Group(1) => self.part(of_types),
            Document::Group(len) => {
                let parts: Vec<String> = (0..len).map_while(|_| self.part(of_types)).collect();
                Some(format!("({})", parts.join(", ")))
            }
        }
    }

    fn next(&mut self) -> Option<Document<'a>> {
        let other = |text: String| Some(Document::Other(text));
        let marker = self.take(1)?[0];
        match marker {
            0..=0x7f => other(marker.to_string()),
            0xe0.. => other(marker.cast_signed().to_string()),
            0x90..=0x9f => Some(Document::Group(usize::from(marker & 0x0f))),
            0xa0..=0xbf => Some(Document::Text(self.take(usize::from(marker & 0x1f))?)),
            0xc0 => other("none".to_owned()),
            0xc2 => other("false".to_owned()),
            0xc3 => other("true".to_owned()),
            0xc4..=0xc6 => {
                let len = self.length(1 << (marker - 0xc4))?;
                other(format!("0x{}", hex(self.take(len)?)))
            }
            0xc7..=0xc9 => {
                let len = self.length(1 << (marker - 0xc7))?;
                self.extension(len)
            }
            0xcc..=0xcf => other(self.unsigned(1 << (marker - 0xcc))?.to_string()),
            0xd0..=0xd3 => {
                let width = 1 << (marker - 0xd0);
                other(signed(self.take(width)?).to_string())
            }
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4)),
            0xd9..=0xdb => {
                let len = self.length(1 << (marker - 0xd9))?;
                Some(Document::Text(self.take(len)?))
            }
            _ => None,
        }
    }

    fn extension(&mut self, len: usize) -> Option<Document<'a>> {
        let kind = self.take(1)?[0];
        let value = self.take(len)?;
        if kind == ext::SCOPE {
            return Some(Document::Scope(value));
        }
        Some(Document::Other(extension(kind, value)))
    }

    fn length(&mut self, width: usize) -> Option<usize> {
        usize::try_from(self.unsigned(width)?).ok()
    }

    fn unsigned(&mut self, width: usize) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }
}

/// A part that MessagePack has no type for.
fn extension(kind: u8, value: &[u8]) -> String {
    match (kind, value.len()) {
        (ext::CHAR, 4) => {
            let code = value.iter().fold(0, |code, byte| code << 8 | u32::from(*byte));
            char::from_u32(code).map_or_else(|| hex(value), String::from)
        }
        (ext::INT_128, 16) => signed(value).to_string(),
        (ext::UINT_128, 16) => {
            value.iter().fold(0_u128, |number, byte| number << 8 | u128::from(*byte)).to_string()
        }
        (ext::UUID, 16) => {
            let digits = hex(value);
            let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
            format!("{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..])
        }
        (ext::IP_ADDRESS, 4) => <[u8; 4]>::try_from(value)
            .map_or_else(|_| hex(value), |v| Ipv4Addr::from(v).to_string()),
        (ext::IP_ADDRESS, 16) => <[u8; 16]>::try_from(value)
            .map_or_else(|_| hex(value), |v| Ipv6Addr::from(v).to_string()),
        (ext::DATE, 4) => date(signed(value)),
        (ext::TIME, 8) => time(&value[..4]),
        (ext::DATE_TIME, 12) => format!("{}T{}", date(signed(&value[..4])), time(&value[4..8])),
        (ext::INSTANT, 12) => i64::try_from(signed(&value[..8]))
            .ok()
            .and_then(|seconds| DateTime::from_timestamp(seconds, 0))
            .map_or_else(|| hex(value), |moment| moment.format("%FT%TZ").to_string()),
        (ext::WEEKDAY, 1) => format!("weekday {}", value[0]),
        (ext::MONTH, 1) => format!("month {}", value[0]),
        (ext::DECIMAL, 17) => format!("{}e-{}", signed(&value[1..]), value[0]),
        // An `ObjectId` is shown like this anyway.
        _ => hex(value),
    }
}

fn signed(bytes: &[u8]) -> i128 {
    let negative = bytes.first().is_some_and(|byte| byte & 0x80 != 0);
    let begin = if negative { -1 } else { 0 };
    bytes.iter().fold(begin, |number, byte| number << 8 | i128::from(*byte))
}

fn time(seconds: &[u8]) -> String {
    u32::try_from(signed(seconds))
        .ok()
        .and_then(|seconds| NaiveTime::from_num_seconds_from_midnight_opt(seconds, 0))
        .map_or_else(|| hex(seconds), |time| time.to_string())
}

/// The date that is this number of days after 1 January 1970.
fn date(days: i128) -> String {
    i64::try_from(days)
        .ok()
        .and_then(|days| DateTime::from_timestamp(days.checked_mul(86_400)?, 0))
        .map_or_else(|| format!("day {days}"), |midnight| midnight.date_naive().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::{KeyEncoder, KeyPart};

    fn shown(template: &str, parts: &[&dyn Fn(&mut KeyEncoder)]) -> String {
        let mut encoder = KeyEncoder::new(template);
        parts.iter().for_each(|part| part(&mut encoder));
        Shown::of_key(encoder.as_bytes())
    }

    fn part(value: impl KeyPart) -> String {
        shown("{}", &[&|encoder| value.encode(encoder)])
    }

    #[test]
    fn a_key_is_its_template_with_the_parts_in_it() {
        let id = |encoder: &mut KeyEncoder| 42.encode(encoder);
        let mail = |encoder: &mut KeyEncoder| "ann@example.org".encode(encoder);
        assert_eq!(shown("settings", &[]), "settings");
        assert_eq!(shown("user:{}", &[&id]), "user:42");
        assert_eq!(shown("user:{}:mail:{}", &[&id, &mail]), "user:42:mail:ann@example.org");
        assert_eq!(shown("{{}}{}", &[&id]), "{}42");
        let of_type = |encoder: &mut KeyEncoder| encoder.scope("User");
        assert_eq!(shown("page:{}", &[&of_type, &id]), "page:42<User>");
    }

    #[test]
    fn parts_of_every_kind_are_readable() {
        for number in [0, 1, -1, 127, 128, 255, 256, -32, -33, -129, 65_536, i64::MIN, i64::MAX] {
            assert_eq!(part(number), number.to_string());
        }
        for number in [i128::MIN, i128::MAX, i128::from(u64::MAX)] {
            assert_eq!(part(number), number.to_string());
        }
        assert_eq!(part(u128::MAX), u128::MAX.to_string());
        assert_eq!(part("ü".repeat(200)), "ü".repeat(200));
        assert_eq!(
            (part('ü'), part(true), part(false)),
            ("ü".into(), "true".into(), "false".into())
        );
        assert_eq!((part(Some(7)), part(None::<i64>)), ("7".into(), "none".into()));
        assert_eq!(part((1, "a")), "(1, a)");
        for address in ["127.0.0.1", "::1"] {
            assert_eq!(part(address.parse::<std::net::IpAddr>().unwrap()), address);
        }
        let kind = |write: &dyn Fn(&mut KeyEncoder)| shown("{}", &[write]);
        assert_eq!(kind(&|encoder| encoder.bytes(&[1, 0xab])), "0x01ab");
        assert_eq!(
            kind(&|encoder| encoder.uuid([0xab; 16])),
            "abababab-abab-abab-abab-abababababab"
        );
        assert_eq!(kind(&|encoder| encoder.date(0)), "1970-01-01");
        assert_eq!(kind(&|encoder| encoder.date(-1)), "1969-12-31");
        assert_eq!(kind(&|encoder| encoder.date(20_787)), "2026-11-30");
        assert_eq!(kind(&|encoder| encoder.time(3_661, 5)), "01:01:01");
        assert_eq!(kind(&|encoder| encoder.date_time(1, 60, 0)), "1970-01-02T00:01:00");
        assert_eq!(kind(&|encoder| encoder.instant(-1, 0)), "1969-12-31T23:59:59Z");
        assert_eq!(kind(&|encoder| encoder.decimal(-125, 2)), "-125e-2");
        assert_eq!(kind(&|encoder| encoder.object_id([7; 12])), "07".repeat(12));
        assert_eq!(kind(&|encoder| encoder.weekday(1)), "weekday 1");
    }

    #[test]
    fn a_tag_is_shown_without_its_type() {
        let mut encoder = KeyEncoder::new("user:{}");
        encoder.scope("Argument");
        encoder.str("org:{}");
        encoder.int(7);
        assert_eq!(Shown::of_tag(encoder.as_bytes()), "org:7");
        let mut by_hand = KeyEncoder::new("");
        by_hand.scope("User");
        by_hand.str("all");
        assert_eq!(Shown::of_tag(by_hand.as_bytes()), "all");
    }

    #[test]
    fn what_is_cut_short_is_shown_as_far_as_it_goes() {
        let mut encoder = KeyEncoder::new("user:{}");
        encoder.str("ann@example.org");
        for len in 0..encoder.as_bytes().len() {
            let _ = Shown::of_key(&encoder.as_bytes()[..len]);
        }
    }
}
