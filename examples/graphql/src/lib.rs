//! Books and their authors by GraphQL, from SQLite by sqlx, with cachecow in front of the reads.
//!
//! - One struct is the row (`FromRow`), the object of the schema (`SimpleObject`) and the cached object (`Cached`).
//! - Each request has a `DataLoader`. It collects the authors that the request's fields ask for, and asks cachecow for
//!   all of them at once: one round trip to Redis, and one query for those that are not cached.
//! - The books of an author are a cached list.
//! - Every change is the work of a `write`, so the next request shows it, in this process and in others.
//!
//! ```sh
//! cargo run -p graphql-example      # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

mod rows;
mod schema;

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{EmptySubscription, Request, Response, Schema};
use cachecow::CacheCow;

pub use self::rows::{Author, Book, Db, SAMPLE};
pub use self::schema::{Mutation, Query};

/// Answers requests. A web server would have one, and call [`execute`](Self::execute) from its handler.
#[allow(missing_debug_implementations, reason = "a schema has none")]
pub struct Api {
    cow: CacheCow,
    db: Arc<Db>,
    schema: Schema<Query, Mutation, EmptySubscription>,
}

impl Api {
    /// The schema, over this cache and this database.
    pub fn new(cow: CacheCow, db: &Arc<Db>) -> Self {
        let schema = Schema::build(Query, Mutation, EmptySubscription);
        let schema = schema.data(cow.clone()).data(Arc::clone(db)).finish();
        Self { cow, db: Arc::clone(db), schema }
    }

    /// Answers one request. It has its own loader, so that its batches hold only what it asks for.
    pub async fn execute(&self, request: impl Into<Request>) -> Response {
        let loader = DataLoader::new(self.cow.loader(&self.db), tokio::spawn);
        self.schema.execute(request.into().data(loader)).await
    }
}
