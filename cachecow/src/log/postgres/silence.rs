//! For how long the server may send nothing.

use std::time::Duration;

use crate::log::position::LogPosition;

/// How long the log may be longer than what was received while nothing arrives.
const FIRST: Duration = Duration::from_secs(10);
const LONGEST: Duration = Duration::from_secs(60 * 60);

/// How long a stream may be silent before it is opened again.
///
/// A stream is silent if its connection hangs. It is also silent while the server decodes a transaction of which it
/// sends nothing: `ALTER TABLE` that rewrites a large table, for example (PostgreSQL 14 and 15). Each time the stream is
/// opened, the server decodes that transaction from its beginning. So the time doubles until the log has moved on.
#[derive(Debug)]
pub(super) struct Silence {
    allowed: Duration,
    /// The log's end when the stream was silent for too long.
    until: LogPosition,
}

impl Silence {
    pub(super) fn new() -> Self {
        Self { allowed: FIRST, until: LogPosition::default() }
    }

    pub(super) fn allowed(&self) -> Duration {
        self.allowed
    }

    /// Notes that the stream was silent for that time, while the log's end was here.
    pub(super) fn was_too_long(&mut self, end: LogPosition) {
        self.allowed = (self.allowed * 2).min(LONGEST);
        self.until = end;
    }

    /// Notes that the stream has come to this position.
    pub(super) fn reached(&mut self, position: LogPosition) {
        if position >= self.until {
            *self = Self::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_doubles_until_the_log_has_moved_on() {
        let mut silence = Silence::new();
        let at = LogPosition::new;
        silence.was_too_long(at(100));
        silence.reached(at(99));
        silence.was_too_long(at(120));
        silence.reached(at(119));
        assert_eq!(silence.allowed(), 4 * FIRST);
        (0..20).for_each(|_| silence.was_too_long(at(120)));
        assert_eq!(silence.allowed(), LONGEST);
        silence.reached(at(120));
        assert_eq!(silence.allowed(), FIRST);
    }
}
