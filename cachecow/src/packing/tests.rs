//! Tests that packed values are read back, and others are refused.

use std::time::Duration;

use serde::de::IgnoredAny;

use super::*;
use crate::document::{self, Header};
use crate::protocol::Token;

const KEY: Key = Key::from_hash(7);
const OTHER: Key = Key::from_hash(8);
const MAX: usize = 1 << 20;
/// Where the header of a document ends.
const HEADER: usize = 30;

fn keyring() -> Keyring {
    Keyring::new("new", &[1; 32]).and("old", &[2; 32])
}

/// With these settings, in the namespace "shop".
fn packing(level: Option<i32>, keyring: Option<Keyring>) -> Packing {
    let mut packing = Packing::default();
    packing.bind("shop");
    if let Some(level) = level {
        packing.compress(Compression::zstd(level), 0);
    }
    packing.keyring = keyring;
    packing
}

fn plain() -> Packing {
    packing(None, None)
}

fn zstd() -> Packing {
    packing(Some(3), None)
}

fn encrypted() -> Packing {
    packing(None, Some(keyring()))
}

fn both() -> Packing {
    packing(Some(3), Some(keyring()))
}

fn header() -> Header {
    Header::new(0x0123_4567_89ab_cdef, 1_700_000_000_000, Duration::ZERO, Duration::from_secs(60))
}

/// One document of each form, long enough to become shorter.
fn documents() -> Vec<Bytes> {
    let text = "a text that repeats itself, ".repeat(20);
    let object = document::encode(header(), &text, MAX).unwrap();
    let stamps = [(OTHER, Token::from_bytes([3; 16]))];
    let tagged = document::with_stamps(&object, &stamps, MAX).unwrap();
    let absent = document::encode_absent(header(), text.as_bytes(), MAX).unwrap();
    let token = Token::from_bytes([4; 16]);
    let pointer = document::encode_pointer(header(), token, text.as_bytes(), MAX).unwrap();
    [object, tagged, absent, pointer].map(Bytes::from).into()
}

fn open(packing: &Packing, key: Key, stored: &Bytes, max_len: usize) -> Result<Bytes, Refusal> {
    packing.unpack(key, stored, max_len, &mut None).cloned()
}

#[test]
fn every_document_comes_back_and_its_header_stays_in_clear() {
    for packing in [plain(), zstd(), encrypted(), both()] {
        for clear in documents() {
            let stored = packing.pack(KEY, clear.clone()).unwrap();
            assert_eq!(open(&packing, KEY, &stored, clear.len()), Ok(clear.clone()));
            assert_eq!(document::header(&stored), Ok(header()));
            rmp_serde::from_slice::<IgnoredAny>(&stored).expect("one MessagePack value");
        }
    }
}

#[test]
fn without_settings_a_document_is_not_copied() {
    for clear in documents() {
        let stored = plain().pack(KEY, clear.clone()).unwrap();
        assert_eq!(stored.as_ptr(), clear.as_ptr());
        let mut unpacked = None;
        let opened = plain();
        let opened = opened.unpack(KEY, &stored, MAX, &mut unpacked).unwrap();
        assert_eq!(opened.as_ptr(), clear.as_ptr());
        assert!(unpacked.is_none());
    }
}

#[test]
fn only_what_becomes_shorter_is_compressed() {
    let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(500).collect();
    let noise = Bytes::from(document::encode_absent(header(), &noise, MAX).unwrap());
    assert_eq!(zstd().pack(KEY, noise.clone()).unwrap(), noise);
    let codec = |stored: &[u8]| packed::unpack(stored).unwrap().codec.to_vec();
    assert_eq!(codec(&both().pack(KEY, noise).unwrap()), b"xc20p");
    for clear in documents() {
        assert_eq!(codec(&zstd().pack(KEY, clear.clone()).unwrap()), b"zstd");
        assert_eq!(codec(&both().pack(KEY, clear).unwrap()), b"zstd+xc20p");
    }
}

#[test]
fn compression_alone_makes_no_document_longer() {
    let mut compressed = 0;
    for len in 1..200 {
        let clear = document::encode_absent(header(), "ab".repeat(len).as_bytes(), MAX).unwrap();
        let stored = zstd().pack(KEY, clear.clone().into()).unwrap();
        assert!(stored.len() <= clear.len(), "{len}");
        compressed += usize::from(packed::is_packed(&stored));
    }
    assert!(compressed > 150, "{compressed}");
}

