//! Is my service serving stale objects? A shop with one writer that forgets to invalidate, and the auditor that
//! finds out.
//!
//! ```sh
//! cargo run -p cachecow-examples --example audit      # REDIS_URL=redis://127.0.0.1/ for the same over Redis
//! ```

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use cachecow::{CacheCow, Cached, Source};

#[derive(Clone, Debug, Cached)]
#[cache(context = Shop, ttl = "1h")]
#[cache(key = "audit:article:{id}", fetch = Shop::article)]
struct Article {
    id: u32,
    name: String,
    price: u32,
}

#[derive(Clone, Debug, Cached)]
#[cache(context = Shop, ttl = "1h")]
#[cache(key = "audit:customer:{id}", fetch = Shop::customer)]
struct Customer {
    id: u32,
    orders: u32,
}

/// A stand-in for a database.
#[derive(Default)]
struct Shop(Mutex<Tables>);

#[derive(Default)]
struct Tables {
    articles: BTreeMap<u32, Article>,
    customers: BTreeMap<u32, Customer>,
}

impl Shop {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().expect("no panics")
    }

    async fn article(&self, id: u32) -> Result<Option<Article>, std::io::Error> {
        Ok(self.tables().articles.get(&id).cloned())
    }

    async fn customer(&self, id: u32) -> Result<Option<Customer>, std::io::Error> {
        Ok(self.tables().customers.get(&id).cloned())
    }

    /// The right way: a write that names what it changes.
    async fn order(&self, cow: &CacheCow, customer: u32) -> Result<(), cachecow::Error> {
        cow.write(Customer::by_id(customer), async {
            if let Some(customer) = self.tables().customers.get_mut(&customer) {
                customer.orders += 1;
            }
            Ok(())
        })
        .await
    }

    /// Where is the invalidation?
    fn reprice(&self, article: u32, price: u32) {
        if let Some(article) = self.tables().articles.get_mut(&article) {
            article.price = price;
        }
    }
}

const IDS: std::ops::RangeInclusive<u32> = 1..=4;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = std::env::var("REDIS_URL").unwrap_or_else(|_| "memory://".to_owned());
    let (cow, shop) = (CacheCow::open(&url).await?, Arc::new(Shop::default()));
    for id in IDS {
        let article = Article { id, name: format!("article {id}"), price: 30 };
        shop.tables().articles.insert(id, article);
        shop.tables().customers.insert(id, Customer { id, orders: 0 });
        cow.invalidate(Article::by_id(id)).await?;
        cow.invalidate(Customer::by_id(id)).await?;
    }

    // In a service: one in a thousand reads, and the default grace. Here all of them, and at once.
    let auditor = cow.auditor().context(Arc::clone(&shop)).one_in(1);
    let auditing = tokio::spawn(auditor.grace(Duration::from_millis(10)).run());

    println!("everything is read, some things change, and everything is read again:");
    let mut hits = 0;
    for round in 0..3 {
        for id in IDS {
            let article = cow.with(&*shop).read(Article::by_id(id)).await?;
            let customer = cow.with(&*shop).read(Customer::by_id(id)).await?;
            hits += u64::from(article.source == Source::Cache);
            hits += u64::from(customer.source == Source::Cache);
            if let (Some(article), Some(customer)) = (article.value, customer.value) {
                let (name, price, orders) = (&article.name, article.price, customer.orders);
                println!(
                    "  round {round}: {name} costs {price}, customer {id} has {orders} orders"
                );
            }
        }
        shop.order(&cow, 1).await?;
        if round == 0 {
            shop.reprice(2, 25);
        }
        // Wait until every hit is audited; a service does not do this.
        while cow.stats().types.values().map(|of| of.audited).sum::<u64>() < hits {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    println!("\nwhat the auditor says:");
    for (name, stats) in cow.stats().types {
        println!("  {name}: {} audited, {} stale", stats.audited, stats.confirmed_stale);
    }
    println!("\n{}", cow.stats());
    auditing.abort();
    Ok(())
}
