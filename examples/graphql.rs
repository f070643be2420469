//! A GraphQL request whose fields are loaded together, through the cache, by async-graphql's `DataLoader`.
//!
//! ```sh
//! cargo run --example graphql      # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{Context, EmptyMutation, EmptySubscription, Object, Result, Schema};
use cachecow::dataloader::{By, Loader};
use cachecow::{CacheCow, Cached};

/// A stand-in for a database.
struct Db;

#[derive(Clone, Cached)]
#[cache(context = Db, ttl = "10m")]
#[cache(key = "author:{id}", fetch = Db::author, fetch_many = Db::authors)]
struct Author {
    id: u32,
    name: String,
}

impl Db {
    async fn author(&self, id: u32) -> Result<Option<Author>, std::io::Error> {
        Ok(self.authors(&[id]).await?.pop())
    }

    async fn authors(&self, ids: &[u32]) -> Result<Vec<Author>, std::io::Error> {
        println!("  SELECT … WHERE id IN {ids:?}");
        let names = ["Ursula K. Le Guin", "Iain Banks"];
        let row = |&id: &u32| Some(Author { id, name: (*names.get(id as usize)?).to_owned() });
        Ok(ids.iter().filter_map(row).collect())
    }
}

struct Book {
    title: &'static str,
    author: u32,
}

#[Object]
impl Book {
    async fn title(&self) -> &str {
        self.title
    }

    /// Called for each book. All calls form one batch, which asks for each author once.
    async fn author(&self, context: &Context<'_>) -> Result<Option<String>> {
        let loader = context.data::<DataLoader<Loader<Db>>>()?;
        let author = loader.load_one(By(Author::by_id(self.author))).await?;
        Ok(author.map(|author| author.name.clone()))
    }
}

struct Query;

#[Object]
impl Query {
    async fn books(&self) -> Vec<Book> {
        let books = [("The Dispossessed", 0), ("The Lathe of Heaven", 0), ("Excession", 1)];
        books.into_iter().map(|(title, author)| Book { title, author }).collect()
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let (cow, db) = (CacheCow::open(&url).await?, Arc::new(Db));
    cow.invalidate_many([0, 1].map(Author::by_id)).await?;
    let schema = Schema::build(Query, EmptyMutation, EmptySubscription).finish();

    for request in ["the first request fetches", "the second is served from the cache"] {
        println!("{request}:");
        // One loader for each request, so that each request has its own batches.
        let loader = DataLoader::new(cow.loader(&db), tokio::spawn);
        let query = async_graphql::Request::new("{ books { title author } }").data(loader);
        let response = schema.execute(query).await;
        println!("  {}", response.data);
    }
    Ok(())
}