#[test]
fn the_threshold_is_exact() {
    let clear = &documents()[0];
    let stored = |above| {
        let mut packing = plain();
        packing.compress(Compression::zstd(1), above);
        packing.pack(KEY, clear.clone()).unwrap()
    };
    assert!(packed::is_packed(&stored(clear.len())));
    assert!(!packed::is_packed(&stored(clear.len() + 1)));
}

#[test]
fn a_nonce_is_never_used_twice() {
    let clear = &documents()[0];
    let mut nonces: Vec<Vec<u8>> = (0..1000)
        .map(|_| encrypted().pack(KEY, clear.clone()).unwrap())
        .map(|stored| packed::unpack(&stored).unwrap().payload[..24].to_vec())
        .collect();
    nonces.sort();
    nonces.dedup();
    assert_eq!(nonces.len(), 1000);
}

#[test]
fn what_is_encrypted_is_bound_to_its_key_namespace_and_header() {
    for packing in [encrypted(), both()] {
        for clear in documents() {
            let stored = packing.pack(KEY, clear).unwrap();
            let refused = |packing: &Packing, key, stored: &Bytes| {
                assert!(matches!(open(packing, key, stored, MAX), Err(Refusal::Damaged(_))));
            };
            refused(&packing, OTHER, &stored);
            let mut elsewhere = packing.clone();
            elsewhere.bind("shoq");
            refused(&elsewhere, KEY, &stored);
            // The fingerprint, when it was stored, how long the fetch took, the time to live.
            for at in [3, 10, 12, 19, 21, 24, 26, 29] {
                let mut changed = stored.to_vec();
                changed[at] ^= 1;
                assert!(document::header(&changed).is_ok());
                refused(&packing, KEY, &changed.into());
            }
        }
    }
}

#[test]
fn every_bit_counts() {
    for packing in [encrypted(), both()] {
        let stored = packing.pack(KEY, documents()[1].clone()).unwrap();
        for at in 0..stored.len() * 8 {
            let mut changed = stored.to_vec();
            changed[at / 8] ^= 1 << (at % 8);
            assert!(open(&packing, KEY, &changed.into(), MAX).is_err(), "{at}");
        }
        for len in 0..stored.len() {
            assert!(open(&packing, KEY, &stored.slice(..len), MAX).is_err(), "{len}");
        }
    }
}

#[test]
fn a_damaged_compressed_document_is_refused_or_the_same() {
    let clear = documents()[0].clone();
    let stored = zstd().pack(KEY, clear.clone()).unwrap();
    for at in HEADER * 8..stored.len() * 8 {
        let mut changed = stored.to_vec();
        changed[at / 8] ^= 1 << (at % 8);
        if let Ok(opened) = open(&zstd(), KEY, &changed.into(), MAX) {
            assert_eq!(opened, clear, "{at}");
        }
    }
}

#[test]
fn values_of_other_settings_are_told_from_damaged_ones() {
    let other_ring = packing(None, Some(Keyring::new("other", &[1; 32])));
    let all = [plain(), zstd(), encrypted(), both(), other_ring.clone()];
    for clear in documents() {
        for (writer, readers) in [
            // A reader without a key accepts everything that is not encrypted.
            (plain(), [true, true, false, false, false]),
            (zstd(), [true, true, false, false, false]),
            (encrypted(), [false, false, true, true, false]),
            (both(), [false, false, true, true, false]),
            (other_ring.clone(), [false, false, false, false, true]),
        ] {
            let stored = writer.pack(KEY, clear.clone()).unwrap();
            for (reader, reads) in all.iter().zip(readers) {
                let wanted = if reads { Ok(clear.clone()) } else { Err(Refusal::OtherSettings) };
                assert_eq!(open(reader, KEY, &stored, MAX), wanted);
            }
        }
    }
}

#[test]
fn the_keys_behind_the_first_decrypt() {
    let old = packing(None, Some(Keyring::new("old", &[2; 32])));
    let clear = &documents()[0];
    let stored = old.pack(KEY, clear.clone()).unwrap();
    assert_eq!(open(&encrypted(), KEY, &stored, MAX).as_ref(), Ok(clear));
    let stored = encrypted().pack(KEY, clear.clone()).unwrap();
    assert_eq!(packed::unpack(&stored).unwrap().key, b"new");
    // Of the same name, and another key.
    let wrong = packing(None, Some(Keyring::new("new", &[9; 32])));
    assert!(matches!(open(&wrong, KEY, &stored, MAX), Err(Refusal::Damaged(_))));
}

