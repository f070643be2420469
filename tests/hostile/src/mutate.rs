//! Valid input, damaged.

use arbitrary::{Result, Unstructured};

/// How long what is repeated becomes at the most.
const LONGEST: usize = 1 << 18;

/// Changes the bytes in a few places, in ways that parsers go wrong at. `pieces` are what is put in
/// besides single bytes.
pub(crate) fn mutate(
    bytes: &mut Vec<u8>,
    pieces: &[&[u8]],
    input: &mut Unstructured<'_>,
) -> Result<()> {
    for _ in 0..input.int_in_range(1..=4)? {
        let range = range(bytes.len(), input)?;
        match input.int_in_range(0..=6)? {
            0 if !range.is_empty() => bytes[range.start] ^= 1 << input.int_in_range(0..=7)?,
            1 if !range.is_empty() => bytes[range.start] = input.arbitrary()?,
            2 => bytes.truncate(range.start),
            3 => drop(bytes.drain(range)),
            4 => {
                // Rarely very often, for what must not be followed to its end.
                let times = if input.ratio(1, 64)? { 5000 } else { input.int_in_range(1..=8)? };
                let most = LONGEST / range.len().max(1);
                let copies = bytes[range.clone()].repeat(times.min(most));
                bytes.splice(range, copies);
            }
            5 => {
                let piece = *input.choose(pieces)?;
                let replaced = if input.arbitrary()? { range } else { range.start..range.start };
                bytes.splice(replaced, piece.iter().copied());
            }
            _ => {
                let len = input.int_in_range(0..=16)?;
                let some = input.bytes(len.min(input.len()))?.to_vec();
                bytes.splice(range.start..range.start, some);
            }
        }
    }
    Ok(())
}

/// A part of so many; mostly a small one.
fn range(len: usize, input: &mut Unstructured<'_>) -> Result<std::ops::Range<usize>> {
    let start = input.int_in_range(0..=len)?;
    let longest = (len - start).min(if input.ratio(1, 4)? { len } else { 8 });
    Ok(start..start + input.int_in_range(0..=longest)?)
}
