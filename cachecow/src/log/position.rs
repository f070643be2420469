//! Places in a change log.

use std::fmt;

/// A place in a change log: everything before it happened earlier in the log.
///
/// A number that grows along the log: PostgreSQL's LSN, a MongoDB cluster time, an offset of a topic with one
/// partition. What else a log needs to go on from there (a resume token, say) it keeps to itself. It may be sent to
/// another service, which then waits for it: see [`Follower::reached`](super::Follower::reached).
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
    /// The place of this number.
    pub const fn new(number: u64) -> Self {
        Self(number)
    }

    /// The number.
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
