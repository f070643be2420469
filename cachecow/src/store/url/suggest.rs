//! What was probably meant.

use strsim::osa_distance;

/// ``; did you mean `…`?``, if one of the names is similar enough.
pub(super) fn meant<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let word = word.to_ascii_lowercase();
    let near = |name: &str| 1.max(word.len().max(name.len()) / 3);
    names
        .into_iter()
        .map(|name| (osa_distance(&word, name), name))
        .filter(|&(distance, name)| distance <= near(name))
        .min_by_key(|&(distance, _)| distance)
        .map_or_else(String::new, |(_, name)| format!("; did you mean `{name}`?"))
}

/// The names as a readable list: `` `a`, `b` and `c` ``.
pub(super) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.pop() {
        None => "none".to_owned(),
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
    }
}

/// Quotes unknown names, unless they may be parts of a password.
#[derive(Clone, Copy)]
pub(super) struct Quoted {
    /// Whether there is an `@` after a `?` or `#`: then a password with one of these characters may have been cut
    /// there.
    pub(super) suspicious: bool,
}

impl Quoted {
    /// The name in quotes after a space, or nothing.
    pub(super) fn name(self, name: &str) -> String {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
        let shown = !self.suspicious && (1..=32).contains(&name.len()) && name.bytes().all(plain);
        if shown { format!(" `{name}`") } else { String::new() }
    }

    /// A hint about the probable cause.
    pub(super) fn hint(self) -> &'static str {
        if self.suspicious { "; in a password, `?` is written %3F and `#` is %23" } else { "" }
    }
}
