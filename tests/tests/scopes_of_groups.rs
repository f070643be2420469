//! Scopes of what stands for several objects: lists, queries, tags of queries, and everything of a type. The lists are
//! fetched by functions that block.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{AllOf, CacheCow, Cached, Key, Source};
use cachecow_tests::on_both_backends;

/// A tenant's database.
#[derive(Clone, Default)]
struct Shelf {
    notes: Arc<Mutex<Vec<Note>>>,
    fetches: Arc<AtomicUsize>,
}

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(context = Shelf, ttl = "10m", negative_ttl = "10m", clearable = true)]
#[cache(key = "note:{id}", fetch = blocking(Note::find), fetch_many = blocking(Note::find_many))]
#[cache(list = "note:folder:{folder}", fetch = blocking(Note::in_folder))]
#[cache(tag = "note:in:{folder}", name = "tag_folder")]
struct Note {
    id: i64,
    folder: i64,
    version: u32,
}

#[expect(clippy::unnecessary_wraps, reason = "a fetch function returns a `Result`")]
impl Note {
    fn find(shelf: &Shelf, id: i64) -> Result<Option<Self>, Infallible> {
        Ok(shelf.fetch(|note| note.id == id).pop())
    }

    fn find_many(shelf: &Shelf, ids: &[i64]) -> Result<Vec<Self>, Infallible> {
        Ok(shelf.fetch(|note| ids.contains(&note.id)))
    }

    fn in_folder(shelf: &Shelf, folder: i64) -> Result<Vec<Self>, Infallible> {
        Ok(shelf.fetch(|note| note.folder == folder))
    }
}

#[cachecow::query(key = "versions:{folder}", ttl = "10m", tag = Note::tag_folder(folder))]
async fn versions(shelf: &Shelf, folder: i64) -> Result<Vec<u32>, Infallible> {
    Ok(shelf.fetch(|note| note.folder == folder).into_iter().map(|note| note.version).collect())
}

impl Shelf {
    fn with(version: u32) -> Self {
        let shelf = Self::default();
        *shelf.notes.lock().unwrap() = (1..=3).map(|id| Note { id, folder: 7, version }).collect();
        shelf
    }

    fn fetch(&self, wanted: impl Fn(&Note) -> bool) -> Vec<Note> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        self.notes.lock().unwrap().iter().filter(|note| wanted(note)).cloned().collect()
    }

    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::Relaxed)
    }

    fn renew(&self) {
        self.notes.lock().unwrap().iter_mut().for_each(|note| note.version += 1);
    }
}

/// Two tenants, each with its handle.
fn tenants(cow: &CacheCow) -> [(CacheCow, Shelf); 2] {
    [(cow.scoped("a"), Shelf::with(10)), (cow.scoped("b"), Shelf::with(20))]
}

async fn list(cow: &CacheCow, shelf: &Shelf) -> Vec<u32> {
    let notes = cow.with(shelf).list(Note::list_by_folder(7)).await.unwrap();
    notes.iter().map(|note| note.version).collect()
}

/// All that is cached of a tenant, three times: fetched, found, and found by what was remembered.
async fn read_all(cow: &CacheCow, shelf: &Shelf) -> Vec<u32> {
    let mut all = Vec::new();
    for _ in 0..3 {
        all = list(cow, shelf).await;
        all.extend(cow.with(shelf).ask(versions::of(7)).await.unwrap().iter());
        let at_run_time = cow.with(shelf).get_or_fetch(
            Key::of("at-run-time:{}", (7,)),
            Duration::from_secs(600),
            || versions(shelf, 7),
        );
        all.extend(at_run_time.tag(Note::tag_folder(7)).await.unwrap().iter());
        all.extend(cow.with(shelf).get(Note::by_id(1)).await.unwrap().map(|note| note.version));
        assert!(cow.with(shelf).get(Note::by_id(9)).await.unwrap().is_none());
    }
    all
}

on_both_backends! {
    async fn lists_and_answers_are_of_their_scope(cache) {
        let cow = cache.open_default();
        for (cow, shelf) in tenants(&cow) {
            let version = shelf.notes.lock().unwrap()[0].version;
            assert_eq!(read_all(&cow, &shelf).await, [version; 10]);
            let fetches = shelf.fetches();
            read_all(&cow, &shelf).await;
            assert_eq!(shelf.fetches(), fetches, "all of it is cached");
        }
    }

    async fn a_change_is_of_its_scope(cache) {
        let cow = cache.open_default();
        let [(a, one), (b, other)] = tenants(&cow);
        for way in 0..5 {
            read_all(&a, &one).await;
            read_all(&b, &other).await;
            let fetches = other.fetches();
            one.renew();
            let notes = one.notes.lock().unwrap().clone();
            match way {
                0 => a.invalidate((Note::list_by_folder(7), &notes)).await.unwrap(),
                1 => a.invalidate((Note::tag_folder(7), Note::by_id(1))).await.unwrap(),
                2 => a.invalidate_type::<Note>().await.unwrap(),
                3 => a.write(AllOf::<Note>::new(), async { Ok::<_, ()>(()) }).await.unwrap(),
                _ => a.write(&notes, async { Ok::<_, ()>(()) }).await.unwrap(),
            }
            let fresh = notes[0].version;
            assert_eq!(read_all(&a, &one).await, [fresh; 10], "{way}");
            read_all(&b, &other).await;
            assert_eq!(other.fetches(), fetches, "{way}: the other tenant's is cached as before");
        }
    }

    /// What the unscoped handle invalidates is its own.
    async fn everything_of_a_type_is_everything_of_the_scope(cache) {
        let cow = cache.open_default();
        let [(a, one), _] = tenants(&cow);
        read_all(&a, &one).await;
        cow.invalidate_type::<Note>().await.unwrap();
        assert_eq!(a.with(&one).read(Note::by_id(1)).await.unwrap().source, Source::Cache);
        a.invalidate_type::<Note>().await.unwrap();
        assert_eq!(a.with(&one).read(Note::by_id(1)).await.unwrap().source, Source::Fetched);
        assert_eq!(a.with(&one).read(Note::by_id(9)).await.unwrap().source, Source::Fetched);
    }
}
