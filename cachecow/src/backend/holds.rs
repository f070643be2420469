//! The holds of one place: the writers that keep everyone from filling it.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::Token;

/// The holds, each with its end.
#[derive(Default)]
pub(crate) struct Holds(Vec<(Token, Instant)>);

impl Holds {
    /// Whether any stands.
    pub(crate) fn stand(&self, now: Instant) -> bool {
        self.0.iter().any(|(_, expires)| *expires > now)
    }

    /// Adds one; one of the same token is replaced.
    pub(crate) fn place(&mut self, token: Token, now: Instant, ttl: Duration) {
        self.release(&token, now);
        self.0.push((token, now + ttl));
    }

    /// Ends one, and drops those that have expired; whether none is left.
    pub(crate) fn release(&mut self, token: &Token, now: Instant) -> bool {
        self.0.retain(|(mine, expires)| mine != token && *expires > now);
        self.0.is_empty()
    }
}
