//! The published test vectors of the key encoding. They never change: a change would leave values
//! in caches that no invalidation finds. Each line is a key's template and parts, the encoding in
//! hexadecimal digits, and the XXH3-128 of that encoding.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::time::Duration;

use cachecow::{KeyEncoder, KeyPart};
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
fn different_parts_have_different_encodings() {
    let text = include_str!("key_vectors.txt");
    let mut hashes: Vec<&str> = text.lines().filter_map(|line| line.split(' ').nth(2)).collect();
    let all = hashes.len();
    hashes.sort_unstable();
    hashes.dedup();
    // 42 as i64 and as u8 are one and the same key.
    assert_eq!(hashes.len(), all - 1);
}
