//! Goes through the names on all servers by `SCAN`. It never uses `KEYS`, which blocks the server for all other
//! clients.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use cachecow::__tools::{self as tools, OneServer};
use cachecow::{Key, KeyEncoder};

use crate::fault::Fault;
use crate::replies;
use crate::session::{Session, ask};

/// How many names a server looks at in one step: some tenths of a millisecond.
const STEP: usize = 500;
/// How often the command prints its progress.
const INTERVAL: Duration = Duration::from_millis(200);

/// Which names the command line asks for.
pub(crate) struct Names {
    pattern: Vec<u8>,
    /// The words in front of the hash; none for all names.
    words: Vec<String>,
}

impl Names {
    /// Selects the values of a type of the manifest, or those whose names begin with these words. Without either,
    /// it selects all values.
    pub(crate) fn of_values(session: &Session, of: Option<&str>) -> Result<Self, Fault> {
        let words = match of {
            None => Vec::new(),
            Some(of) => words_of(session, of)?,
        };
        let mut pattern = escaped(session.servers.prefix());
        pattern.extend_from_slice(b"cache:{");
        if let [word] = &words[..] {
            pattern.extend_from_slice(word.as_bytes());
            // The hash.
            pattern.extend_from_slice(&[b'?'; 22]);
        } else {
            pattern.push(b'*');
        }
        pattern.push(b'}');
        Ok(Self { pattern, words })
    }

    /// Everything in the namespace.
    pub(crate) fn all(session: &Session) -> Self {
        let mut pattern = escaped(session.servers.prefix());
        pattern.push(b'*');
        Self { pattern, words: Vec::new() }
    }

    /// Whether the key has one of the selected words.
    pub(crate) fn include(&self, key: Key) -> bool {
        self.words.is_empty() || self.words.contains(&tools::words_of(key))
    }
}

fn words_of(session: &Session, of: &str) -> Result<Vec<String>, Fault> {
    let mut entries = session.manifest.types.iter().filter(|entry| entry.name == of).peekable();
    if entries.peek().is_some() {
        return Ok(crate::manifest::words_of(entries).into_iter().collect());
    }
    let words = tools::words_of(KeyEncoder::new(of).key());
    if words.is_empty() || of.contains(['{', '}']) {
        return Err(Fault::usage(format!(
            "{of} is not a type of the manifest, nor the first words of a template, such as user or user:email"
        )));
    }
    Ok(vec![words])
}

/// Escapes the text for a pattern.
fn escaped(text: &str) -> Vec<u8> {
    let mut escaped = Vec::with_capacity(text.len());
    for byte in text.bytes() {
        if b"*?[]^\\-".contains(&byte) {
            escaped.push(b'\\');
        }
        escaped.push(byte);
    }
    escaped
}

/// One server's names, step by step.
pub(crate) struct Scan<'a> {
    server: &'a OneServer,
    pattern: &'a [u8],
    cursor: Option<u64>,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(server: &'a OneServer, names: &'a Names) -> Self {
        Self { server, pattern: &names.pattern, cursor: Some(0) }
    }

    /// Whether all names have been seen.
    pub(crate) fn is_over(&self) -> bool {
        self.cursor.is_none()
    }

    /// Returns some more names, possibly none in this step, and `None` at the end. A name may occur twice.
    pub(crate) async fn step(&mut self) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        let Some(cursor) = self.cursor else { return Ok(None) };
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.pattern).arg("COUNT").arg(STEP);
        let answer = ask(self.server, &scan).await?;
        let [next, names] = replies::array(&answer) else {
            return Err(Fault::unreachable(format!(
                "{}: a malformed answer",
                self.server.address()
            )));
        };
        let next = replies::text(next).and_then(|next| next.parse().ok()).unwrap_or(0);
        self.cursor = (next != 0).then_some(next);
        let names = replies::array(names).iter().filter_map(replies::bytes);
        Ok(Some(names.map(<[u8]>::to_vec).collect()))
    }
}

/// The kind of a name in Redis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Value,
    Flag,
    Tag,
}

/// Returns the kind of a name and its key, if the name is one of cachecow's.
pub(crate) fn parsed(prefix: &str, name: &[u8]) -> Option<(Kind, Key)> {
    let rest = name.strip_prefix(prefix.as_bytes())?;
    let (kind, rest) = [(Kind::Value, "cache:"), (Kind::Flag, "flag:"), (Kind::Tag, "tag:")]
        .into_iter()
        .find_map(|(kind, word)| Some((kind, rest.strip_prefix(word.as_bytes())?)))?;
    let text = std::str::from_utf8(rest).ok().filter(|text| text.starts_with('{'))?;
    Some((kind, Key::from_name(text)?))
}

/// Prints the progress, only on a terminal.
pub(crate) struct Progress {
    last: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    pub(crate) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        Self { last: is_terminal.then(Instant::now), is_shown: false }
    }

    pub(crate) fn tell(&mut self, what: impl FnOnce() -> String) {
        if let Some(last) = &mut self.last
            && last.elapsed() >= INTERVAL
        {
            *last = Instant::now();
            self.is_shown = true;
            // If the progress cannot be printed, the command continues without it.
            let _ = write!(io::stderr(), "\r\x1b[K{}", what());
        }
    }

    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.is_shown) {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_ours_or_not() {
        let key = KeyEncoder::new("user:{}").key();
        let of = |name: String| parsed("shop:", name.as_bytes());
        assert_eq!(of(format!("shop:cache:{{{key}}}")), Some((Kind::Value, key)));
        assert_eq!(of(format!("shop:tag:{{{key}}}")), Some((Kind::Tag, key)));
        for name in [
            format!("cache:{{{key}}}"),
            format!("shop:other:{{{key}}}"),
            format!("shop:cache:x{{{key}}}"),
            "shop:cache:{}".to_owned(),
        ] {
            assert_eq!(of(name), None);
        }
    }

    #[test]
    fn a_namespace_is_no_pattern() {
        assert_eq!(escaped("a*[b]:"), b"a\\*\\[b\\]:");
    }
}
