//! Checks of the settings.

use std::time::Duration;

use super::Builder;
use crate::backend::namespace_fault;
use crate::error::{Error, ErrorKind};

impl Builder {
    /// Reports all invalid settings at once.
    pub(super) fn validate(&self) -> Result<(), Error> {
        let settings = &self.settings;
        let least = Duration::from_millis(1);
        let faults = [
            (settings.ttl < least, "default_ttl must be at least 1 ms"),
            (!(0.0..=1.0).contains(&settings.ttl_jitter), "ttl_jitter must be from 0.0 to 1.0"),
            (
                settings.negative_ttl.is_some_and(|ttl| ttl < least),
                "negative_ttl must be at least 1 ms; leave it out to not cache absences",
            ),
            (
                settings.stale_if_error.is_some_and(|window| window < least),
                "stale_if_error must be at least 1 ms; leave it out to serve no object past its time to live",
            ),
            (
                settings.soft_timeout.is_some_and(|time| time < least),
                "soft_timeout must be at least 1 ms; leave it out to wait until a fetch counts as hanging",
            ),
            (settings.background_loads == 0, "background_loads must be at least 1"),
            (settings.lease < least, "lease must be at least 1 ms"),
            (settings.hold < least, "hold must be at least 1 ms"),
            (settings.load_wait < least, "load_wait must be at least 1 ms"),
            (settings.fetch_concurrency == 0, "fetch_concurrency must be at least 1"),
            (settings.outage_fetch_concurrency == 0, "outage_fetch_concurrency must be at least 1"),
            (settings.near.ttl < least, "near_ttl must be at least 1 ms"),
            (
                settings.near.lag < Duration::from_millis(100),
                "near_lag must be at least 100 ms, because the server is probed every quarter of it",
            ),
            (self.operation_timeout < least, "operation_timeout must be at least 1 ms"),
            (self.connect_timeout < least, "connect_timeout must be at least 1 ms"),
            (
                self.replica_acks.is_some_and(|(_, timeout)| {
                    timeout < least || timeout > self.operation_timeout / 2
                }),
                "replica_acks must wait for at least 1 ms, and for half of the operation_timeout at \
                 most",
            ),
        ];
        let wrong = faults.iter().filter(|(wrong, _)| *wrong);
        let faults: Vec<String> = wrong
            .map(|(_, message)| (*message).to_owned())
            .chain(namespace_fault(&self.namespace).map(str::to_owned))
            .chain(settings.packing.faults())
            .chain(self.schemes.faults())
            .collect();
        if faults.is_empty() {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::InvalidConfig, faults.join("; ")))
        }
    }
}
