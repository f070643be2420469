//! Objects with tags that are reached by an alias.

use std::convert::Infallible;
use std::sync::{Arc, Mutex};

use cachecow::{CacheCow, Cached, Fill, Source};
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Shelf, ttl = "10m")]
#[cache(key = "book:{id}", fetch = Shelf::find)]
#[cache(key = "book:isbn:{isbn}", fetch = Shelf::find_by_isbn)]
#[cache(tag = "shelf:{shelf}")]
struct Book {
    id: u32,
    isbn: String,
    shelf: u32,
    version: u64,
}

/// One book.
struct Shelf {
    book: Mutex<Book>,
    gates: Mutex<Vec<Arc<Gate>>>,
}

impl Shelf {
    fn new() -> Self {
        let book = Book { id: 1, isbn: "a".to_owned(), shelf: 7, version: 1 };
        Self { book: Mutex::new(book), gates: Mutex::default() }
    }

    fn bump(&self) {
        self.book.lock().unwrap().version += 1;
    }

    fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    async fn find(&self, _id: u32) -> Result<Book, Infallible> {
        let book = self.book.lock().unwrap().clone();
        let gate = self.gates.lock().unwrap().pop();
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
        Ok(book)
    }

    async fn find_by_isbn(&self, _isbn: &str) -> Result<Book, Infallible> {
        self.find(1).await
    }
}

async fn seen(cow: &CacheCow, shelf: &Shelf) -> (u64, Source) {
    let read = cow.with(shelf).read(Book::by_isbn("a")).await.unwrap();
    (read.value.expect("the book exists").version, read.source)
}

on_both_backends! {
    async fn an_alias_leads_to_an_object_with_tags(cache) {
        let (cow, shelf) = (cache.open_default(), Shelf::new());
        assert_eq!(seen(&cow, &shelf).await, (1, Source::Fetched));
        for _ in 0..30 {
            assert_eq!(seen(&cow, &shelf).await, (1, Source::Cache));
            let many = cow.with(&shelf).get_many(["a", "a"].map(Book::by_isbn)).await.unwrap();
            assert_eq!(many[1].as_ref().unwrap().version, 1);
        }
        let by_id = cow.with(&shelf).read(Book::by_id(1)).await.unwrap();
        assert_eq!(by_id.source, Source::Cache, "it is stored once");
    }

    async fn its_tag_s_invalidation_is_seen_by_the_alias(cache) {
        let (cow, other, shelf) = (cache.open_default(), cache.open_default(), Shelf::new());
        for version in 1..30 {
            assert_eq!(seen(&cow, &shelf).await.0, version);
            assert_eq!(seen(&cow, &shelf).await, (version, Source::Cache));
            let many = cow.with(&shelf).get_many([Book::by_isbn("a")]).await.unwrap();
            assert_eq!(many[0].as_ref().unwrap().version, version);
            shelf.bump();
            other.invalidate_tag(Book::tag_shelf(7)).await.unwrap();
        }
    }

    async fn an_invalidation_during_the_load_is_not_overtaken(cache) {
        for fetches_before in 0..2 {
            let (cow, shelf) = (cache.open_default(), Shelf::new());
            cow.invalidate_object(&*shelf.book.lock().unwrap()).await.unwrap();
            // The second fetch of a cold load is the one that is stored.
            let gates: Vec<_> = (0..=fetches_before).map(|_| shelf.gate()).collect();
            let (read, ()) = tokio::join!(cow.with(&shelf).read(Book::by_isbn("a")), async {
                for gate in gates.iter().rev().take(fetches_before) {
                    gate.arrived().await;
                    gate.open();
                }
                gates[0].arrived().await;
                shelf.bump();
                cow.invalidate_tag(Book::tag_shelf(7)).await.unwrap();
                gates[0].open();
            });
            assert_ne!(read.unwrap().fill, Fill::Stored);
            assert_eq!(seen(&cow, &shelf).await.0, 2);
            assert_eq!(seen(&cow, &shelf).await.0, 2);
            let by_id = cow.with(&shelf).get(Book::by_id(1)).await.unwrap().unwrap();
            assert_eq!(by_id.version, 2);
        }
    }
}
