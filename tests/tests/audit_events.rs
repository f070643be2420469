//! What the auditor's events say. Alone in its program: where several threads have subscribers, an event
//! that is met by one of them first is lost to the others.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use cachecow::{CacheCow, Cached, Lookup as _};
use cachecow_tests::events::Events;
use cachecow_tests::seen::audited_of;
use cachecow_tests::store::{Item, Store};
use serde::{Deserialize, Serialize};
use tracing::Level;

/// Says when it was fetched.
#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Safe)]
#[cache(key = "word:{id}", fetch = Safe::find)]
struct Word {
    id: u8,
    secret: String,
    fetched: usize,
}

#[derive(Default)]
struct Safe {
    fetches: AtomicUsize,
    changed: AtomicBool,
}

impl Safe {
    async fn find(&self, id: u8) -> Result<Word, Infallible> {
        let fetched = self.fetches.fetch_add(1, Ordering::SeqCst);
        let secret = if self.changed.load(Ordering::SeqCst) { "sesame" } else { "swordfish" };
        Ok(Word { id, secret: secret.to_owned(), fetched })
    }
}

#[tokio::test(start_paused = true)]
async fn events_name_what_is_stale_and_give_nothing_away() {
    let events = Events::listen("cachecow::audit", Level::TRACE);
    let (cow, safe) = (CacheCow::memory(), Arc::new(Safe::default()));
    cow.with(&*safe).get(Word::by_id(77)).await.unwrap();
    tokio::spawn(cow.auditor().context(Arc::clone(&safe)).one_in(1).run());
    cow.with(&*safe).get(Word::by_id(77)).await.unwrap();
    audited_of(&cow, "Word", 1).await;
    let undecided = events.take().remove(0);
    assert_eq!((undecided.level, undecided.field("fields")), (Level::INFO, r#"["fetched"]"#));

    safe.changed.store(true, Ordering::SeqCst);
    cow.with(&*safe).get(Word::by_id(77)).await.unwrap();
    audited_of(&cow, "Word", 2).await;
    let stale = events.take().remove(0);
    let say = |name: &str| stale.field(name);
    assert_eq!((stale.level, say("type")), (Level::WARN, r#""Word""#));
    assert_eq!((say("lookup"), say("fields")), (r#""Word::by_id""#, r#"["secret"]"#));
    assert_eq!((say("source"), say("key")), ("Cache", &*Word::by_id(77).key().key().to_string()));
    assert!(say("age").starts_with("Some("), "{stale:?}");
    let shown: String = ["fields", "lookup", "message", "type", "source"].map(say).concat();
    assert!(!["77", "sesame", "swordfish"].iter().any(|word| shown.contains(word)), "{shown}");
    assert_eq!(stale.fields.len(), 9, "there is nothing else: {stale:?}");

    // Told once, with what is to be done.
    let store = Store::with_items(1);
    for _ in 0..4 {
        cow.with(&store).get(Item::by_id(1)).await.unwrap();
    }
    while cow.stats().of("Item").audit_skipped < 3 {
        tokio::task::yield_now().await;
    }
    let told = events.take();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].field("context").contains("Store")
            && told[0].field("message").contains("Auditor::context")
    );
}
