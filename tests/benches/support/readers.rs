//! Ways to read users that several benchmarks compare.

use cachecow::CacheCow;
use redis::aio::MultiplexedConnection;

use super::compare::Reader;
use super::{Encoding, Source, USERS, User};

/// Objects of a batch.
const BATCH: i64 = 100;

/// Through cachecow, by the primary key.
#[derive(Clone)]
pub(crate) struct ByPrimary(pub(crate) CacheCow);

impl Reader for ByPrimary {
    async fn read(&mut self, id: i64) {
        let user = self.0.with(&Source).get(User::by_id(id)).await.expect("no fetch fails");
        assert_eq!(user.expect("stored").id, id);
    }
}

/// Through cachecow, a batch.
#[derive(Clone)]
pub(crate) struct Batch(pub(crate) CacheCow);

impl Reader for Batch {
    async fn read(&mut self, first: i64) {
        let lookups = batch(first).map(User::by_id);
        let users = self.0.with(&Source).get_many(lookups).await.expect("no fetch fails");
        let found = users.iter().map(|user| user.as_ref().expect("stored").id);
        assert!(found.eq(batch(first)));
    }
}

/// A bare `GET` and decode.
#[derive(Clone)]
pub(crate) struct Bare(pub(crate) MultiplexedConnection, pub(crate) Encoding);

impl Reader for Bare {
    async fn read(&mut self, id: i64) {
        let mut get = redis::cmd("GET");
        get.arg(self.1.key(id));
        let value: Vec<u8> = get.query_async(&mut self.0).await.expect("the server runs");
        let user: User = rmp_serde::from_slice(&value).expect("stored by us");
        assert_eq!(user.id, id);
    }
}

/// A bare `MGET` of a batch, and decode.
#[derive(Clone)]
pub(crate) struct BareBatch(pub(crate) MultiplexedConnection);

impl Reader for BareBatch {
    async fn read(&mut self, first: i64) {
        let mut get = redis::cmd("MGET");
        for id in batch(first) {
            get.arg(Encoding::Map.key(id));
        }
        let values: Vec<Vec<u8>> = get.query_async(&mut self.0).await.expect("the server runs");
        let users: Vec<User> = values
            .iter()
            .map(|value| rmp_serde::from_slice(value).expect("stored by us"))
            .collect();
        assert!(users.iter().map(|user| user.id).eq(batch(first)));
    }
}

/// The users of the batch that begins with this one.
pub(crate) fn batch(first: i64) -> impl Iterator<Item = i64> + Clone {
    (first..first + BATCH).map(|id| id % USERS)
}
