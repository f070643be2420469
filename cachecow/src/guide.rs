// Each page is a file in `docs`. The modules exist in the documentation alone.

// A page with examples of a feature is to be read by all.
#![cfg_attr(docsrs, doc(auto_cfg = false))]
#![doc = include_str!("../docs/guide.md")]
#![cfg_attr(
    not(all(
        feature = "cli",
        feature = "log",
        feature = "metrics",
        feature = "outbox",
        feature = "scopes",
        feature = "store",
        feature = "testing",
        feature = "zstd",
        feature = "encryption"
    )),
    allow(rustdoc::broken_intra_doc_links, reason = "the pages are about all features")
)]

// Links on the pages refer to items in the crate's root.
#[allow(unused_imports)]
use crate::*;

#[doc = include_str!("../docs/getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("../docs/consistency/race.md")]
#[doc = ""]
#[doc = include_str!("../docs/consistency/race.svg")]
#[doc = ""]
#[doc = include_str!("../docs/consistency/fence.md")]
#[doc = ""]
#[doc = include_str!("../docs/consistency/fence.svg")]
#[doc = ""]
#[doc = include_str!("../docs/consistency/more.md")]
pub mod consistency {}

#[doc = include_str!("../docs/promise.md")]
pub mod promise {}

#[doc = include_str!("../docs/evidence.md")]
pub mod evidence {}

#[doc = include_str!("../docs/writes.md")]
pub mod writes {}

#[doc = include_str!("../docs/lists.md")]
pub mod lists {}

#[doc = include_str!("../docs/queries.md")]
pub mod queries {}

#[cfg(feature = "log")]
#[doc = include_str!("../docs/change_logs.md")]
pub mod change_logs {}

#[doc = include_str!("../docs/scale.md")]
pub mod scale {}

#[doc = include_str!("../docs/performance.md")]
pub mod performance {}

#[doc = include_str!("../docs/production.md")]
pub mod production {}

#[cfg(all(feature = "cli", feature = "metrics"))]
#[doc = include_str!("../docs/walk_through.md")]
pub mod walk_through {}

#[doc = include_str!("../docs/faults.md")]
pub mod faults {}

#[doc = include_str!("../docs/events.md")]
pub mod logged_events {}

#[cfg(feature = "cli")]
#[doc = include_str!("../docs/command.md")]
pub mod command {}

#[cfg(all(feature = "testing", feature = "derive", feature = "redis"))]
#[doc = include_str!("../docs/testing.md")]
pub mod testing_guide {}

#[doc = include_str!("../docs/settings.md")]
pub mod settings {}

#[doc = include_str!("../docs/features.md")]
pub mod features {}

#[doc = include_str!("../docs/stored_types.md")]
pub mod stored_types {}

#[cfg(all(feature = "fs", feature = "redis"))]
#[doc = include_str!("../docs/stores.md")]
pub mod stores {}

#[doc = include_str!("../docs/peers.md")]
pub mod peers {}

#[doc = include_str!("../docs/coming_from.md")]
pub mod coming_from {}

#[doc = include_str!("../docs/faq.md")]
pub mod faq {}

#[doc = include_str!("../docs/how_it_works.md")]
pub mod how_it_works {}
