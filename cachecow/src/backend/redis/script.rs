//! The Lua scripts, one for each command that does more than read.

use std::borrow::Cow;
use std::sync::LazyLock;

use ::redis::Script;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Claim,
    Fill,
    Abandon,
    Invalidate,
    Hold,
    Release,
    ReleaseAndStore,
    TakeEpoch,
}

pub(super) struct Source {
    pub(super) code: Cow<'static, str>,
    pub(super) hash: String,
}

static SOURCES: LazyLock<[Source; 8]> = LazyLock::new(|| CODES.map(Source::new));

/// The writers' scripts in a form that always changes something.
static MARKED: LazyLock<[Source; 8]> =
    LazyLock::new(|| CODES.map(|code| Source::new(marked(code))));

const CODES: [&str; 8] = [
    include_str!("scripts/claim.lua"),
    include_str!("scripts/fill.lua"),
    include_str!("scripts/abandon.lua"),
    include_str!("scripts/invalidate.lua"),
    include_str!("scripts/hold.lua"),
    include_str!("scripts/release.lua"),
    include_str!("scripts/release_and_store.lua"),
    include_str!("scripts/take_epoch.lua"),
];

/// Deletes values; always changes something.
pub(super) const MARKED_DELETION: &str = "for _, key in ipairs(KEYS) do redis.call('SET', key, '') \
                                          redis.call('DEL', key) end return 3";

/// `WAIT` covers only changes made on its connection, and invalidating an absent value changes nothing. Such an
/// invalidation would be acknowledged even if an earlier one of the same key, on which it relies, has not reached
/// the replicas. So each value is written before it is deleted.
fn marked(code: &str) -> String {
    let mark = include_str!("scripts/mark.lua");
    format!("{mark}{code}end\nlocal replies = carry_out()\nreturn fault or replies\n")
}

impl Source {
    fn new(code: impl Into<Cow<'static, str>>) -> Self {
        let code = code.into();
        let hash = Script::new(&code).get_hash().to_owned();
        Self { code, hash }
    }
}

impl Kind {
    pub(super) fn source(self, marked: bool) -> &'static Source {
        let sources = if marked { &MARKED } else { &SOURCES };
        &sources[self as usize]
    }

    /// Whether it is an invalidation, a hold or a release.
    pub(super) fn is_writers(self) -> bool {
        matches!(self, Self::Invalidate | Self::Hold | Self::Release | Self::ReleaseAndStore)
    }
}
