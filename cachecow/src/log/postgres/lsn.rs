//! PostgreSQL's log sequence numbers as positions.

use pgwire_replication::Lsn;

use crate::error::{Error, ErrorKind};
use crate::log::position::LogPosition;

pub(super) fn position(lsn: Lsn) -> LogPosition {
    LogPosition::new(lsn.as_u64())
}

pub(super) fn lsn(position: LogPosition) -> Lsn {
    Lsn::from_u64(position.number())
}

/// `16/B374D848`
pub(super) fn parse(text: &str) -> Result<LogPosition, Error> {
    let lsn = Lsn::parse(text).map_err(|error| {
        Error::caused_by(ErrorKind::Unavailable, "follow: the database gave no LSN", error)
    })?;
    Ok(position(lsn))
}