#[test]
fn the_greatest_length_counts_for_the_clear_document() {
    for packing in [plain(), zstd(), encrypted(), both()] {
        for clear in documents() {
            let stored = packing.pack(KEY, clear.clone()).unwrap();
            let refused = open(&packing, KEY, &stored, clear.len() - 1);
            assert_eq!(refused, Err(Refusal::TooLarge));
        }
        let huge = Bytes::from(vec![0x98; MAX + MOST_ADDED + 1]);
        assert_eq!(open(&packing, KEY, &huge, MAX), Err(Refusal::TooLarge));
    }
}

/// A document of what was compressed elsewhere.
fn forged(packing: &Packing, compressed: &[u8]) -> Bytes {
    let clear = &documents()[0];
    let Some(keyring) = &packing.keyring else {
        let head = packed::pack_head(clear, COMPRESSED, "");
        return packed::packed_with(head, compressed).unwrap().into();
    };
    let head = packed::pack_head(clear, BOTH, keyring.first().name());
    let encrypted = keyring.first().encrypt(&packing.associated(KEY, &head), compressed).unwrap();
    packed::packed_with(head, &encrypted).unwrap().into()
}

#[test]
fn a_bomb_does_not_go_off() {
    for packing in [zstd(), both()] {
        // 32 MiB of zeros in some 1 KB, which say how many they are.
        let bomb = ::zstd::bulk::compress(&vec![0; 32 << 20], 3).unwrap();
        assert!(bomb.len() < 10_000);
        assert_eq!(open(&packing, KEY, &forged(&packing, &bomb), MAX), Err(Refusal::TooLarge));
        // Which do not say it.
        let mut unsized_bomb = ::zstd::stream::Encoder::new(Vec::new(), 3).unwrap();
        std::io::Write::write_all(&mut unsized_bomb, &vec![0; 2 << 20]).unwrap();
        let bomb = unsized_bomb.finish().unwrap();
        let refused = open(&packing, KEY, &forged(&packing, &bomb), MAX);
        assert!(matches!(refused, Err(Refusal::Damaged(_))), "{refused:?}");
    }
}

#[test]
fn a_size_that_lies_is_refused() {
    let content = vec![0; 100_000];
    let honest = ::zstd::bulk::compress(&content, 3).unwrap();
    // The magic number; a descriptor: one segment, the size in four bytes; the size.
    assert_eq!(honest[4] & 0b1110_0000, 0b1010_0000, "the size is where it is expected");
    assert_eq!(honest[5..9], 100_000_u32.to_le_bytes());
    for packing in [zstd(), both()] {
        for lie in [0_u32, 1, 99_999, 100_001, 1_000_000, u32::MAX] {
            let mut lying = honest.clone();
            lying[5..9].copy_from_slice(&lie.to_le_bytes());
            assert!(open(&packing, KEY, &forged(&packing, &lying), MAX).is_err(), "{lie}");
        }
        // Two frames, of which the first tells its size.
        let twice = [&honest[..], &honest].concat();
        assert!(open(&packing, KEY, &forged(&packing, &twice), MAX).is_err());
    }
}

#[test]
fn levels_and_names_are_checked() {
    let level = |level| packing(Some(level), None).faults();
    assert!(level(1).is_empty() && level(22).is_empty());
    for wrong in [i32::MIN, -1, 0, 23, i32::MAX] {
        let faults = level(wrong);
        assert_eq!(
            faults,
            [format!("compress: the level of zstd must be from 1 to 22, not {wrong}")]
        );
    }
    let ring = |name: &str| packing(None, Some(Keyring::new(name, &[1; 32]))).faults();
    assert!(ring("a").is_empty() && ring("Az09-_.789abcdef").is_empty());
    for wrong in ["", "0123456789abcdef0", "a b", "ä", "a\n"] {
        assert_eq!(ring(wrong).len(), 1, "{wrong}");
    }
    let same = packing(None, Some(keyring().and("new", &[5; 32]))).faults();
    assert_eq!(same, ["encrypt: two keys have the name \"new\""]);
}

#[test]
fn the_longest_names_fit() {
    let name = "0123456789abcdef";
    let packing = packing(Some(3), Some(Keyring::new(name, &[1; 32])));
    for clear in documents() {
        let stored = packing.pack(KEY, clear.clone()).unwrap();
        assert_eq!(packed::unpack(&stored).unwrap().key, name.as_bytes());
        assert_eq!(open(&packing, KEY, &stored, MAX), Ok(clear));
    }
}

#[test]
fn no_key_is_shown() {
    let shown = format!("{:?}", packing(Some(3), Some(Keyring::new("name", &[0xab; 32]))));
    assert!(shown.contains("name"));
    for form in ["171", "ab", "AB", "XChaCha"] {
        assert!(!shown.contains(form), "{shown}");
    }
}
