//! Dates and times as text, independent of the crates.

use super::super::value::Value;
use super::NotInColumn;

/// A date by its year (0 is 1 BC), month and day; it may be a day that does not exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(clippy::struct_field_names, reason = "a day's day is its number in the month")]
pub(super) struct Day {
    pub(super) year: i32,
    pub(super) month: u8,
    pub(super) day: u8,
}

/// A time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    pub(super) hour: u8,
    pub(super) minute: u8,
    pub(super) second: u8,
    pub(super) nanosecond: u32,
}

/// A date and a time, with the offset from UTC in seconds if there is one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) day: Day,
    pub(super) clock: Clock,
    pub(super) offset: Option<i32>,
}

fn text<'a>(value: &'a Value<'_>) -> Result<&'a str, NotInColumn> {
    value.as_text().ok_or(NotInColumn)
}

/// Of a value that is a date.
pub(super) fn day(value: &Value<'_>) -> Result<Day, NotInColumn> {
    let (text, is_bc) = without_era(text(value)?);
    parse_day(text, is_bc)
}

/// Of a value that is a time of day.
pub(super) fn clock(value: &Value<'_>) -> Result<Clock, NotInColumn> {
    parse_clock(text(value)?)
}

/// Of a value that is a date and a time of day.
pub(super) fn moment(value: &Value<'_>) -> Result<Moment, NotInColumn> {
    let (text, is_bc) = without_era(text(value)?);
    let (day, rest) = text.split_once(['T', ' ']).ok_or(NotInColumn)?;
    let (clock, offset) = match rest.find(['+', '-', 'Z', 'z']) {
        Some(at) => (&rest[..at], Some(parse_offset(&rest[at..])?)),
        None => (rest, None),
    };
    Ok(Moment { day: parse_day(day, is_bc)?, clock: parse_clock(clock)?, offset })
}

/// `0044-03-15 BC`, as PostgreSQL writes it.
fn without_era(text: &str) -> (&str, bool) {
    text.strip_suffix(" BC").map_or((text, false), |text| (text, true))
}

fn parse_day(text: &str, is_bc: bool) -> Result<Day, NotInColumn> {
    // A year before Christ may also have a sign.
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let mut parts = digits.split('-');
    let [Some(year), Some(month), Some(day), None] =
        [parts.next(), parts.next(), parts.next(), parts.next()]
    else {
        return Err(NotInColumn);
    };
    if year.len() < 4 {
        return Err(NotInColumn);
    }
    let year = sign * number::<i32>(year)?;
    let year = if is_bc { 1_i32.checked_sub(year).ok_or(NotInColumn)? } else { year };
    Ok(Day { year, month: two_digits(month)?, day: two_digits(day)? })
}

fn parse_clock(text: &str) -> Result<Clock, NotInColumn> {
    let (text, fraction) =
        text.split_once('.').map_or((text, None), |(text, part)| (text, Some(part)));
    let nanosecond = match fraction {
        None => 0,
        Some("") => return Err(NotInColumn),
        Some(digits) if digits.len() <= 9 => number::<u32>(&format!("{digits:0<9}"))?,
        Some(_) => return Err(NotInColumn),
    };
    let mut parts = text.split(':');
    let (hour, minute) = (parts.next().ok_or(NotInColumn)?, parts.next().ok_or(NotInColumn)?);
    let second = parts.next().map_or(Ok(0), two_digits)?;
    if parts.next().is_some() {
        return Err(NotInColumn);
    }
    Ok(Clock { hour: two_digits(hour)?, minute: two_digits(minute)?, second, nanosecond })
}

/// `Z`, `+00`, `-03:30`, `+0530`, `+00:19:32`.
fn parse_offset(text: &str) -> Result<i32, NotInColumn> {
    if matches!(text, "Z" | "z") {
        return Ok(0);
    }
    let (sign, digits) = match text.split_at_checked(1).ok_or(NotInColumn)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => return Err(NotInColumn),
    };
    let digits = digits.replace(':', "");
    if !matches!(digits.len(), 2 | 4 | 6) {
        return Err(NotInColumn);
    }
    let at = |from: usize| digits.get(from..from + 2).map_or(Ok(0), two_digits).map(i32::from);
    Ok(sign * (at(0)? * 3600 + at(2)? * 60 + at(4)?))
}

fn two_digits(text: &str) -> Result<u8, NotInColumn> {
    if text.len() == 2 { number(text) } else { Err(NotInColumn) }
}

/// Digits alone: `parse` also takes a sign.
fn number<N: std::str::FromStr>(text: &str) -> Result<N, NotInColumn> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        text.parse().map_err(|_| NotInColumn)
    } else {
        Err(NotInColumn)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (i32, u8, u8, u8, u8, u8, u32, Option<i32>);

    fn seen(text: &str) -> Option<Seen> {
        let Moment { day, clock, offset } = moment(&Value::text(text)).ok()?;
        let (Day { year, month, day }, Clock { hour, minute, second, nanosecond }) = (day, clock);
        Some((year, month, day, hour, minute, second, nanosecond, offset))
    }

    #[test]
    fn moments_have_many_forms() {
        for (text, offset, nanosecond) in [
            ("2026-11-29 12:00:00", None, 0),
            ("2026-11-29T12:00:00", None, 0),
            ("2026-11-29 12:00:00+00", Some(0), 0),
            ("2026-11-29T12:00:00Z", Some(0), 0),
            ("2026-11-29T12:00:00.5z", Some(0), 500_000_000),
            ("2026-11-29 12:00:00.000001-03:30", Some(-12_600), 1000),
            ("2026-11-29 12:00:00+0530", Some(19_800), 0),
            ("2026-11-29 12:00:00+00:19:32", Some(1172), 0),
            ("2026-11-29 12:00", None, 0),
        ] {
            assert_eq!(seen(text), Some((2026, 11, 29, 12, 0, 0, nanosecond, offset)), "{text}");
        }
        assert_eq!(seen("0044-03-15 12:00:00 BC").map(|seen| seen.0), Some(-43));
        assert_eq!(seen("-0043-03-15T12:00:00").map(|seen| seen.0), Some(-43));
        assert_eq!(seen("10000-03-15 12:00:00").map(|seen| seen.0), Some(10_000));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "infinity",
            "-infinity",
            "now",
            "2026-11-29",
            "12:00:00",
            "29.11.2026 12:00:00",
            "26-11-29 12:00:00",
            "2026-11-29 12:00:00+",
            "2026-11-29 12:00:00+1",
            "2026-11-29 12:00:00 +00",
            "2026-1-29 12:00:00",
            "2026-11-29 12:00:00.",
            "2026-11-29 12:00:00.0000000001",
            "2026-11-29 12:00:00:00",
            "2026-11-29 +1:00:00",
            "-2147483647-01-01 12:00:00 BC",
            "2026-11-29 12:00:00+é",
        ] {
            assert_eq!(seen(text), None, "{text}");
        }
    }
}
