//! The published test vectors of the key encoding. They never change: a change would leave values
//! in caches that no invalidation finds. Each line is a key's template and parts, the encoding in
//! hexadecimal digits, and the XXH3-128 of that encoding.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::time::Duration;

use bson::oid::ObjectId;
use cachecow::{KeyEncoder, KeyPart, Scope};
use chrono::{DateTime, NaiveDate, NaiveTime, TimeDelta};
use rust_decimal::Decimal;
use uuid::Uuid;

/// A unit enum stands in keys as the text that names its variant.
#[derive(KeyPart)]
enum Status {
    Active,
    #[cache(rename = "Locked")]
    Blocked,
}

/// A newtype of another crate's type, as what its function gives.
#[derive(KeyPart)]
struct Waited(#[cache(key_with = Duration::as_nanos)] Duration);

fn encode(template: &str, parts: &[&dyn KeyPart]) -> KeyEncoder {
    let mut encoder = KeyEncoder::new(template);
    parts.iter().for_each(|part| part.encode(&mut encoder));
    encoder
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"))
}

#[test]
fn the_vectors_hold() {
    let long = "x".repeat(300);
    let uuid = Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef);
    let waited = Waited(Duration::from_secs(5));
    let date = NaiveDate::from_ymd_opt(2024, 2, 29).expect("a date");
    let time = NaiveTime::from_hms_nano_opt(13, 14, 15, 123_456_789).expect("a time");
    let leap_second = NaiveTime::from_hms_milli_opt(23, 59, 59, 1500).expect("a leap second");
    let date_time = date.and_time(time);
    let (moment, leap_moment) = (date_time.and_utc(), date.and_time(leap_second).and_utc());
    let (before_1970, price) = (bson::DateTime::from_millis(-1), Decimal::new(-1250, 2));
    let object_id = ObjectId::from_bytes(*b"\x65\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b");
    let vectors: Vec<(&str, Vec<&dyn KeyPart>)> = vec![
        ("user:{}", vec![&42_i64]),
        ("user:{}", vec![&42_u8]),
        ("user:{}", vec![&"42"]),
        ("user:{}", vec![&0_i32]),
        ("user:{}", vec![&-1_i32]),
        ("user:{}", vec![&-33_i32]),
        ("user:{}", vec![&128_i32]),
        ("user:{}", vec![&i16::MIN]),
        ("user:{}", vec![&i32::MIN]),
        ("user:{}", vec![&i64::MIN]),
        ("user:{}", vec![&i64::MAX]),
        ("user:{}", vec![&u64::MAX]),
        ("user:{}", vec![&i128::MIN]),
        ("user:{}", vec![&u128::MAX]),
        ("user:{}", vec![&""]),
        ("user:{}", vec![&"zażółć"]),
        ("user:{}", vec![&long]),
        ("user:{}", vec![&true]),
        ("user:{}", vec![&false]),
        ("user:{}", vec![&'x']),
        ("user:{}", vec![&"x"]),
        ("user:{}", vec![&[1_u8, 2, 3]]),
        ("user:{}", vec![&None::<i32>]),
        ("user:{}", vec![&Some(7)]),
        ("user:{}", vec![&7]),
        ("user:{}", vec![&Some(None::<i32>)]),
        ("user:{}", vec![&IpAddr::V4(Ipv4Addr::LOCALHOST)]),
        ("user:{}", vec![&IpAddr::V6(Ipv6Addr::LOCALHOST)]),
        ("user:{}", vec![&uuid]),
        ("order:{}:{}", vec![&"ab", &"c"]),
        ("order:{}:{}", vec![&"a", &"bc"]),
        ("order:{}:{}", vec![&1, &2]),
        ("order:{}", vec![&(1, 2)]),
        ("user:{}", vec![&Status::Active]),
        ("user:{}", vec![&Status::Blocked]),
        ("user:{}", vec![&waited]),
        ("settings", Vec::new()),
        ("day:{}", vec![&date]),
        ("day:{}", vec![&NaiveDate::MIN]),
        ("day:{}", vec![&NaiveDate::MAX]),
        ("day:{}", vec![&time]),
        ("day:{}", vec![&leap_second]),
        ("day:{}", vec![&date_time]),
        ("day:{}", vec![&leap_moment]),
        ("day:{}", vec![&moment]),
        ("day:{}", vec![&DateTime::UNIX_EPOCH]),
        ("day:{}", vec![&before_1970]),
        ("day:{}", vec![&chrono::Weekday::Sun]),
        ("day:{}", vec![&chrono::Month::December]),
        ("price:{}", vec![&price]),
        ("price:{}", vec![&Decimal::MAX]),
        ("price:{}", vec![&Decimal::ZERO]),
        ("order:{}", vec![&object_id]),
    ];
    let actual: Vec<String> = vectors
        .iter()
        .map(|(template, parts)| {
            let encoder = encode(template, parts);
            let bytes = hex(encoder.as_bytes());
            let shown = if bytes.len() > 80 { &bytes[..80] } else { &bytes };
            format!("{template} {shown} {:032x}\n", encoder.key().hash())
        })
        .collect();
    assert_eq!(actual.concat(), include_str!("key_vectors.txt"));
}

