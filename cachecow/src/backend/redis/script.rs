//! The Lua scripts, one for each command that does more than read.

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
    TakeEpoch,
    EndEpoch,
}

pub(super) struct Source {
    pub(super) code: &'static str,
    pub(super) hash: String,
}

static SOURCES: LazyLock<[Source; 8]> = LazyLock::new(|| {
    [
        include_str!("scripts/claim.lua"),
        include_str!("scripts/fill.lua"),
        include_str!("scripts/abandon.lua"),
        include_str!("scripts/invalidate.lua"),
        include_str!("scripts/hold.lua"),
        include_str!("scripts/release.lua"),
        include_str!("scripts/take_epoch.lua"),
        include_str!("scripts/end_epoch.lua"),
    ]
    .map(|code| Source { code, hash: Script::new(code).get_hash().to_owned() })
});

impl Kind {
    pub(super) fn source(self) -> &'static Source {
        &SOURCES[self as usize]
    }
}
