//! The snapshot gate: whether a transaction in the log is also visible to new snapshots.
//!
//! The server sends a commit once it is on disk. The transaction leaves the list of those in progress later; with
//! synchronous replication, much later. A read in between still sees the old data.

/// What `pg_current_snapshot()` returned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// Every transaction below is over.
    xmin: u64,
    /// No transaction from here on is.
    xmax: u64,
    /// Those in between that are in progress.
    in_progress: Vec<u64>,
}

impl Snapshot {
    /// `xmin:xmax:xid,xid,…`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let xmin = parts.next()?.parse().ok()?;
        let xmax = parts.next()?.parse().ok()?;
        let list = parts.next()?;
        if parts.next().is_some() {
            return None;
        }
        let xids = list.split(',').filter(|xid| !xid.is_empty());
        let in_progress = xids.map(|xid| xid.parse().ok()).collect::<Option<_>>()?;
        Some(Self { xmin, xmax, in_progress })
    }

    /// Whether a transaction, which is known to have committed, is visible in this snapshot.
    pub(super) fn sees(&self, xid: u32) -> bool {
        let xid = self.widen(xid);
        xid < self.xmin || (xid < self.xmax && !self.in_progress.contains(&xid))
    }

    /// Whether any transaction was in progress.
    pub(super) fn has_any_in_progress(&self) -> bool {
        !self.in_progress.is_empty()
    }

    /// Whether all that were in progress in this snapshot are over in a later one.
    pub(super) fn is_over(&self, later: &Self) -> bool {
        self.in_progress.iter().all(|xid| *xid < later.xmin || !later.in_progress.contains(xid))
    }

    /// The log has only the lower half of each number. Numbers that are in use at the same time differ by less than
    /// half of the 32-bit range.
    fn widen(&self, xid: u32) -> u64 {
        #[expect(clippy::cast_possible_truncation, reason = "the lower half is meant")]
        let ahead = xid.wrapping_sub(self.xmax as u32).cast_signed();
        self.xmax.saturating_add_signed(i64::from(ahead))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn snapshot(text: &str) -> Snapshot {
        Snapshot::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn a_snapshot_sees_what_is_over() {
        let snapshot = snapshot("10:20:12,15");
        for (xid, seen) in
            [(9, true), (10, true), (12, false), (13, true), (15, false), (19, true), (20, false)]
        {
            assert_eq!(snapshot.sees(xid), seen, "{xid}");
        }
        assert!(!snapshot.sees(25));
    }

    #[test]
    fn numbers_are_compared_across_the_end_of_the_32_bit_ones() {
        let epoch = 1_u64 << 32;
        let snapshot = snapshot(&format!("{}:{}:{}", epoch - 5, epoch + 5, epoch - 2));
        assert!(snapshot.sees(u32::MAX - 10));
        assert!(!snapshot.sees(u32::MAX - 1), "in progress: {}", epoch - 2);
        assert!(snapshot.sees(u32::MAX) && snapshot.sees(4));
        assert!(!snapshot.sees(5) && !snapshot.sees(100));
    }

    #[test]
    fn what_is_no_snapshot_is_not_taken_for_one() {
        for text in ["", "1", "1:2", "a:2:", "1:2:x", "1:2:3:4"] {
            assert_eq!(Snapshot::parse(text), None, "{text}");
        }
        assert_eq!(snapshot("7:7:").in_progress, Vec::<u64>::new());
    }
}
