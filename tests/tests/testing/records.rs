//! What is noted, and how a failed assertion says so.

use std::io;

use cachecow::testing::{Action, TestCache};
use cachecow::{AllOf, CacheCow, Key};
use expect_test::{Expect, expect};

use crate::members::{Db, Member, Note, org_size};

fn records(cache: &TestCache) -> Vec<String> {
    cache.take_records().iter().map(ToString::to_string).collect()
}

/// The message of an assertion that fails.
#[track_caller]
fn fails(assertion: impl FnOnce(), message: &Expect) {
    let assertion = std::panic::AssertUnwindSafe(assertion);
    let panic = std::panic::catch_unwind(assertion).expect_err("the assertion fails");
    message.assert_eq(panic.downcast_ref::<String>().expect("a message"));
}

async fn nothing() -> Result<(), io::Error> {
    Ok(())
}

#[tokio::test]
async fn reads_and_what_they_store_are_noted() {
    let (cache, db) = (TestCache::new(), Db::new());
    let view = cache.with(&db);
    view.get(Member::by_id(1)).await.unwrap();
    assert_eq!(records(&cache), ["read member:1", "stored member:1"]);
    view.get(Member::by_id(1)).await.unwrap();
    cache.assert_read(Member::by_id(1));
    cache.assert_not_read(Member::by_id(2));
    cache.assert_not_stored(Member::by_id(1));
    cache.clear_records();
    view.get(Member::by_mail("m2@example.org")).await.unwrap();
    cache.assert_read(Member::by_mail("m2@example.org"));
    cache.assert_not_read(Member::by_id(2));
    cache.assert_stored((Member::by_mail("m2@example.org"), Member::by_id(2)));
    cache.clear_records();
    view.get_many([3, 4].map(Member::by_id)).await.unwrap();
    cache.assert_read([3, 4].map(Member::by_id));
    cache.assert_stored([3, 4].map(Member::by_id));
    cache.clear_records();
    // What is read through a list is read by its own keys.
    view.list(Member::list_by_org(7)).await.unwrap();
    cache.assert_read((Member::list_by_org(7), Member::by_id(1), Member::by_id(2)));
    cache.assert_stored(Member::list_by_org(7));
    cache.assert_not_read(Member::list_by_org(8));
    // The second is asked for together with its objects.
    cache.clear_records();
    view.list(Member::list_by_org(7)).await.unwrap();
    assert_eq!(records(&cache), ["read member:org:7", "read member:1", "read member:2"]);
    view.ask(org_size::of(7)).await.unwrap();
    assert_eq!(records(&cache), ["read org-size:7", "stored org-size:7"]);
    let key = || Key::of("rate:{from}:{to}", ("EUR", "CHF"));
    let rate = async || Ok::<_, io::Error>(1_u64);
    cache.get_or_fetch(key(), std::time::Duration::from_secs(60), rate).await.unwrap();
    assert_eq!(records(&cache), ["read rate:EUR:CHF", "stored rate:EUR:CHF"]);
    cache.assert_not_read(key());
}

#[tokio::test]
async fn reads_by_a_shared_context_and_near_hits_are_noted() {
    let builder = CacheCow::builder().near(1 << 20);
    let (cache, db) = (TestCache::with(builder).unwrap(), std::sync::Arc::new(Db::new()));
    for _ in 0..3 {
        cache.clear_records();
        cache.with_shared(&db).get(Note::by_id(1)).await.unwrap();
        cache.assert_read(Note::by_id(1));
    }
    assert_eq!(records(&cache), ["read note:1"]);
    cache.with_shared(&db).get_many([1, 2].map(Note::by_id)).await.unwrap();
    assert_eq!(records(&cache), ["read note:1", "read note:2", "stored note:2"]);
    // It fetches nothing, and is no read.
    cache.peek(Note::by_id(1)).await.unwrap();
    cache.assert_not_read(Note::by_id(1));
}

#[tokio::test]
async fn whole_types_and_tags_are_found_by_what_is_of_them() {
    let (cache, db) = (TestCache::new(), Db::new());
    cache.assert_not_read(AllOf::<Member>::new());
    cache.with(&db).get(Member::by_id(1)).await.unwrap();
    cache.assert_read(AllOf::<Member>::new());
    cache.assert_stored(AllOf::<Member>::new());
    cache.assert_stored(Member::tag_org(7));
    cache.assert_not_stored(Member::tag_org(8));
    cache.clear_records();
    cache.with(&db).ask(org_size::of(8)).await.unwrap();
    cache.assert_stored(Member::tag_org(8));
    cache.assert_stored(Member::tag_org(8).queries());
    cache.assert_not_stored(Member::tag_org(7));
}

