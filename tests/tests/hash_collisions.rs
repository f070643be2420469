//! Two keys of one hash, as anyone could make them who may choose a part of a key: each is given its
//! own object, on every way there is to one.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cachecow::{CacheCow, Cached, Lookup, Source};
use cachecow_tests::collision::texts_of_one_hash;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use futures_util::future::join_all;
use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Site, ttl = "10m", negative_ttl = "10m")]
#[cache(key = "page:path:{path}", fetch = Site::by_path, fetch_many = Site::by_paths)]
#[cache(key = "page:slug:{slug}", fetch = Site::by_slug)]
struct Page {
    path: String,
    slug: String,
    version: u32,
}

/// Another type whose keys are those of pages.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize, Cached)]
#[cache(context = Site, ttl = "10m")]
#[cache(key = "page:path:{path}", fetch = Site::draft)]
struct Draft {
    path: String,
    words: Vec<String>,
}

#[derive(Default)]
struct Site {
    pages: Mutex<HashMap<String, Page>>,
    fetches: AtomicUsize,
    gates: Mutex<Vec<Arc<Gate>>>,
}

impl Site {
    /// With a page for each path, or without some.
    fn with(pages: &[Page]) -> Self {
        let site = Self::default();
        for page in pages {
            site.pages.lock().unwrap().insert(page.path.clone(), page.clone());
        }
        site
    }

    /// Holds up the next fetch.
    fn gate(&self) -> Arc<Gate> {
        let gate = Gate::new();
        self.gates.lock().unwrap().push(Arc::clone(&gate));
        gate
    }

    fn write(&self, page: &Page) {
        self.pages.lock().unwrap().insert(page.path.clone(), page.clone());
    }

    async fn find(&self, is_wanted: impl Fn(&Page) -> bool) -> Vec<Page> {
        self.fetches.fetch_add(1, Ordering::SeqCst);
        let found = {
            let pages = self.pages.lock().unwrap();
            pages.values().filter(|page| is_wanted(page)).cloned().collect()
        };
        let gate = self.gates.lock().unwrap().pop();
        match gate {
            Some(gate) => gate.pass().await,
            None => tokio::task::yield_now().await,
        }
        found
    }

    async fn by_path(&self, path: &str) -> Result<Option<Page>, Infallible> {
        Ok(self.find(|page| page.path == path).await.pop())
    }

    async fn by_paths(&self, paths: &[String]) -> Result<Vec<Page>, Infallible> {
        Ok(self.find(|page| paths.contains(&page.path)).await)
    }

    async fn by_slug(&self, slug: &str) -> Result<Option<Page>, Infallible> {
        Ok(self.find(|page| page.slug == slug).await.pop())
    }

    async fn draft(&self, path: &str) -> Result<Draft, Infallible> {
        let page = self.find(|page| page.path == path).await.pop().unwrap();
        Ok(Draft { path: page.path, words: vec![page.slug] })
    }
}

/// Two pages whose paths and whose slugs have keys of one hash.
fn pages() -> [Page; 2] {
    let (paths, slugs) = (texts_of_one_hash("page:path:{}"), texts_of_one_hash("page:slug:{}"));
    let page = |at: usize| Page { path: paths[at].clone(), slug: slugs[at].clone(), version: 1 };
    let pages = [page(0), page(1)];
    let [one, other] = [&pages[0], &pages[1]];
    assert!(one.path != other.path && one.slug != other.slug);
    assert_eq!(Page::by_path(&one.path).key().key(), Page::by_path(&other.path).key().key());
    assert_eq!(Page::by_slug(&one.slug).key().key(), Page::by_slug(&other.slug).key().key());
    pages
}

async fn by_path(cow: &CacheCow, site: &Site, page: &Page) -> Option<Page> {
    cow.with(site).get(Page::by_path(&page.path)).await.unwrap().as_deref().cloned()
}

async fn by_slug(cow: &CacheCow, site: &Site, page: &Page) -> Option<Page> {
    cow.with(site).get(Page::by_slug(&page.slug)).await.unwrap().as_deref().cloned()
}

