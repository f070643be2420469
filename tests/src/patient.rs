//! Caches of tests on a busy machine.

use std::time::Duration;

use cachecow::{Builder, CacheCow};

/// A builder for a cache to which a busy machine does not pass for an outage.
pub fn patient() -> Builder {
    let longest = Duration::from_secs(20);
    CacheCow::builder().operation_timeout(longest).connect_timeout(longest)
}