#[tokio::test]
async fn invalidations_are_noted_by_what_was_named() {
    let (cache, db) = (TestCache::new(), Db::new());
    cache.invalidate(Member::by_id(1)).await.unwrap();
    cache.assert_invalidated(Member::by_id(1));
    cache.assert_not_invalidated((Member::by_id(2), Member::by_mail("m1@example.org")));
    assert_eq!(records(&cache), ["invalidated member:1"]);
    let member = cache.with(&db).get(Member::by_id(1)).await.unwrap().unwrap();
    cache.clear_records();
    cache.invalidate_object(&*member).await.unwrap();
    cache.assert_invalidated(&member);
    cache.assert_invalidated((Member::by_id(1), Member::by_mail("m1@example.org")));
    cache.assert_invalidated((Member::list_by_org(7), Member::tag_org(7).queries()));
    cache.assert_not_invalidated(Member::list_by_org(8));
    let of_all = records(&cache);
    let named = [
        "member:1",
        "member:mail:m1@example.org",
        "member:org:7",
        "the queries with the tag org:7",
    ];
    assert_eq!(of_all.len(), named.len());
    for name in named {
        assert!(of_all.contains(&format!("invalidated {name}")), "{of_all:?}");
    }
    cache.invalidate_tag(Member::tag_org(7)).await.unwrap();
    cache.assert_invalidated(Member::tag_org(7));
    cache.assert_not_invalidated(Member::tag_org(8));
    cache.assert_not_invalidated(Member::by_id(1));
    assert_eq!(
        records(&cache),
        ["invalidated the tag org:7", "invalidated the queries with the tag org:7"]
    );
    cache.invalidate_type::<Member>().await.unwrap();
    cache.assert_invalidated(AllOf::<Member>::new());
    assert_eq!(records(&cache), ["invalidated everything of Member"]);
    cache.invalidate_many([1, 2].map(Member::by_id)).await.unwrap();
    cache.assert_invalidated([2, 1].map(Member::by_id));
    cache.invalidate((org_size::of(7), Key::of("rate:{}", ("EUR",)))).await.unwrap();
    cache.assert_invalidated(org_size::of(7));
    cache.assert_invalidated(Key::of("rate:{}", ("EUR",)));
}

#[tokio::test]
async fn writes_are_noted_when_they_begin_and_when_they_end() {
    let (cache, db) = (TestCache::new(), Db::new());
    let during = cache.clone();
    let work = async {
        during.assert_written(Member::by_id(1));
        during.assert_not_invalidated(Member::by_id(1));
        nothing().await
    };
    cache.write(Member::by_id(1), work).await.unwrap();
    assert_eq!(records(&cache), ["written member:1", "invalidated member:1"]);
    // What is named after the work is not written.
    cache.write((), nothing()).invalidating(|()| Member::by_id(2)).await.unwrap();
    cache.assert_invalidated(Member::by_id(2));
    cache.assert_not_written(Member::by_id(2));
    cache.clear_records();
    let moved = cache.write(Member::by_id(3), db.move_to(3, 7));
    moved.storing(Option::as_ref).await.unwrap();
    cache.assert_stored((Member::by_id(3), Member::tag_org(7)));
    cache.assert_stored(Member::tag_org(7));
    cache.assert_invalidated(Member::list_by_org(7));
    cache.assert_not_invalidated(Member::list_by_org(8));
}

#[tokio::test]
async fn a_write_that_is_not_begun_is_not_noted() {
    let cache = TestCache::new();
    drop(cache.write(Member::by_id(1), nothing()));
    cache.go_down();
    let write = cache.write(Member::by_id(1), nothing()).require_hold();
    assert!(matches!(write.await, Err(cachecow::WriteError::HoldRefused(_))));
    assert!(cache.records().is_empty(), "{:?}", cache.records());
    // A hold that was not placed is none of the work's business, if it need not be.
    cache.write(Member::by_id(1), nothing()).await.unwrap();
    cache.assert_written(Member::by_id(1));
    cache.assert_invalidated(Member::by_id(1));
}

