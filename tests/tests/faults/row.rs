//! A fault, and what is expected under it: a row of the document.

use std::fmt;

/// Stands between the causes that there may be.
pub(crate) const OR: &str = " or ";

/// A fault by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    /// The name of the test.
    pub(crate) name: &'static str,
    /// What is the matter.
    pub(crate) what: &'static str,
    /// A read of an object that was in the cache before.
    pub(crate) kept: Seen,
    /// A read of one that was not.
    pub(crate) other: Seen,
    pub(crate) invalidate: Told,
    /// A write, by default.
    pub(crate) write: Told,
    /// A write that requires its hold.
    pub(crate) strict: Told,
    /// A part of the cause that a ping gives, or nothing if it succeeds; several parts if it depends.
    pub(crate) ping: &'static str,
    /// Whether the circuit opens.
    pub(crate) circuit: Circuit,
    /// What the operator can do.
    pub(crate) remedy: &'static str,
}

impl Row {
    /// The name, as it is read.
    pub(crate) fn title(&self) -> String {
        self.name.replace('_', " ")
    }
}

/// Where a read has its object from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// The cache.
    Cached,
    /// The fetch function, and it was stored.
    Stored,
    /// The fetch function.
    Fetched,
    /// There was no cache before the fault.
    Never,
}

/// What a write or an invalidation returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Done,
    /// What had to be done was, but for the invalidation.
    NotInvalidated,
    /// Nothing was done.
    HoldRefused,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Circuit {
    Opens,
    StaysClosed,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cached => "from the cache",
            Self::Stored => "fetched, stored",
            Self::Fetched => "fetched",
            Self::Never => "–",
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "`Ok`",
            Self::NotInvalidated => "`NotInvalidated`",
            Self::HoldRefused => "`HoldRefused`",
        })
    }
}

impl fmt::Display for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opens => "opens",
            Self::StaysClosed => "stays closed",
        })
    }
}

/// Makes a test and a row of each fault; the comment is what the document says of it.
macro_rules! faults {
    ($(
        $(#[doc = $what:literal])+
        async fn $name:ident($row:ident) { $($field:ident: $value:expr),* $(,)? }
        $body:block
    )*) => {
        pub(crate) const ROWS: &[$crate::row::Row] = &[$($crate::row::Row {
            name: stringify!($name),
            what: concat!($($what),+),
            $($field: $value),*
        }),*];

        $(
            #[tokio::test]
            async fn $name() {
                let $row = ROWS.iter().find(|row| row.name == stringify!($name)).unwrap();
                $body
            }
        )*
    };
}

pub(crate) use faults;
