//! Whether a value comes back as it went in.

use std::fmt::{Debug, Write as _};
use std::time::Duration;

use crate::codec::difference;
use crate::document::{self, Header, Unfit};
use crate::model::schema::CacheSchema;

/// How many lines of two values a message has.
const MOST: usize = 20;

/// Asserts that a value comes back from a cache as it went in: encodes it as it would be stored, decodes that, and compares
/// the two, by what is stored of them and by `==`.
///
/// Worth a test for a type with `#[cache(opaque)]` or `#[cache(with = …)]` fields, whose serde code is somebody else's and may
/// leave something out, and for a [`CacheSchema`] by hand. A running cache finds most of it as well, when it is too late for
/// a test: it does not store such an object, and counts it as [`unfaithful`](crate::TypeStats::unfaithful).
///
/// A field with `#[cache(skip)]` comes back as its `Default`: give it that in the test.
///
/// ```
/// # #[cfg(feature = "derive")] {
/// use cachecow::{CacheSchema, testing};
///
/// #[derive(Debug, PartialEq, CacheSchema)]
/// struct Address { street: String, zip: Option<u32> }
///
/// testing::assert_round_trips(&Address { street: "Elm St".into(), zip: Some(12345) });
/// # }
/// ```
///
/// # Panics
///
/// If the value cannot be encoded, or does not come back as it was. The message names the field, or shows the lines of
/// the two values' `Debug` forms that differ.
#[track_caller]
pub fn assert_round_trips<T: CacheSchema + PartialEq + Debug>(value: &T) {
    if let Err(why) = round_trip(value) {
        panic!("assert_round_trips: `{}` does not come back from a cache as it was{why}", T::NAME);
    }
}

fn round_trip<T: CacheSchema + PartialEq + Debug>(value: &T) -> Result<(), String> {
    let header = Header::new(T::FINGERPRINT, 0, Duration::ZERO, Duration::MAX);
    let document = document::encode(header, value, usize::MAX).map_err(|unfit| match unfit {
        Unfit::Unencodable(reason) => format!(": it cannot be encoded: {reason}"),
        Unfit::TooLarge => ": it is too large".to_owned(),
    })?;
    let body = document::parse(&document).ok().and_then(|(_, body)| body.object());
    let body = body.ok_or(": its document is malformed")?;
    let read: T =
        document::decode(body).map_err(|error| format!(": it cannot be read back: {error}"))?;
    let field = difference(value, &read);
    if field.is_none() && read == *value {
        return Ok(());
    }
    let what = match field.as_deref() {
        None | Some("") => String::new(),
        Some(field) => format!(": {field} differs"),
    };
    Err(what + &lines(value, &read))
}

/// The lines in which two values differ.
fn lines(value: &impl Debug, read: &impl Debug) -> String {
    let (value, read) = (format!("{value:#?}"), format!("{read:#?}"));
    let (value, read): (Vec<&str>, Vec<&str>) = (value.lines().collect(), read.lines().collect());
    let same = |(one, other): &(&&str, &&str)| one == other;
    let before = value.iter().zip(&read).take_while(same).count();
    let (value, read) = (&value[before..], &read[before..]);
    let after = value.iter().rev().zip(read.iter().rev()).take_while(same).count();
    let mut shown = String::new();
    for (what, lines) in [("it was", value), ("it came back as", read)] {
        let _ = write!(shown, "\n{what}:");
        let differing = &lines[..lines.len() - after];
        for line in differing.iter().take(MOST) {
            let _ = write!(shown, "\n  {}", line.trim());
        }
        if differing.len() > MOST {
            shown.push_str("\n  …");
        }
    }
    shown
}
