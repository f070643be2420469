//! The outbox's follower that everybody writes first: ids beyond the last one. A control.

use std::time::Duration;

use cachecow::Error;
use cachecow::log::{Batch, ChangeLog, LogPosition, Opened, Opening, Row, RowVersion, Value};
use cachecow::store::SqlPool;
use serde_json::{Map, Value as Json};
use sqlx::Row as _;

use crate::any_pool::with;

/// It takes what has an id beyond the last one that it saw. Ids are not committed in their order.
#[derive(Debug)]
pub(super) struct Cursor {
    pool: SqlPool,
    last: i64,
}

struct Entry {
    id: i64,
    old: Option<String>,
    new: Option<String>,
}

impl Cursor {
    pub(super) fn new(pool: SqlPool) -> Self {
        Self { pool, last: 0 }
    }

    async fn newest(&self) -> Result<i64, Error> {
        let newest = "select max(id) from cachecow_outbox";
        let newest: sqlx::Result<Option<i64>> =
            with!(&self.pool, pool => sqlx::query_scalar(newest).fetch_one(pool).await);
        Ok(newest.map_err(|error| Error::unavailable("follow", error))?.unwrap_or_default())
    }

    async fn page(&self) -> Result<Vec<Entry>, Error> {
        let sql = format!(
            "select id, old_row, new_row from cachecow_outbox where id > {} order by id limit 1000",
            self.last
        );
        let page: sqlx::Result<Vec<Entry>> = with!(&self.pool, pool => {
            let rows = sqlx::query(&sql).persistent(false).fetch_all(pool).await;
            rows.map(|rows| {
                rows.iter()
                    .map(|row| Entry { id: row.get(0), old: row.get(1), new: row.get(2) })
                    .collect()
            })
        });
        page.map_err(|error| Error::unavailable("follow", error))
    }
}

fn columns(text: Option<&String>) -> Option<Map<String, Json>> {
    serde_json::from_str(text?).ok()
}

fn row(version: RowVersion, columns: &Map<String, Json>) -> Row<'_> {
    let mut row = Row::of(version);
    for (name, value) in columns {
        row.push(name, value.as_str().map_or(Value::Null, Value::text));
    }
    row
}

impl ChangeLog for Cursor {
    async fn open(&mut self) -> Result<Opening, Error> {
        self.last = self.newest().await?;
        Ok(Opening::Open(Opened::at("cursor", position(self.last))))
    }

    async fn next(&mut self, batch: &mut Batch) -> Result<(), Error> {
        batch.set_default_schema("");
        let page = loop {
            let page = self.page().await?;
            if !page.is_empty() {
                break page;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        };
        for Entry { id, old, new } in page {
            let (before, after) = (columns(old.as_ref()), columns(new.as_ref()));
            if before.is_none() && after.is_none() {
                batch.everything("", "users", "the table was truncated");
            }
            let before = before.as_ref().map(|columns| row(RowVersion::Old, columns));
            let after = after.as_ref().map(|columns| row(RowVersion::New, columns));
            batch.change("", "users", before.as_ref(), after.as_ref());
            self.last = id;
        }
        batch.set_position(position(self.last));
        Ok(())
    }

    async fn acknowledge(&mut self, _: LogPosition) -> Result<(), Error> {
        Ok(())
    }

    async fn end(&mut self) -> Result<LogPosition, Error> {
        self.newest().await.map(position)
    }
}

fn position(id: i64) -> LogPosition {
    LogPosition::new(u64::try_from(id).unwrap_or_default())
}
