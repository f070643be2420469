//! Formats texts from untrusted sources, times and sizes.

use std::fmt::Write as _;
use std::time::Duration;

/// Escapes all characters that could control a terminal or hide other characters.
pub(crate) fn line(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if is_hostile(character) {
            // Writing to a string never fails.
            let _ = write!(shown, "{}", character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// The same for bytes, which need not be UTF-8.
pub(crate) fn bytes(bytes: &[u8]) -> String {
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        shown.push_str(&line(chunk.valid()));
        for byte in chunk.invalid() {
            let _ = write!(shown, "\\x{byte:02x}");
        }
    }
    shown
}

/// Replaces the same characters in a JSON text by JSON escapes. Those that JSON itself requires are escaped
/// already.
pub(crate) fn json(json: &str) -> String {
    let mut shown = String::with_capacity(json.len());
    for character in json.chars() {
        if is_hostile(character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(shown, "\\u{unit:04x}");
            }
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Control characters, and those that change the direction or the place of others.
fn is_hostile(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{61c}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// `3 min 20 s`, `1.5 s`, `40 ms`.
pub(crate) fn time(time: Duration) -> String {
    let (seconds, millis) = (time.as_secs(), time.subsec_millis());
    match seconds {
        0 => format!("{millis} ms"),
        1..10 => format!("{seconds}.{} s", millis / 100),
        10..120 => format!("{seconds} s"),
        120..7200 => format!("{} min {} s", seconds / 60, seconds % 60),
        7200..172_800 => format!("{} h {} min", seconds / 3600, seconds / 60 % 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// `512 B`, `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    let units = [(1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")];
    match units.into_iter().find(|(unit, _)| bytes >= *unit) {
        Some((unit, name)) => format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit),
        None => format!("{bytes} B"),
    }
}

/// The number as JSON.
pub(crate) fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_reaches_a_terminal_that_it_would_obey() {
        assert_eq!(line("a\u{1b}[2Jb\r\nc\u{9b}31m"), "a\\u{1b}[2Jb\\r\\nc\\u{9b}31m");
        assert_eq!(line("user\u{202e}gnp"), "user\\u{202e}gnp");
        assert_eq!(line("zażółć 🐄"), "zażółć 🐄");
        assert_eq!(bytes(b"a\xff\x1b"), "a\\xff\\u{1b}");
        assert_eq!(json("{\"a\":\"\u{9b}\u{e0001}\"}"), "{\"a\":\"\\u009b\\udb40\\udc01\"}");
    }

    #[test]
    fn times_and_sizes() {
        let of = |millis| time(Duration::from_millis(millis));
        assert_eq!([of(40), of(1540), of(59_000)], ["40 ms", "1.5 s", "59 s"]);
        assert_eq!([of(200_000), of(90_000_000)], ["3 min 20 s", "25 h 0 min"]);
        assert_eq!([size(512), size(1536), size(5 << 30)], ["512 B", "1.5 KiB", "5.0 GiB"]);
    }
}
