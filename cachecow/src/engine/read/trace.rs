//! The spans of a load: what it does, and how long each part takes. A hit has none.
//!
//! They have the level `debug` and the target `cachecow`. A disabled span costs the check of one number.

use tracing::field::Empty;
use tracing::{Span, debug_span};

use super::loader::Loader;
use crate::backend::Request;
use crate::key::template_at;
use crate::protocol::{Command, Fill, Outcome};

/// The whole of a load, or of several that one call makes together.
pub(super) fn load(loader: &dyn Loader, reads: usize) -> Span {
    let span = debug_span!(
        target: "cachecow", "load",
        r#type = Empty, template = Empty, reads, outcome = Empty
    );
    if !span.is_disabled() {
        span.record("type", loader.state().name());
        if reads > 0 {
            span.record("template", template(loader.identity(0).1).unwrap_or_default());
        }
    }
    span
}

/// How a load ended; for several loads, each outcome once.
pub(super) fn ended(span: &Span, outcomes: impl Iterator<Item = Outcome>) {
    if span.is_disabled() {
        return;
    }
    let mut words: Vec<&str> = outcomes.map(word).collect();
    words.sort_unstable();
    words.dedup();
    span.record("outcome", words.join(", "));
}

/// One round of commands: `claim` if it claims the right to fill, `fill` if it stores, otherwise `ask`. The
/// attributes follow OpenTelemetry's conventions for database clients.
pub(super) fn round(system: &'static str, requests: &[Request]) -> Span {
    macro_rules! of {
        ($name:literal) => {
            debug_span!(
                target: "cachecow", $name,
                otel.kind = "client",
                db.system.name = system,
                db.operation.name = $name,
                db.operation.batch.size = requests.len()
            )
        };
    }
    let has = |wanted: fn(&Command) -> bool| requests.iter().any(|each| wanted(&each.command));
    if has(|command| matches!(command, Command::Fill { .. })) {
        of!("fill")
    } else if has(|command| matches!(command, Command::Claim { .. })) {
        of!("claim")
    } else {
        of!("ask")
    }
}

/// The fetch function's time.
pub(super) fn fetch(count: usize) -> Span {
    debug_span!(target: "cachecow", "fetch", count)
}

/// A wait for another caller's load, or for another process's fill.
pub(super) fn wait() -> Span {
    debug_span!(target: "cachecow", "wait")
}

fn word(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Hit => "hit",
        Outcome::Stale => "stale",
        Outcome::Failed => "failed",
        Outcome::Shared(_) => "joined",
        Outcome::Fetched(Fill::Stored) => "fetched, stored",
        Outcome::Fetched(Fill::Refused) => "fetched, refused",
        Outcome::Fetched(Fill::Skipped) => "fetched, not to be stored",
        Outcome::Fetched(Fill::Unreachable) => "fetched, cache unreachable",
    }
}

/// The template that an encoded key begins with. It has no key value in it.
fn template(parts: &[u8]) -> Option<&str> {
    let (header, len) = template_at(parts)?;
    std::str::from_utf8(parts.get(header..)?.get(..len)?).ok()
}

#[cfg(test)]
mod tests {
    use super::template;
    use crate::key::KeyEncoder;

    #[test]
    fn the_template_is_found_in_an_encoded_key() {
        for len in [7, 31, 32, 255, 256, 5_000] {
            let mut text = "user:{}".to_owned();
            text.extend(std::iter::repeat_n('x', len - text.len()));
            assert_eq!(template(KeyEncoder::new(&text).as_bytes()), Some(&*text));
        }
        assert_eq!(
            (template(&[]), template(&[0x92, 1, 2]), template(&[0xa5, b'a'])),
            (None, None, None)
        );
    }
}
