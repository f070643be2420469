//! Objects that are read all the time: kept in this process's memory, found by two keys, invalidated in groups, and
//! served while the database is down.
//!
//! ```sh
//! cargo run -p cachecow-examples --example hot_objects      # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cachecow::{CacheCow, Cached, Source};

#[derive(Clone, Debug, Cached)]
#[cache(context = Shop, ttl = "200ms", stale_if_error = "1h")]
#[cache(key = "article:{id}", fetch = Shop::article)]
#[cache(key = "article:slug:{slug}", fetch = Shop::article_by_slug)]
struct Article {
    id: u32,
    slug: String,
    price: u32,
}

/// An offer that belongs to a sale. All offers of a sale are invalidated together.
#[derive(Clone, Debug, Cached)]
#[cache(context = Shop, near = false)]
#[cache(key = "offer:{article}", fetch = Shop::offer)]
#[cache(tag = "sale:{sale}")]
struct Offer {
    article: u32,
    sale: u32,
    percent: u32,
}

/// A stand-in for a database.
#[derive(Default)]
struct Shop {
    articles: Mutex<BTreeMap<u32, Article>>,
    percent: Mutex<u32>,
    down: AtomicBool,
}

impl Shop {
    fn up(&self) -> Result<(), std::io::Error> {
        if self.down.load(Ordering::Relaxed) {
            return Err(std::io::Error::other("the database is down"));
        }
        Ok(())
    }

    async fn article(&self, id: u32) -> Result<Option<Article>, std::io::Error> {
        self.up()?;
        Ok(self.articles.lock().expect("no panics").get(&id).cloned())
    }

    async fn article_by_slug(&self, slug: &str) -> Result<Option<Article>, std::io::Error> {
        self.up()?;
        let articles = self.articles.lock().expect("no panics");
        Ok(articles.values().find(|article| article.slug == slug).cloned())
    }

    async fn offer(&self, article: u32) -> Result<Offer, std::io::Error> {
        self.up()?;
        Ok(Offer { article, sale: 7, percent: *self.percent.lock().expect("no panics") })
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let cow = CacheCow::builder().near(64 << 20).open(&url).await?;
    let shop = Shop::default();
    for (id, slug) in [(1, "teapot"), (2, "kettle")] {
        let article = Article { id, slug: slug.to_owned(), price: 30 };
        cow.invalidate_object(&article).await?;
        shop.articles.lock().expect("no panics").insert(id, article);
    }

    println!("an article is fetched, found in the cache, and then in this process's memory:");
    let mut sources = Vec::new();
    while sources.last() != Some(&Source::Near) {
        let read = cow.with(&shop).read(Article::by_id(1)).await?;
        if sources.last() != Some(&read.source) {
            sources.push(read.source);
        }
    }
    println!("  {sources:?}");

    println!("by its slug it is the same object, stored once:");
    let by_slug = cow.with(&shop).get(Article::by_slug("teapot")).await?;
    println!("  {by_slug:?}");

    println!("a new price is seen at once, by either key:");
    let changed = Article { id: 1, slug: "teapot".to_owned(), price: 25 };
    cow.write(Article::by_id(1), async {
        shop.articles.lock().expect("no panics").insert(1, changed);
        Ok::<_, cachecow::Error>(())
    })
    .await?;
    let (by_id, by_slug) = tokio::join!(
        cow.with(&shop).get(Article::by_id(1)),
        cow.with(&shop).get(Article::by_slug("teapot")),
    );
    println!("  {:?} {:?}", by_id?.map(|article| article.price), by_slug?.map(|a| a.price));

    println!("all offers of a sale are invalidated at once:");
    for percent in [10, 20] {
        *shop.percent.lock().expect("no panics") = percent;
        cow.invalidate_tag(Offer::tag_sale(7)).await?;
        let offers = cow.with(&shop).get_many([1, 2].map(Offer::by_article)).await?;
        println!("  {:?}", offers.iter().flatten().map(|offer| offer.percent).collect::<Vec<_>>());
    }

    println!("the database goes down, and the article's time to live is over:");
    shop.down.store(true, Ordering::Relaxed);
    tokio::time::sleep(Duration::from_millis(250)).await;
    let read = cow.with(&shop).past_near().read(Article::by_id(1)).await?;
    println!("  {:?}, {:?}", read.value, read.source);
    println!("\n{}", cow.stats());
    Ok(())
}
