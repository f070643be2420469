//! Key fields whose values are compared in one form: `#[cache(normalize = …)]`, and what happens without it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{
    CacheCow, CacheSchema, Cached, Error, Fill, KeyPart, Lookup as _, Source, TypeStats,
};
use cachecow_tests::events::Events;
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use serde::{Deserialize, Serialize};

/// A user as the table has it, with an e-mail address in whatever case it was entered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Users, ttl = "10m", negative_ttl = "1m")]
#[cache(key = "user:{id}", fetch = Users::find)]
#[cache(key = "user:email:{email}", fetch = Users::find_by_email, fetch_many = Users::find_many)]
#[cache(tag = "town:{town}")]
struct User {
    id: u32,
    #[cache(normalize = str::to_lowercase)]
    email: String,
    #[cache(normalize = str::trim)]
    town: Box<str>,
    version: u64,
}

/// A table whose columns ignore case and surrounding space.
#[derive(Default)]
struct Users {
    version: AtomicU64,
    /// What was asked for, by e-mail address.
    asked: Mutex<Vec<String>>,
}

impl Users {
    fn row(&self, id: u32) -> Option<User> {
        let emails = BTreeMap::from([(1, "Ann@X.org"), (2, "bob@x.org")]);
        let (email, town) = ((*emails.get(&id)?).to_owned(), " Turin ".into());
        Some(User { id, email, town, version: self.version.load(Ordering::SeqCst) })
    }

    fn row_of(&self, email: &str) -> Option<User> {
        self.asked.lock().unwrap().push(email.to_owned());
        (1..=2).filter_map(|id| self.row(id)).find(|user| user.email.eq_ignore_ascii_case(email))
    }

    async fn find(&self, id: u32) -> Result<Option<User>, Error> {
        Ok(self.row(id))
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, Error> {
        Ok(self.row_of(email))
    }

    async fn find_many(&self, emails: &[String]) -> Result<Vec<User>, Error> {
        Ok(emails.iter().filter_map(|email| self.row_of(email)).collect())
    }

    fn change(&self) {
        self.version.fetch_add(1, Ordering::SeqCst);
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().unwrap())
    }
}

/// The version that is read, and where it comes from.
async fn seen(cow: &CacheCow, users: &Users, email: &str) -> (u64, Source) {
    let read = cow.with(users).read(User::by_email(email)).await.unwrap();
    (read.value.unwrap().version, read.source)
}