/// The scopes' numbers, and the hash of the first vector's key in each. They were made by another implementation,
/// of SHA-256 and XXH3.
#[test]
fn the_vectors_of_scopes_hold() {
    let none = Scope::default();
    let key = encode("user:{}", &[&42]).key();
    let scopes = [
        ("7", none.within(7)),
        ("\"7\"", none.within("7")),
        ("\"acme\"", none.within("acme")),
        ("\"eu\", 7", none.within("eu").within(7)),
        ("7, \"eu\"", none.within(7).within("eu")),
    ];
    let actual = scopes.map(|(name, scope)| {
        let shown = format!("{scope:?}");
        let number = shown.trim_start_matches("Scope(").trim_end_matches(')');
        format!("{name}: {number} {:032x}\n", scope.key(key).hash())
    });
    assert_eq!(actual.concat(), include_str!("key_vectors_scoped.txt"));
    assert_eq!(none.key(key), key);
}

#[test]
fn the_type_of_a_part_is_not_in_the_key() {
    let same = |one: &dyn KeyPart, other: &dyn KeyPart| {
        assert_eq!(encode("user:{}", &[one]).as_bytes(), encode("user:{}", &[other]).as_bytes());
    };
    same(&NonZero::<u128>::MAX, &u128::MAX);
    same(&NonZero::<i8>::MIN, &i64::from(i8::MIN));
    same(&NonZero::<usize>::MIN, &1);
    same(&vec![1_u8, 2, 3], &[1_u8, 2, 3]);
    same(&"x".to_owned(), &"x");
    same(&Status::Blocked, &"Locked");
    same(&Waited(Duration::from_secs(5)), &5_000_000_000_i64);
}

#[test]
fn equal_values_have_one_encoding() {
    let same = |one: &dyn KeyPart, other: &dyn KeyPart| {
        assert_eq!(encode("day:{}", &[one]).as_bytes(), encode("day:{}", &[other]).as_bytes());
    };
    let [one, other, number] = ["1.0", "1.00", "1"].map(|text| text.parse::<Decimal>().unwrap());
    same(&one, &other);
    same(&one, &number);
    same(&Decimal::new(1200, 0), &Decimal::new(120_000, 2));
    same(&Decimal::ZERO, &-Decimal::new(0, 5));

    let noon: DateTime<chrono::Utc> = "2024-02-29T12:00:00.25Z".parse().unwrap();
    let offset = chrono::FixedOffset::east_opt(2 * 3600).unwrap();
    same(&noon, &noon.with_timezone(&offset));
    let by_time =
        time::OffsetDateTime::from_unix_timestamp_nanos(noon.timestamp_nanos_opt().unwrap().into());
    let by_time = by_time.unwrap();
    let quarter = time::UtcOffset::from_hms(-3, -15, -1).unwrap();
    same(&noon, &by_time);
    same(&noon, &by_time.to_offset(quarter));
    same(&noon, &by_time.to_utc());
    same(&noon, &bson::DateTime::from_millis(noon.timestamp_millis()));
    // Before 1970, where a fraction of a second counts forwards too.
    let early = DateTime::UNIX_EPOCH - TimeDelta::milliseconds(1);
    same(&early, &bson::DateTime::from_millis(-1));
    same(&early, &(time::OffsetDateTime::UNIX_EPOCH - time::Duration::MILLISECOND));
}

#[test]
fn two_crates_calendars_are_one() {
    let same = |one: &dyn KeyPart, other: &dyn KeyPart| {
        assert_eq!(encode("day:{}", &[one]).as_bytes(), encode("day:{}", &[other]).as_bytes());
    };
    for (year, month, day) in
        [(2024, 2, 29), (1970, 1, 1), (1969, 12, 31), (-9999, 1, 1), (9999, 12, 31)]
    {
        let date = NaiveDate::from_ymd_opt(year, u32::from(month), u32::from(day)).unwrap();
        let month = time::Month::try_from(month).unwrap();
        let other = time::Date::from_calendar_date(year, month, day).unwrap();
        same(&date, &other);
        same(
            &date.and_hms_nano_opt(1, 2, 3, 4).unwrap(),
            &other.with_hms_nano(1, 2, 3, 4).unwrap(),
        );
    }
    let time = NaiveTime::from_hms_nano_opt(23, 59, 58, 999_999_999).unwrap();
    same(&time, &time::Time::from_hms_nano(23, 59, 58, 999_999_999).unwrap());
    let (mut day, mut other_day) = (chrono::Weekday::Mon, time::Weekday::Monday);
    for _ in 0..7 {
        same(&day, &other_day);
        (day, other_day) = (day.succ(), other_day.next());
    }
    let (mut month, mut other_month) = (chrono::Month::January, time::Month::January);
    for _ in 0..12 {
        same(&month, &other_month);
        (month, other_month) = (month.succ(), other_month.next());
    }
}

#[test]
fn different_parts_have_different_encodings() {
    let text = include_str!("key_vectors.txt");
    let mut hashes: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    // 42 as i64 and as u8 are one and the same key.
    assert_eq!(hashes.len(), all - 1);
}
