//! A hit in this process's memory allocates nothing.

use cachecow::{CacheCow, Cached, Source};
use futures_util::FutureExt as _;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "book:{id}", fetch = Book::find)]
struct Book {
    id: u64,
    title: String,
}

impl Book {
    #[expect(clippy::unused_async, reason = "fetch functions are async")]
    async fn find(id: u64) -> Result<Self, std::convert::Infallible> {
        Ok(Self { id, title: "On the Analytical Engine".to_owned() })
    }
}

#[tokio::test]
async fn a_near_hit_of_an_integer_key_allocates_nothing() {
    let cow = CacheCow::builder().near(1 << 20).memory().unwrap();
    // Also with an auditor, whom this read does not concern.
    let _audit = cow.auditor().one_in(u32::MAX).run();
    while cow.read(Book::by_id(7)).await.unwrap().source != Source::Near {}
    let counted = allocation_counter::measure(|| {
        let book = cow.get(Book::by_id(7)).now_or_never().expect("it is near").unwrap();
        assert_eq!(book.unwrap().id, 7);
    });
    assert_eq!(counted.count_total, 0);

    let control = allocation_counter::measure(|| {
        let fresh = cow.with(&()).past_near();
        drop(fresh.get(Book::by_id(7)).now_or_never().expect("it is in memory").unwrap());
    });
    assert!(control.count_total > 0, "what is counted are allocations");
}