on_both_backends! {
    async fn a_row_is_cached_however_its_text_is_written(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        let read = cow.with(&users).read(User::by_email("ANN@x.org")).await.unwrap();
        assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Stored));
        assert_eq!(read.value.unwrap().email, "Ann@X.org", "the object is as the table has it");
        for email in ["ANN@x.org", "ann@x.org", "Ann@X.org"] {
            assert_eq!(seen(&cow, &users, email).await, (0, Source::Cache), "{email}");
        }
        assert_eq!(cow.with(&users).read(User::by_id(1)).await.unwrap().source, Source::Cache);
        assert_eq!(cow.stats().of("User").mismatched, 0);
        assert_eq!(users.asked()[0], "ann@x.org", "the fetch is asked for the normalized text");
    }

    async fn its_absence_too(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        for (email, source) in [("NO@x.org", Source::Fetched), ("no@X.org", Source::Cache)] {
            let read = cow.with(&users).read(User::by_email(email)).await.unwrap();
            assert_eq!((read.value, read.source), (None, source));
        }
    }

    async fn a_batch_asks_once_for_what_is_the_same(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        let emails = ["ANN@x.org", "no@x.org", "Bob@x.org", "ann@X.ORG"];
        for round in 0..3 {
            let found = cow.with(&users).get_many(emails.map(User::by_email)).await.unwrap();
            let ids: Vec<_> = found.iter().map(|user| user.as_ref().map(|user| user.id)).collect();
            assert_eq!(ids, [Some(1), None, Some(2), Some(1)], "round {round}");
        }
        let mut asked = users.asked();
        asked.sort();
        // Each is fetched before the claim of its primary key, and again under it.
        asked.dedup();
        assert_eq!(asked, ["ann@x.org", "bob@x.org", "no@x.org"]);
        assert_eq!(cow.stats().of("User").mismatched, 0);
    }

    async fn what_is_invalidated_by_another_spelling_is_invalidated(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        for (version, email) in [(1, "ANN@X.ORG"), (2, "ann@x.org")] {
            seen(&cow, &users, "Ann@x.org").await;
            assert!(cache.has(&User::by_email("ann@x.org")).await);
            users.change();
            cow.invalidate((User::by_email(email), User::by_id(1))).await.unwrap();
            assert!(!cache.has(&User::by_email("ann@x.org")).await);
            assert_eq!(seen(&cow, &users, "aNN@x.org").await.0, version);
        }
    }

    async fn an_object_s_own_keys_are_normalized(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        seen(&cow, &users, "ann@x.org").await;
        let user = users.row(1).unwrap();
        cow.write(&user, async {
            users.change();
            Ok::<_, Error>(())
        }).await.unwrap();
        assert!(!cache.has(&User::by_email("ann@x.org")).await);
        assert_eq!(seen(&cow, &users, "ann@x.org").await.0, 1);
        users.change();
        cow.invalidate_object(&user).await.unwrap();
        assert_eq!(seen(&cow, &users, "ANN@x.org").await.0, 2);
    }

    async fn so_are_its_tags(cache) {
        let (cow, users) = (cache.open_default(), Users::default());
        for (version, town) in [(1, "Turin"), (2, "\tTurin "), (3, " Turin ")] {
            seen(&cow, &users, "ann@x.org").await;
            users.change();
            cow.invalidate_tag(User::tag_town(town)).await.unwrap();
            assert_eq!(seen(&cow, &users, "ann@x.org").await.0, version, "{town:?}");
        }
        cow.invalidate_tag(User::tag_town("turin")).await.unwrap();
        assert_eq!(seen(&cow, &users, "ann@x.org").await, (3, Source::Cache), "a town of its own");
    }

    async fn the_near_tier_finds_every_spelling(cache) {
        let (cow, users) = (cache.open(patient().near(1 << 20).near_lag(Duration::from_secs(20))), Users::default());
        while seen(&cow, &users, "ann@x.org").await.1 != Source::Near {
            tokio::task::yield_now().await;
        }
        assert_eq!(seen(&cow, &users, "ANN@X.org").await, (0, Source::Near));
        users.change();
        cow.invalidate((User::by_email("Ann@X.org"), User::by_id(1))).await.unwrap();
        assert_eq!(seen(&cow, &users, "ANN@X.org").await.0, 1);
        assert_eq!(seen(&cow, &users, "ann@x.org").await.0, 1);
    }

    async fn a_primary_key_of_any_type_may_be_normalized(cache) {
        let cow = cache.open_default();
        let upper = Part { code: Code(b"AB-1".to_vec()), shelf: -4 };
        for (code, shelf, source) in
            [("ab-1", 4, Source::Fetched), ("AB-1", 4, Source::Cache), ("aB-1", -4, Source::Cache)]
        {
            let code = Code(code.into());
            let read = cow.read(Part::by_code_and_shelf(&code, shelf)).await.unwrap();
            assert_eq!((read.value.as_deref(), read.source), (Some(&upper), source));
        }
        cow.invalidate_object(&upper).await.unwrap();
        assert!(!cache.has(&Part::by_code_and_shelf(&upper.code, 4)).await);
    }

    async fn without_it_the_type_is_told_of_once(cache) {
        let (events, cow, letters) = (Events::warnings(), cache.open_default(), Letters::default());
        for round in 1..=4 {
            let read = cow.with(&letters).read(Letter::by_to("ANN@x.org")).await.unwrap();
            assert_eq!(read.value.unwrap().to, "ann@x.org", "it is found");
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Skipped), "but not stored");
            let TypeStats { mismatched, fills_stored, .. } = cow.stats().of("Letter");
            assert_eq!((mismatched, fills_stored), (round, 0));
        }
        let both = ["ANN@x.org", "ann@x.org"].map(Letter::by_to);
        let found = cow.with(&letters).get_many(both).await.unwrap();
        assert!(found.iter().all(Option::is_some));
        assert_eq!(cow.stats().of("Letter").mismatched, 5);
        assert!(cow.stats().of("Letter").to_string().contains("5 mismatched"));
        let said = events.take();
        let [said] = &said[..] else { panic!("{said:?}") };
        assert_eq!(said.field("lookup"), "\"Letter::by_to\"");
        assert!(said.field("message").contains("#[cache(normalize = str::to_lowercase)]"));
        assert!(!format!("{said:?}").to_lowercase().contains("ann"), "no value is shown: {said:?}");
    }
}

