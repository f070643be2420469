//! Makes a few requests, and says how many queries each needed.

use std::env;
use std::error::Error;
use std::sync::Arc;

use books::{Api, Author, Book, Db, SAMPLE};
use cachecow::CacheCow;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let redis = env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let folder = tempfile::tempdir()?;
    let db = Arc::new(Db::open(&folder.path().join("books")).await?);
    db.execute(SAMPLE).await?;
    let cow = CacheCow::open(&redis).await?;
    // The database is new, but a Redis may have the rows of an earlier run.
    let books = ([1, 2, 3, 4].map(Book::by_id), [1, 2].map(Book::list_by_author_id));
    cow.invalidate(([1, 2].map(Author::by_id), books)).await?;
    let api = Api::new(cow.clone(), &db);

    let books_and_authors = "{ books { title author { name } } }";
    let books_of_author = "{ author(id: 1) { name books { title } } }";
    for request in [
        books_and_authors,
        books_and_authors,
        books_of_author,
        books_of_author,
        r#"mutation { renameAuthor(id: 1, name: "Ursula K. Le Guin") { name } }"#,
        r#"mutation { addBook(author: 1, title: "The Lathe of Heaven") { id } }"#,
        books_of_author,
    ] {
        let before = db.queries();
        let response = api.execute(request).await;
        println!("{request}");
        println!("  {}", response.into_result().map_err(|errors| format!("{errors:?}"))?.data);
        println!("  queries: {}", db.queries() - before);
    }
    Ok(cow.close().await?)
}
