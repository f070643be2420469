//! Parses dates and times for key parts.

/// Days since 1 January 1970 of `2026-01-31`.
pub(crate) fn date(text: &str) -> Option<i32> {
    // A year before 1 begins with a sign.
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let mut parts = digits.splitn(3, '-');
    let mut next = || parts.next()?.parse::<u32>().ok();
    let (year, month, day) = (i64::from(next()?) * sign, i64::from(next()?), i64::from(next()?));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let longest = match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if !(1..=longest).contains(&day) {
        return None;
    }
    // Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms": years begin in March.
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i32::try_from(era * 146_097 + days - 719_468).ok()
}

/// Seconds since midnight and nanoseconds of `12:34:56.789`.
pub(crate) fn time(text: &str) -> Option<(u32, u32)> {
    let (clock, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let mut parts = clock.splitn(3, ':');
    let mut next = |max: u32| {
        let part = parts.next()?;
        part.parse::<u32>().ok().filter(|number| *number <= max && part.len() == 2)
    };
    let seconds = next(23)? * 3600 + next(59)? * 60 + next(59)?;
    if fraction.is_empty() || fraction.len() > 9 || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((seconds, format!("{fraction:0<9}").parse().ok()?))
}

/// Days, seconds and nanoseconds of `2026-01-31T12:34:56`.
pub(crate) fn date_time(text: &str) -> Option<(i32, u32, u32)> {
    let (day, clock) = text.split_once(['T', 't', ' '])?;
    let (seconds, nanos) = time(clock)?;
    Some((date(day)?, seconds, nanos))
}

/// Seconds since 1970 and nanoseconds of `2026-01-31T12:34:56Z` or with an offset such as `+02:00`.
pub(crate) fn instant(text: &str) -> Option<(i64, u32)> {
    let (local, offset) = if let Some(local) = text.strip_suffix(['Z', 'z']) {
        (local, 0)
    } else {
        let at = text.rfind(['+', '-']).filter(|at| text.len() - at == 6)?;
        let (seconds, _) = time(&format!("{}:00", &text[at + 1..]))?;
        let seconds = i64::from(seconds);
        (&text[..at], if text[at..].starts_with('-') { -seconds } else { seconds })
    };
    let (days, seconds, nanos) = date_time(local)?;
    Some((i64::from(days) * 86_400 + i64::from(seconds) - offset, nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times() {
        assert_eq!([date("1970-01-01"), date("2000-02-29")], [Some(0), Some(11_016)]);
        assert_eq!([date("1969-12-31"), date("2026-01-31")], [Some(-1), Some(20_484)]);
        assert_eq!([date("2026-02-29"), date("2026-13-01"), date("2026-1")], [None; 3]);
        assert_eq!(time("12:34:56.5"), Some((45_296, 500_000_000)));
        assert_eq!([time("24:00:00"), time("1:2:3"), time("01:02:03.")], [None; 3]);
        assert_eq!(instant("1970-01-01T02:00:00+02:00"), Some((0, 0)));
        assert_eq!(instant("1970-01-01T00:00:01.25Z"), Some((1, 250_000_000)));
        assert_eq!(instant("1970-01-01T00:00:01"), None, "without a place on earth");
    }
}