on_both_backends! {
    async fn each_is_read_as_what_it_is(cache) {
        let pages = pages();
        let (cow, site) = (cache.open_default(), Site::with(&pages));
        for _ in 0..3 {
            for page in &pages {
                assert_eq!(by_path(&cow, &site, page).await.as_ref(), Some(page));
                assert_eq!(by_slug(&cow, &site, page).await.as_ref(), Some(page));
            }
        }
        for page in pages.iter().rev() {
            assert_eq!(by_slug(&cow, &site, page).await.as_ref(), Some(page));
            assert_eq!(by_path(&cow, &site, page).await.as_ref(), Some(page));
        }
    }

    /// The last to be read is in the cache; a pointer to the other finds it there.
    async fn a_pointer_that_leads_to_the_other_is_not_followed(cache) {
        let pages = pages();
        let (cow, site) = (cache.open_default(), Site::with(&pages));
        let [one, other] = &pages;
        by_slug(&cow, &site, one).await;
        by_path(&cow, &site, other).await;
        assert_eq!(by_slug(&cow, &site, one).await.as_ref(), Some(one));
        assert_eq!(by_slug(&cow, &site, other).await.as_ref(), Some(other));
    }

    async fn one_batch_has_both(cache) {
        let pages = pages();
        let site = Site::with(&pages);
        let [one, other] = &pages;
        for kept in [Some(one), Some(other), None] {
            let cow = cache.open_default();
            cow.invalidate(Page::by_path(&one.path)).await.unwrap();
            if let Some(kept) = kept {
                by_path(&cow, &site, kept).await;
            }
            for _ in 0..2 {
                let asked = [one, other, one].map(|page| Page::by_path(&page.path));
                let found = cow.with(&site).get_many(asked).await.unwrap();
                let found: Vec<_> = found.iter().map(|page| page.as_deref().unwrap()).collect();
                assert_eq!(found, [one, other, one]);
                let asked = [other, one, other].map(|page| Page::by_slug(&page.slug));
                let found = cow.with(&site).get_many(asked).await.unwrap();
                let found: Vec<_> = found.iter().map(|page| page.as_deref().unwrap()).collect();
                assert_eq!(found, [other, one, other]);
            }
        }
    }

    async fn the_absence_of_one_is_not_the_other_s(cache) {
        let pages = pages();
        for (absent, present) in [(0, 1), (1, 0)] {
            let (cow, site) = (cache.open_default(), Site::with(&pages[present..=present]));
            let (absent, present) = (&pages[absent], &pages[present]);
            cow.invalidate_object(present).await.unwrap();
            for _ in 0..2 {
                assert_eq!(by_path(&cow, &site, absent).await, None);
                assert_eq!(by_path(&cow, &site, present).await.as_ref(), Some(present));
                assert_eq!(by_slug(&cow, &site, absent).await, None);
                assert_eq!(by_slug(&cow, &site, present).await.as_ref(), Some(present));
            }
            let asked = [absent, present].map(|page| Page::by_path(&page.path));
            let found = cow.with(&site).get_many(asked).await.unwrap();
            assert_eq!(found.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true]);
        }
    }

    /// What is loaded for one is not what the other waits for.
    async fn neither_follows_the_other_s_load(cache) {
        let pages = pages();
        let [one, other] = &pages;
        let (cow, site) = (cache.open(CacheCow::builder().fill_wait(Duration::ZERO)), Site::with(&pages));
        let gate = site.gate();
        let (first, ()) = tokio::join!(by_path(&cow, &site, one), async {
            gate.arrived().await;
            assert_eq!(by_path(&cow, &site, other).await.as_ref(), Some(other));
            gate.open();
        });
        assert_eq!(first.as_ref(), Some(one));
        cow.invalidate_object(one).await.unwrap();
        let gate = site.gate();
        let (first, ()) = tokio::join!(by_slug(&cow, &site, one), async {
            gate.arrived().await;
            assert_eq!(by_slug(&cow, &site, other).await.as_ref(), Some(other));
            gate.open();
        });
        assert_eq!(first.as_ref(), Some(one));
    }

    /// Of many at once, each has its own, and nobody waits for ever.
    async fn many_readers_of_both_have_what_they_asked_for(cache) {
        let pages = pages();
        let (cow, site) = (cache.open_default(), Site::with(&pages));
        let reads = (0..40).map(|at| {
            let (cow, site, page) = (&cow, &site, &pages[at % 2]);
            async move {
                let found = match at % 4 {
                    0 | 1 => by_path(cow, site, page).await,
                    _ => by_slug(cow, site, page).await,
                };
                assert_eq!(found.as_ref(), Some(page));
            }
        });
        join_all(reads).await;
    }

    async fn the_near_tier_tells_them_apart(cache) {
        let pages = pages();
        let [one, other] = &pages;
        let (cow, site) = (cache.open(CacheCow::builder().near(1 << 20)), Site::with(&pages[..1]));
        for near in [one, other] {
            loop {
                let read = cow.with(&site).read(Page::by_path(&near.path)).await.unwrap();
                assert_eq!(read.value.is_some(), near == one);
                if read.source == Source::Near {
                    break;
                }
                tokio::task::yield_now().await;
            }
            for page in [other, one] {
                let found = by_path(&cow, &site, page).await;
                assert_eq!(found.as_ref(), Some(page).filter(|page| *page == one));
            }
        }
    }

    /// They share a value's place in the cache, and so an invalidation too.
    async fn after_an_invalidation_neither_is_stale(cache) {
        let mut pages = pages();
        let (cow, site) = (cache.open_default(), Site::with(&pages));
        for version in 2..6 {
            for at in [0, 1] {
                by_path(&cow, &site, &pages[at]).await;
                pages[at].version = version;
                if version % 2 == 0 {
                    site.write(&pages[at]);
                    cow.invalidate(Page::by_path(&pages[at].path)).await.unwrap();
                } else {
                    let work = async {
                        site.write(&pages[at]);
                        Ok::<_, cachecow::Error>(())
                    };
                    cow.write(&pages[at], work).await.unwrap();
                }
                for page in &pages {
                    assert_eq!(by_path(&cow, &site, page).await.as_ref(), Some(page));
                    assert_eq!(by_slug(&cow, &site, page).await.as_ref(), Some(page));
                }
            }
        }
    }

    /// Two types that were given the same keys by mistake: no panic, no mix-up.
    async fn two_types_with_the_same_keys_are_told_apart(cache) {
        let [page, _] = pages();
        let (cow, site) = (cache.open(CacheCow::builder().fill_wait(Duration::ZERO)), Site::with(std::slice::from_ref(&page)));
        let draft = async || cow.with(&site).get(Draft::by_path(&page.path)).await.unwrap().unwrap();
        let gate = site.gate();
        let (first, ()) = tokio::join!(by_path(&cow, &site, &page), async {
            gate.arrived().await;
            assert_eq!(draft().await.words, std::slice::from_ref(&page.slug));
            gate.open();
        });
        assert_eq!(first.as_ref(), Some(&page));
        for _ in 0..2 {
            assert_eq!(by_path(&cow, &site, &page).await.as_ref(), Some(&page));
            assert_eq!(draft().await.path, page.path);
        }
    }
}
