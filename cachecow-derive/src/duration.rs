//! Durations as people write them: `10s`, `1h30m`.

use std::time::Duration;

const EXAMPLES: &str = "write a number and a unit (ms, s, m, h, d), as in \"250ms\", \"10s\", \
                        \"10m\" or \"1h30m\"";

/// The units, the largest first, in milliseconds.
const UNITS: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// Parses a duration, or says what is wrong with it and what to write.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    if text.is_empty() {
        return Err(format!("an empty duration; {EXAMPLES}"));
    }
    let mut rest = text;
    let mut millis = 0_u64;
    let mut smallest = None;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_alphabetic()).len();
        let (unit, tail) = tail.split_at(letters);
        if number.is_empty() {
            return Err(format!("`{text}` is not a duration; {EXAMPLES}"));
        }
        if unit.is_empty() {
            return Err(format!("`{number}` in `{text}` has no unit; {EXAMPLES}"));
        }
        let Some(rank) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is not a unit; {EXAMPLES}"));
        };
        if smallest.is_some_and(|smallest| rank <= smallest) {
            return Err(format!("the units of `{text}` do not go from large to small; {EXAMPLES}"));
        }
        smallest = Some(rank);
        millis = number
            .parse()
            .ok()
            .and_then(|number: u64| number.checked_mul(UNITS[rank].1))
            .and_then(|part| millis.checked_add(part))
            // Redis counts expiry in signed 64-bit milliseconds since 1970.
            .filter(|millis| *millis <= u64::MAX / 4)
            .ok_or_else(|| format!("`{text}` is too long; {EXAMPLES}"))?;
        rest = tail;
    }
    Ok(Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_and_their_sums() {
        for (text, millis) in [
            ("250ms", 250),
            ("10s", 10_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
            ("7d", 604_800_000),
            ("1h30m", 5_400_000),
            ("1d2h3m4s5ms", 93_784_005),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_millis(millis)), "{text}");
        }
    }

    #[test]
    fn what_is_none_says_what_to_write() {
        for text in [
            "",
            "10",
            "10x",
            "-1s",
            "s",
            "1.5h",
            " 1s",
            "1s ",
            "1m1h",
            "1h1h",
            "1h30",
            "1 h",
            "١s",
            "99999999999999999999s",
            "999999999999999d",
        ] {
            let message = parse(text).expect_err(text);
            assert!(message.contains("\"1h30m\""), "{text}: {message}");
        }
    }
}
