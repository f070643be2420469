//! A batch of changes from a log.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tracing::Instrument as _;

use super::mapping::FollowedTable;
use super::position::LogPosition;
use super::row::Row;
use super::trace;
use super::via::{Asks, Contexts, ask_all};
use crate::model::keys::{CacheKeys, KeySet};

/// The approximate number of keys in one batch.
const FULL: usize = 4096;
/// How many bytes of rows one batch holds for functions (`via`).
const FULL_BYTES: usize = 4 << 20;

/// Changes that a [`ChangeLog`](super::ChangeLog) read, as the keys that they invalidate.
///
/// It holds no rows: a table's keys are computed when a row is added.
///
/// [`ChangeLog`](super::ChangeLog) has an example.
#[derive(Debug)]
pub struct Batch {
    tables: Arc<[FollowedTable]>,
    default_schema: &'static str,
    keys: KeySet,
    /// The tables, by index, whose types are invalidated as a whole.
    everything: BTreeSet<usize>,
    position: Option<LogPosition>,
    rows: u64,
    /// The rows for which functions name the keys.
    asks: Asks,
    ask_bytes: usize,
    /// The reasons for invalidating whole types.
    reasons: Vec<String>,
}

impl Batch {
    pub(super) fn new(tables: Arc<[FollowedTable]>) -> Self {
        Self {
            tables,
            default_schema: "public",
            keys: KeySet::default(),
            everything: BTreeSet::new(),
            position: None,
            rows: 0,
            asks: Vec::new(),
            ask_bytes: 0,
            reasons: Vec::new(),
        }
    }

    /// Sets the schema of the tables that were named without one.
    pub fn set_default_schema(&mut self, schema: &'static str) {
        self.default_schema = schema;
    }

    /// Returns whether any followed type has this table.
    pub fn follows(&self, schema: &str, table: &str) -> bool {
        self.tables.iter().any(|followed| followed.table.is(schema, table, self.default_schema))
    }

    /// Adds a change of one row, with the row before and after the change, as far as the log has them. Returns
    /// whether any followed type has the table. If the keys of the row are not known, everything of the type is
    /// invalidated.
    pub fn change(
        &mut self,
        schema: &str,
        table: &str,
        old: Option<&Row<'_>>,
        new: Option<&Row<'_>>,
    ) -> bool {
        let mut found = false;
        let tables = Arc::clone(&self.tables);
        for (at, followed) in tables.iter().enumerate() {
            if !followed.table.is(schema, table, self.default_schema) {
                continue;
            }
            found = true;
            for row in old.into_iter().chain(new) {
                if let Some(via) = &followed.via {
                    let row = via.of_row(row);
                    self.ask_bytes += row.len();
                    self.asks.push((at, row));
                } else {
                    self.add_keys(at, followed, row);
                }
            }
        }
        self.rows += u64::from(found);
        found
    }

    /// Invalidates everything of the types with this table, for this reason: after a `TRUNCATE`, for example.
    /// Returns whether there is such a type.
    pub fn everything(&mut self, schema: &str, table: &str, reason: &str) -> bool {
        let tables = Arc::clone(&self.tables);
        let mut found = false;
        for (at, followed) in tables.iter().enumerate() {
            if followed.table.is(schema, table, self.default_schema) {
                found = true;
                self.drop_all_of(at, reason);
            }
        }
        found
    }

    /// Invalidates everything of all followed types, for this reason, because changes were missed.
    pub fn everything_of_all(&mut self, reason: &str) {
        self.everything.extend(0..self.tables.len());
        self.reasons.push(reason.to_owned());
    }

    /// Adds keys that the log itself contains: of a lookup, an object, a list or a tag.
    pub fn keys(&mut self, keys: impl CacheKeys) {
        keys.add_to(&mut self.keys);
    }

    /// Says that the batch has all changes before this position. A position is never between the changes of one
    /// transaction.
    pub fn set_position(&mut self, position: LogPosition) {
        self.position = Some(position);
    }

    /// Returns whether the batch is full, so that it should be returned even if there are more changes.
    pub fn is_full(&self) -> bool {
        self.names() >= FULL || self.ask_bytes >= FULL_BYTES
    }

    /// Returns whether the batch invalidates nothing.
    pub fn is_empty(&self) -> bool {
        self.names() == 0 && self.everything.is_empty() && self.reasons.is_empty()
    }

    fn names(&self) -> usize {
        self.keys.keys.len() + self.keys.tags.len() + self.keys.answers.len() + self.asks.len()
    }

    /// Returns the position that was set last.
    pub fn position(&self) -> Option<LogPosition> {
        self.position
    }

    /// Adds the keys that can be computed. If a function of the program (one that normalizes a field, for example)
    /// panics on a row, it would panic again each time the row is read, so the panic must not stop the follower.
    fn add_keys(&mut self, at: usize, followed: &FollowedTable, row: &Row<'_>) {
        let keys = &mut self.keys;
        // Keys that were added before the panic stay in the set, which does no harm; the set has no incomplete
        // entries.
        let added = catch_unwind(AssertUnwindSafe(|| followed.add_keys(row, keys)));
        match added {
            Ok(Ok(())) => {}
            Ok(Err(error)) => self.drop_all_of(at, &error.to_string()),
            Err(_) => {
                let version = row.version().shown();
                let reason = format!("a function panicked on {version} of `{}`", followed.table);
                self.drop_all_of(at, &reason);
            }
        }
    }

    /// Calls the functions that name keys, after the changes are visible to everyone.
    pub(super) async fn ask(&mut self, contexts: &Contexts) {
        let mut asks = std::mem::take(&mut self.asks);
        asks.retain(|(at, _)| !self.everything.contains(at));
        if asks.is_empty() {
            return;
        }
        let span = trace::name_keys(asks.len());
        let (sets, faults) = ask_all(asks, &self.tables, contexts).instrument(span).await;
        sets.iter().for_each(|set| self.keys(set));
        for (at, fault) in faults {
            self.drop_all_of(at, &fault);
        }
    }

    fn drop_all_of(&mut self, at: usize, reason: &str) {
        if self.everything.insert(at) {
            self.reasons.push(format!("{}: {reason}", self.tables[at].type_name));
        }
    }

    pub(super) fn rows(&self) -> u64 {
        self.rows
    }

    pub(super) fn reasons(&self) -> &[String] {
        &self.reasons
    }

    /// Returns what to invalidate. If a whole type is invalidated, its single keys are included, too.
    pub(super) fn into_keys(mut self) -> KeySet {
        for &at in &self.everything {
            self.tables[at].add_all(&mut self.keys);
        }
        self.keys
    }
}