#[tokio::test]
async fn scopes_are_told_apart() {
    let (cache, db) = (TestCache::new(), Db::new());
    let acme = cache.scoped("acme");
    let cow = cache.cow().scoped("acme");
    cow.with(&db).get(Member::by_id(1)).await.unwrap();
    cow.invalidate((Member::by_id(1), Member::tag_org(7))).await.unwrap();
    acme.assert_read(Member::by_id(1));
    acme.assert_stored(Member::tag_org(7));
    acme.assert_invalidated((Member::by_id(1), Member::tag_org(7)));
    cache.assert_not_read(Member::by_id(1));
    cache.assert_not_invalidated(Member::tag_org(7));
    let records = records(&acme);
    assert!(records.contains(&"read member:1 (in a scope)".to_owned()), "{records:?}");
    let tag = "invalidated the tag org:7 (in a scope)".to_owned();
    assert!(records.contains(&tag), "{records:?}");
}

#[tokio::test]
async fn a_message_names_what_was_noted_instead() {
    let (cache, db) = (TestCache::new(), Db::new());
    fails(
        || cache.assert_invalidated(Member::by_id(1)),
        &expect![[r"
            assert_invalidated: member:1 was not invalidated.
            Nothing was noted at all. Does the tested code use this cache, its `cow()`?"]],
    );
    cache.with(&db).get(Member::by_id(1)).await.unwrap();
    cache.with(&db).get(Member::by_id(1)).await.unwrap();
    fails(
        || cache.assert_invalidated(Member::by_id(1)),
        &expect![[r"
            assert_invalidated: member:1 was not invalidated.
            Nothing was invalidated. Noted was, in order:
              read member:1
              stored member:1"]],
    );
    cache.invalidate((Member::by_id(2), Member::tag_org(8))).await.unwrap();
    fails(
        || cache.assert_invalidated((Member::by_id(1), Member::by_id(2), Member::list_by_org(7))),
        &expect![[r"
            assert_invalidated: member:1, member:org:7 were not invalidated.
            This was invalidated, in order:
              member:2
              the tag org:8
              the queries with the tag org:8"]],
    );
    fails(
        || cache.assert_invalidated(AllOf::<Member>::new()),
        &expect![[r"
            assert_invalidated: everything of Member was not invalidated.
            This was invalidated, in order:
              member:2
              the tag org:8
              the queries with the tag org:8"]],
    );
    fails(
        || cache.assert_not_invalidated(Member::tag_org(8)),
        &expect![[r"
            assert_not_invalidated: the queries with the tag org:8, the tag org:8 were invalidated.
            This was invalidated, in order:
              member:2
              the tag org:8
              the queries with the tag org:8"]],
    );
    fails(
        || cache.assert_stored(Member::by_mail("m1@example.org")),
        &expect![[r"
            assert_stored: member:mail:m1@example.org was not stored.
            This was stored, in order:
              member:1"]],
    );
    fails(
        || cache.assert_read(Member::tag_org(7)),
        &expect![
            "assert_read: a read is of a key, and the tag org:7 is none; name a lookup, a list, a query or a whole type"
        ],
    );
    fails(
        || cache.assert_written(()),
        &expect!["assert_written: it was given nothing to look for"],
    );
}

#[tokio::test]
async fn a_message_is_no_longer_than_a_screen() {
    let cache = TestCache::new();
    cache.invalidate_many((1..=50).map(Member::by_id)).await.unwrap();
    let assertion = std::panic::AssertUnwindSafe(|| cache.assert_invalidated(Member::by_id(51)));
    let panic = std::panic::catch_unwind(assertion).unwrap_err();
    let message = panic.downcast_ref::<String>().unwrap();
    assert!(message.ends_with("and 30 more"), "{message}");
    assert_eq!(message.lines().count(), 23);
}

#[tokio::test]
async fn clones_are_one_cache_and_records_can_be_looked_through() {
    let cache = TestCache::default();
    cache.clone().cow().invalidate(Member::by_id(1)).await.unwrap();
    let [record] = cache.records().try_into().unwrap();
    assert_eq!((record.action, &*record.name), (Action::Invalidated, "member:1"));
}
