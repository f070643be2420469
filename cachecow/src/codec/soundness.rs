//! Checks that bytes from anyone can be decoded safely.
//!
//! Two properties of the decoder need this check. It trusts an array's claimed length, and reserves
//! up to a megabyte for each array. And it follows an enum's variants, each a map of one entry,
//! without counting the depth.

use super::MAX_DEPTH;

/// This number of arrays and maps is harmless, whatever lengths they claim.
const FEW: usize = 16;

/// Returns whether the bytes are safe to decode. They are if they have few arrays and maps, or if
/// they are one complete MessagePack value: with all items that its arrays and maps claim, nested
/// no deeper than [`MAX_DEPTH`].
#[inline]
pub(super) fn is_sound(bytes: &[u8]) -> bool {
    // Most objects have few, and counting takes a fraction of the time.
    most_containers(bytes) <= FEW || end(bytes) == Some(bytes.len())
}

/// Counts the bytes that may begin an array or a map. Written so that the processor can count many
/// at a time.
fn most_containers(bytes: &[u8]) -> usize {
    let may_be = |byte: u8| byte.wrapping_sub(0x80) < 0x20 || byte.wrapping_sub(0xdc) < 4;
    let count =
        |chunk: &[u8]| chunk.iter().fold(0_u8, |count, byte| count + u8::from(may_be(*byte)));
    bytes.chunks(usize::from(u8::MAX)).map(|chunk| usize::from(count(chunk))).sum()
}

/// Returns where the first value ends.
fn end(bytes: &[u8]) -> Option<usize> {
    // The number of items left in each open array and map, except the innermost.
    let mut outer = [0; MAX_DEPTH];
    let (mut depth, mut left, mut at) = (0_usize, 1, 0_usize);
    loop {
        while left == 0 {
            let Some(outside) = depth.checked_sub(1) else { return Some(at) };
            (depth, left) = (outside, outer[outside]);
        }
        left -= 1;
        let (len, items) = head(bytes.get(at..)?)?;
        at = at.checked_add(len)?;
        if items > 0 {
            // Each takes at least one byte.
            if items > bytes.len().saturating_sub(at) {
                return None;
            }
            *outer.get_mut(depth)? = left;
            (depth, left) = (depth + 1, items);
        }
    }
}

/// Returns the length of the first value without its items, and the number of its items.
fn head(bytes: &[u8]) -> Option<(usize, usize)> {
    let number = |width: usize| {
        let digits = bytes.get(1..=width)?;
        Some(digits.iter().fold(0, |number, digit| number << 8 | usize::from(*digit)))
    };
    let data = |width: usize, more: usize| number(width)?.checked_add(1 + width + more);
    let marker = *bytes.first()?;
    let low = |mask: u8| usize::from(marker & mask);
    Some(match marker {
        0x00..=0x7f | 0xc0 | 0xc2 | 0xc3 | 0xe0..=0xff => (1, 0),
        0x80..=0x8f => (1, 2 * low(0x0f)),
        0x90..=0x9f => (1, low(0x0f)),
        0xa0..=0xbf => (1 + low(0x1f), 0),
        // Never used.
        0xc1 => return None,
        0xc4 | 0xd9 => (data(1, 0)?, 0),
        0xc5 | 0xda => (data(2, 0)?, 0),
        0xc6 | 0xdb => (data(4, 0)?, 0),
        0xc7 => (data(1, 1)?, 0),
        0xc8 => (data(2, 1)?, 0),
        0xc9 => (data(4, 1)?, 0),
        0xcc | 0xd0 => (2, 0),
        0xcd | 0xd1 => (3, 0),
        0xca | 0xce | 0xd2 => (5, 0),
        0xcb | 0xcf | 0xd3 => (9, 0),
        0xd4..=0xd8 => (2 + (1 << (marker - 0xd4)), 0),
        0xdc => (3, number(2)?),
        0xdd => (5, number(4)?),
        0xde => (3, number(2)?.checked_mul(2)?),
        0xdf => (5, number(4)?.checked_mul(2)?),
    })
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    fn encoded(value: &impl Serialize) -> Vec<u8> {
        rmp_serde::to_vec_named(value).unwrap()
    }

    /// A value with each of MessagePack's types, small and large.
    fn everything() -> Vec<Vec<u8>> {
        let texts: Vec<String> = [0, 31, 32, 255, 256, 65536].map(|len| "x".repeat(len)).into();
        let numbers = [0, 127, 128, 65535, 65536, u64::from(u32::MAX), u64::MAX];
        let negative = [-1, -32, -33, -129, -32769, i64::MIN];
        let lists: Vec<Vec<u8>> = [0, 15, 16, 65536].map(|len| vec![1; len]).into();
        let maps = lists.iter().map(|list| {
            let entries = list.iter().zip(0_u32..).map(|(value, key)| (key, *value));
            encoded(&entries.collect::<std::collections::BTreeMap<u32, u8>>())
        });
        let bytes = texts.iter().map(|text| encoded(&serde_bytes::Bytes::new(text.as_bytes())));
        let extensions = [1, 2, 4, 8, 16, 3, 256, 65536].map(|len: usize| {
            let data = serde_bytes::ByteBuf::from(vec![0x91; len]);
            encoded(&rmp_ext(data))
        });
        let mut all = vec![encoded(&(1.5_f32, 1.5_f64, true, false, ()))];
        all.extend([encoded(&texts), encoded(&numbers), encoded(&negative), encoded(&lists)]);
        all.extend(maps.chain(bytes).chain(extensions));
        all
    }

    fn rmp_ext(data: serde_bytes::ByteBuf) -> impl Serialize {
        #[derive(Serialize)]
        #[serde(rename = "_ExtStruct")]
        struct Extension((i8, serde_bytes::ByteBuf));
        Extension((7, data))
    }

    #[test]
    fn a_value_ends_where_it_ends() {
        for value in everything() {
            assert_eq!(end(&value), Some(value.len()));
            assert_eq!(end(&[&value[..], &[0xc0]].concat()), Some(value.len()));
            let last = value.len() - 1;
            assert!(end(&value[..last]).is_none_or(|end| end > last), "cut short");
        }
    }

    #[test]
    fn what_is_claimed_must_be_there() {
        for claim in [&b"\xdd\xff\xff\xff\xff"[..], b"\xdf\xff\xff\xff\xff", b"\xdc\0\x02\x01"] {
            assert_eq!(end(claim), None);
        }
        for data in [&b"\xdb\xff\xff\xff\xff"[..], b"\xc6\xff\xff\xff\xff", b"\xc9\xff\xff\xff\xff"]
        {
            assert!(end(data).is_none_or(|end| end > data.len()));
        }
    }

    #[test]
    fn depth_is_bounded() {
        let nest = |levels: usize| [vec![0x91; levels], vec![0xc0]].concat();
        assert!(is_sound(&nest(MAX_DEPTH)));
        assert!(!is_sound(&nest(MAX_DEPTH + 1)));
        assert!(!is_sound(&nest(1_000_000)));
    }

    #[test]
    fn every_array_and_map_is_counted() {
        let begins = |byte: u8| matches!(byte, 0x80..=0x9f | 0xdc..=0xdf);
        for byte in 0..=u8::MAX {
            let count = if begins(byte) { 1000 } else { 0 };
            assert_eq!(most_containers(&vec![byte; 1000]), count, "{byte:#x}");
        }
    }
}
