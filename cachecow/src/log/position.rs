//! Positions in a change log.

use std::fmt;

/// A position in a change log: everything before it is earlier in the log.
///
/// It is a number that grows along the log: PostgreSQL's LSN, a MongoDB cluster time, an offset of a topic with one
/// partition. If a log needs more to continue from there (a resume token, for example), it keeps that itself. You
/// may send a position to another service, which can wait for it: see
/// [`Follower::reached`](super::Follower::reached).
///
/// ```
/// use cachecow::log::LogPosition;
///
/// assert!(LogPosition::new(7) < LogPosition::new(8));
/// assert_eq!("7".parse(), Ok(LogPosition::new(7)));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
pub struct LogPosition(u64);

impl LogPosition {
    /// Makes the position with this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn number(self) -> u64 {
        self.0
    }
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for LogPosition {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self)
    }
}
