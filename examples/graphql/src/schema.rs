//! The schema: what a request may ask for.
//!
//! A field whose type is `Option<Result<T>>` is null if it fails, and the request's other fields are still answered. With
//! `Result<Option<T>>` async-graphql makes the surrounding object null, and here that is the whole response.
//!
//! An error of a cached read names the lookup only. The errors of the other queries have SQLite's text: a public service
//! hides that from its clients.

use std::sync::Arc;

use async_graphql::dataloader::DataLoader;
use async_graphql::{ComplexObject, Context, Object, Result};
use cachecow::CacheCow;
use cachecow::dataloader::{By, Loader};

use crate::rows::{Author, Book, Db};

/// The reads.
#[derive(Clone, Copy, Debug)]
pub struct Query;

#[Object]
impl Query {
    /// All books, in the order of their ids. They are not cached: their authors are.
    async fn books(&self, context: &Context<'_>) -> Result<Vec<Book>> {
        Ok(Book::all(context.data::<Arc<Db>>()?).await?)
    }

    /// One author. Null if there is none.
    async fn author(&self, context: &Context<'_>, id: i64) -> Option<Result<Arc<Author>>> {
        load_author(context, id).await.transpose()
    }
}

#[ComplexObject]
impl Book {
    /// Called for each book. All calls form one batch, which asks for each author once.
    async fn author(&self, context: &Context<'_>) -> Option<Result<Arc<Author>>> {
        load_author(context, self.author_id).await.transpose()
    }
}

#[ComplexObject]
impl Author {
    /// The author's books, in the order of their ids.
    async fn books(&self, context: &Context<'_>) -> Result<Vec<Arc<Book>>> {
        let (cow, db) = (context.data::<CacheCow>()?, context.data::<Arc<Db>>()?);
        Ok(cow.with(&**db).list(Book::list_by_author_id(self.id)).await?)
    }
}

async fn load_author(context: &Context<'_>, id: i64) -> Result<Option<Arc<Author>>> {
    let loader = context.data::<DataLoader<Loader<Db>>>()?;
    Ok(loader.load_one(By(Author::by_id(id))).await?)
}

/// The writes.
#[derive(Clone, Copy, Debug)]
pub struct Mutation;

#[Object]
impl Mutation {
    /// Gives an author another name. Null if there is no such author.
    async fn rename_author(
        &self,
        context: &Context<'_>,
        id: i64,
        name: String,
    ) -> Result<Option<Author>> {
        let (cow, db) = (context.data::<CacheCow>()?, context.data::<Arc<Db>>()?);
        Ok(Author::rename(cow, db, id, &name).await?)
    }

    /// Adds a book of an author.
    async fn add_book(&self, context: &Context<'_>, author: i64, title: String) -> Result<Book> {
        let (cow, db) = (context.data::<CacheCow>()?, context.data::<Arc<Db>>()?);
        Ok(Book::add(cow, db, author, &title).await?)
    }
}
