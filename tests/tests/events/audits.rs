//! The auditor.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cachecow::{CacheCow, Cached};
use cachecow_tests::events::Said;
use cachecow_tests::seen::audited_of;
use cachecow_tests::store::{Item, Store};

use crate::{count, paused};

/// Says when it was fetched.
#[derive(Cached)]
#[cache(context = Counter)]
#[cache(key = "word:{word}", fetch = Counter::find)]
struct Word {
    word: String,
    fetched: usize,
}

#[derive(Default)]
struct Counter {
    fetches: AtomicUsize,
    fails: AtomicBool,
}

impl Counter {
    async fn find(&self, word: &str) -> Result<Word, String> {
        if self.fails.load(Ordering::SeqCst) {
            return Err(format!("no such word: {word}"));
        }
        let fetched = self.fetches.fetch_add(1, Ordering::SeqCst);
        Ok(Word { word: word.to_owned(), fetched })
    }
}

/// Needs a context that nobody gives.
#[derive(Cached)]
#[cache(context = str)]
#[cache(key = "plain:{id}", fetch = Plain::find)]
struct Plain {
    id: u8,
}

impl Plain {
    async fn find(_: &str, id: u8) -> Result<Self, Infallible> {
        Ok(Self { id })
    }
}

pub(crate) fn all() -> Vec<Said> {
    paused(async {
        let cow = CacheCow::memory();
        let (store, counter) = (Arc::new(Store::with_items(0)), Arc::new(Counter::default()));
        for id in 1..=5 {
            store.put(Item { id, name: format!("swordfish {id}"), version: 1 });
            cow.with(&*store).get(Item::by_id(id)).await.unwrap();
            cow.with(&*counter).get(Word::by_word(format!("swordfish {id}"))).await.unwrap();
        }
        cow.with("sesame").get(Plain::by_id(1)).await.unwrap();
        let auditor = cow.auditor().context(Arc::clone(&store)).context(Arc::clone(&counter));
        tokio::spawn(auditor.one_in(1).run());
        for id in 1..=5 {
            cow.with(&*counter).get(Word::by_word(format!("swordfish {id}"))).await.unwrap();
            cow.with("sesame").get(Plain::by_id(1)).await.unwrap();
            audited_of(&cow, "Word", id).await;
        }
        // Stale.
        for id in 1..=3 {
            store.bump(id);
            cow.with(&*store).get(Item::by_id(id)).await.unwrap();
        }
        audited_of(&cow, "Item", 3).await;
        assert_eq!(cow.stats().of("Item").confirmed_stale, 3);
        // Raced: invalidated between the looks.
        store.bump(4);
        let gate = store.gate();
        cow.with(&*store).get(Item::by_id(4)).await.unwrap();
        gate.arrived().await;
        cow.invalidate(Item::by_id(4)).await.unwrap();
        gate.open();
        audited_of(&cow, "Item", 4).await;
        // Failed, with an error that has the key in it.
        counter.fails.store(true, Ordering::SeqCst);
        cow.with(&*counter).get(Word::by_word("swordfish 1")).await.unwrap();
        audited_of(&cow, "Word", 6).await;
    })
}

#[test]
fn what_is_stale_again_and_again_is_said_once_a_minute() {
    let said = all();
    for event in ["stale_object", "audit_undecided", "auditor_lacks_context"] {
        let often = count(&said, event);
        assert!((1..=3).contains(&often), "{event} {often} times: {said:#?}");
    }
    assert_eq!(count(&said, "auditor_lacks_context"), 1);
}
