//! The holds of one place: the writers that prevent all readers from filling it.

use std::time::Duration;

use tokio::time::Instant;

use crate::protocol::Token;

/// The holds, each with its end.
#[derive(Default)]
pub(crate) struct Holds {
    all: Vec<(Token, Instant)>,
    /// The hold that was alone since it was placed: no other hold, and no invalidation.
    alone: Option<Token>,
}

impl Holds {
    /// Whether there is a hold.
    pub(crate) fn stand(&self, now: Instant) -> bool {
        self.all.iter().any(|(_, expires)| *expires > now)
    }

    /// Whether this hold is there, with no other hold and no invalidation since it was placed.
    pub(crate) fn is_alone(&self, token: &Token, now: Instant) -> bool {
        self.alone == Some(*token) && self.stand(now)
    }

    /// Adds a hold; one with the same token is replaced.
    pub(crate) fn place(&mut self, token: Token, now: Instant, ttl: Duration) {
        self.all.retain(|(_, expires)| *expires > now);
        self.alone = self.all.is_empty().then_some(token);
        self.all.retain(|(mine, _)| *mine != token);
        self.all.push((token, now + ttl));
    }

    /// Notes an invalidation of the held place.
    pub(crate) fn note_change(&mut self) {
        self.alone = None;
    }

    /// Ends a hold, and drops expired ones; returns whether none is left.
    pub(crate) fn release(&mut self, token: &Token, now: Instant) -> bool {
        self.alone = None;
        self.all.retain(|(mine, expires)| mine != token && *expires > now);
        self.all.is_empty()
    }
}