/// Found by letters of either case, without saying so.
#[derive(Serialize, Deserialize, Cached)]
#[cache(context = Letters)]
#[cache(key = "letter:{to}", fetch = Letters::find)]
struct Letter {
    to: String,
}

#[derive(Default)]
struct Letters(AtomicUsize);

impl Letters {
    async fn find(&self, to: &str) -> Result<Letter, Error> {
        self.0.fetch_add(1, Ordering::SeqCst);
        Ok(Letter { to: to.to_lowercase() })
    }
}

/// A type of the program's own, and an integer, both normalized.
#[derive(Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(key = "part:{code}:{shelf}", fetch = Part::find)]
struct Part {
    #[cache(normalize = Code::lower)]
    code: Code,
    #[cache(normalize = absolute)]
    shelf: i32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema, KeyPart)]
struct Code(Vec<u8>);

impl Code {
    fn lower(&self) -> Self {
        Self(self.0.to_ascii_lowercase())
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "so it is called, whatever the type")]
fn absolute(shelf: &i32) -> i32 {
    shelf.abs()
}

impl Part {
    async fn find(code: &Code, shelf: i32) -> Result<Part, Error> {
        Ok(Part { code: Code(code.0.to_ascii_uppercase()), shelf: -shelf })
    }
}

/// Every text type, by functions of every kind that may be given.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "{a}{b}{c}{d}{e}", fetch = Texts::find)]
struct Texts {
    #[cache(normalize = str::to_lowercase)]
    a: Arc<str>,
    #[cache(normalize = Self::cut)]
    b: String,
    #[cache(normalize = lower)]
    c: String,
    #[cache(normalize = boxed::<1>)]
    d: Box<str>,
    #[cache(normalize = Vec::clone)]
    e: Vec<u8>,
}

fn lower(text: impl AsRef<str>) -> String {
    text.as_ref().to_lowercase()
}

fn boxed<const N: usize>(text: &str) -> Box<str> {
    text[..N].into()
}

impl Texts {
    fn cut(text: &str) -> std::borrow::Cow<'_, str> {
        text.trim_start().into()
    }

    async fn find(_: &str, _: &str, _: &str, _: &str, _: &[u8]) -> Result<Option<Texts>, Error> {
        Ok(None)
    }
}

#[test]
fn a_function_may_take_and_give_text_in_any_form() {
    let asked = Texts::by_a_and_b_and_c_and_d_and_e("AB", " b", "C", "de", vec![]);
    let plain = Texts::by_a_and_b_and_c_and_d_and_e("ab", "b", "c", "d", vec![]);
    assert_eq!(asked.key().as_bytes(), plain.key().as_bytes());
    let (b, c) = (" b".to_owned(), "C".to_owned());
    let found = Texts { a: "aB".into(), b, c, d: "d...".into(), e: vec![] };
    assert!(asked.finds(&found));
    assert_eq!(TextsByAAndBAndCAndDAndE::key_of(&found).as_bytes(), plain.key().as_bytes());
}
