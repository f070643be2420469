//! Values that are not stored, or not served.

use std::convert::Infallible;

use cachecow::{CacheCow, Cached};
use cachecow_tests::caches::Cache;
use cachecow_tests::events::Said;
use cachecow_tests::lossy::Lossy;
use cachecow_tests::store::{Item, Store};

use crate::{count, paused};

#[derive(Cached)]
#[cache(key = "vague:{word}", fetch = Vague::find)]
struct Vague {
    word: String,
    lossy: Lossy,
}

impl Vague {
    async fn find(word: &str) -> Result<Self, Infallible> {
        Ok(Self { word: word.to_owned(), lossy: Lossy })
    }
}

/// Is found under another spelling.
#[derive(Clone, Cached)]
#[cache(key = "letter:{to}", fetch = Letter::find)]
#[cache(list = "letter:all:{of}", fetch = Letter::all, max_len = 2)]
struct Letter {
    to: String,
    of: u8,
}

impl Letter {
    async fn find(to: &str) -> Result<Self, Infallible> {
        Ok(Self { to: to.to_lowercase(), of: 1 })
    }

    async fn all(of: u8) -> Result<Vec<Self>, Infallible> {
        Ok((0..3).map(|number| Self { to: format!("swordfish {number}"), of }).collect())
    }
}

/// Has the template of `Letter`.
#[derive(Cached)]
#[cache(key = "letter:{from}", fetch = Reply::find)]
struct Reply {
    from: String,
}

impl Reply {
    async fn find(from: &str) -> Result<Self, Infallible> {
        Ok(Self { from: from.to_owned() })
    }
}

pub(crate) fn all() -> Vec<Said> {
    [not_stored(), rejected()].concat()
}

fn not_stored() -> Vec<Said> {
    paused(async {
        let cow = CacheCow::builder().max_value_size(200).memory().unwrap();
        for _ in 0..5 {
            cow.get(Vague::by_word("swordfish")).await.unwrap();
            cow.get(Letter::by_to("Swordfish")).await.unwrap();
            cow.get(Reply::by_from("swordfish")).await.unwrap();
            cow.list(Letter::list_by_of(1)).await.unwrap();
            let long = "swordfish ".repeat(30).to_lowercase();
            cow.get(Letter::by_to(&long)).await.unwrap();
        }
    })
}

fn rejected() -> Vec<Said> {
    paused(async {
        let cache = Cache::memory();
        let (cow, store) = (cache.open_default(), Store::with_items(1));
        for _ in 0..5 {
            cache.forge(&Item::by_id(1), "swordfish").await;
            cow.with(&store).get(Item::by_id(1)).await.unwrap();
        }
        assert_eq!(cow.stats().of("Item").decode_failures, 5);
    })
}

#[test]
fn what_a_type_does_again_and_again_is_said_once() {
    let said = not_stored();
    for event in ["unfaithful_value", "mismatched_object", "template_clash", "list_too_long"] {
        assert_eq!(count(&said, event), 1, "{event}: {said:#?}");
    }
    assert_eq!(count(&rejected(), "value_rejected"), 1);
}
