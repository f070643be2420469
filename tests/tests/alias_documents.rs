//! What stands in the cache under an alias; what should not, or cannot.

use std::time::Duration;

use bytes::Bytes;
use cachecow::{CacheCow, Cached, Fill, Lookup, Source};
use cachecow_tests::on_both_backends;
use cachecow_tests::seen::{by_id, by_name};
use cachecow_tests::store::{Item, Store, StoreDown};

/// How long the header of a document is; what follows it tells a pointer.
const HEADER: usize = 30;
const MINUTE: Duration = Duration::from_secs(60);

/// A pointer with the header of `like`.
fn pointer(like: &Bytes, primary: &[u8]) -> Vec<u8> {
    let mut forged = like[..HEADER].to_vec();
    forged[0] = 0x97;
    forged.push(0xc3);
    let len = u16::try_from(primary.len()).unwrap_or(u16::MAX);
    forged.push(0xc5);
    forged.extend_from_slice(&len.to_be_bytes());
    forged.extend_from_slice(primary);
    forged
}

/// An object that is stored shorter than its key.
#[derive(Debug, PartialEq, Eq, Cached)]
#[cache(key = "packed:{id}", fetch = Packed::find)]
#[cache(key = "packed:name:{name}", fetch = Packed::find_by_name)]
struct Packed {
    #[cache(with = as_length)]
    id: String,
    name: String,
}

impl Packed {
    async fn find(id: &str) -> Result<Self, StoreDown> {
        Ok(Self { id: id.to_owned(), name: "a".to_owned() })
    }

    async fn find_by_name(name: &str) -> Result<Self, StoreDown> {
        Ok(Self { id: "x".repeat(300), name: name.to_owned() })
    }
}

mod as_length {
    use serde::{Deserialize as _, Deserializer, Serialize as _, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        text.len().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        Ok("x".repeat(usize::deserialize(from)?))
    }
}

on_both_backends! {
    async fn what_is_not_to_be_stored_has_no_pointer(cache) {
        let cow = cache.open(CacheCow::builder().max_value_size(500));
        for id in [1, 2, 3, 4] {
            let read = cow.read(Odd::by_name(format!("odd {id}"))).await.unwrap();
            assert_eq!((read.value.unwrap().id, read.fill), (id, Fill::Skipped));
            for free in [
                cache.flag_is_free(&Odd::by_id(id)).await,
                cache.flag_is_free(&Odd::by_name(format!("odd {id}"))).await,
            ] {
                assert!(free, "nothing is stored of {id}, and nothing claimed");
            }
        }
        assert_eq!(cow.stats().of("Odd").oversized, 1);
    }

    async fn a_pointer_may_be_as_long_as_a_value_and_no_longer(cache) {
        let (cow, id) = (cache.open_default(), "x".repeat(300));
        cow.get(Packed::by_name("a")).await.unwrap();
        let object = cache.value(&Packed::by_id(&id)).await.unwrap();
        let pointer = cache.value(&Packed::by_name("a")).await.unwrap();
        assert!(object.len() < pointer.len());
        for (size, source) in [(pointer.len(), Source::Cache), (pointer.len() - 1, Source::Fetched)] {
            let cow = cache.open(CacheCow::builder().max_value_size(size));
            let read = cow.read(Packed::by_name("a")).await.unwrap();
            assert_eq!((read.value.unwrap().id.len(), read.source), (300, source));
            let many = cow.get_many(["a", "b"].map(Packed::by_name)).await.unwrap();
            assert!(many.iter().all(Option::is_some));
        }
    }

    async fn poisoned_pointers_lead_nowhere(cache) {
        let (store, cow) = (Store::with_items(2), cache.open_default());
        let alias = Item::by_name("item 1");
        by_name(&cow, &store, "item 1").await;
        by_id(&cow, &store, 2).await;
        cow.get(Packed::by_name("a")).await.unwrap();
        let good = cache.value(&alias).await.unwrap();
        let object = cache.value(&Item::by_id(1)).await.unwrap();
        let mut poisons: Vec<Vec<u8>> = (0..good.len()).map(|len| good[..len].to_vec()).collect();
        poisons.push(pointer(&good, alias.key().as_bytes()));
        poisons.push(pointer(&good, Item::by_id(2).key().as_bytes()));
        poisons.push(pointer(&good, Packed::by_id("x".repeat(300)).key().as_bytes()));
        poisons.push(pointer(&good, Packed::by_name("a").key().as_bytes()));
        poisons.push(pointer(&good, b""));
        poisons.push(pointer(&good, &vec![0x91; 60_000]));
        poisons.push(object.to_vec());
        for poison in poisons {
            cache.forge(&alias, poison.clone()).await;
            for _ in 0..3 {
                assert_eq!(by_name(&cow, &store, "item 1").await, Some(Item::new(1)), "{poison:x?}");
                let both = cow.with(&store).get_many([Item::by_name("item 1"), Item::by_name("item 2")]);
                let both = both.await.unwrap();
                assert_eq!(both[0].as_deref(), Some(&Item::new(1)), "{poison:x?}");
                assert_eq!(both[1].as_deref(), Some(&Item::new(2)), "{poison:x?}");
            }
            assert_eq!(by_id(&cow, &store, 2).await, Some(Item::new(2)));
        }
        // An object that claims the alias under a primary key that is not its own.
        cache.forge(&alias, pointer(&good, Item::by_id(7).key().as_bytes())).await;
        cache.forge(&Item::by_id(7), object.clone()).await;
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!(read.source, Source::Fetched);
        // And a pointer where an object should be.
        cache.forge(&Item::by_id(1), good).await;
        assert_eq!(by_id(&cow, &store, 1).await, Some(Item::new(1)));
        assert_eq!(by_name(&cow, &store, "item 1").await, Some(Item::new(1)));
    }

    async fn a_truncated_object_behind_a_pointer_is_replaced(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, "item 1").await;
        let whole = cache.value(&Item::by_id(1)).await.unwrap();
        for len in 0..whole.len() {
            cache.forge(&Item::by_id(1), whole.slice(..len)).await;
            let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
            assert_eq!((read.value.as_deref(), read.source), (Some(&Item::new(1)), Source::Fetched));
            assert_eq!(read.fill, Fill::Stored, "of {len} bytes");
        }
        let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
        assert_eq!(read.source, Source::Cache);
    }

    async fn the_fresh_value_of_another_version_is_left(cache) {
        let (store, cow) = (Store::with_items(1), cache.open_default());
        by_name(&cow, &store, "item 1").await;
        let mut other = cache.value(&Item::by_id(1)).await.unwrap().to_vec();
        other[3] ^= 0xff;
        cache.forge(&Item::by_id(1), other.clone()).await;
        for alias_is_there in [true, false] {
            if !alias_is_there {
                cow.invalidate(Item::by_name("item 1")).await.unwrap();
            }
            let read = cow.with(&store).read(Item::by_name("item 1")).await.unwrap();
            assert_eq!((read.value.unwrap().version, read.fill), (1, Fill::Skipped));
            assert_eq!(cache.value(&Item::by_id(1)).await.unwrap(), other);
        }
    }

    async fn a_panicking_fetch_frees_both_flags(cache) {
        let cow = cache.open_default();
        cow.get(Odd::by_name("odd 5")).await.unwrap();
        cow.invalidate(Odd::by_id(5)).await.unwrap();
        assert!(cache.has(&Odd::by_name("odd 5")).await);
        PANICS.with(|panics| panics.set(true));
        let read = std::panic::AssertUnwindSafe(cow.get(Odd::by_name("odd 5")));
        let read = futures_util::FutureExt::catch_unwind(read).await;
        PANICS.with(|panics| panics.set(false));
        assert!(read.is_err());
        while !(cache.flag_is_free(&Odd::by_id(5)).await
            && cache.flag_is_free(&Odd::by_name("odd 5")).await)
        {
            tokio::task::yield_now().await;
        }
        assert_eq!(cow.read(Odd::by_name("odd 5")).await.unwrap().fill, Fill::Stored);
    }
}

std::thread_local! {
    static PANICS: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Of each number there is another reason not to store it; 5 is stored.
#[derive(Debug, Cached)]
#[cache(ttl_with = Odd::ttl)]
#[cache(key = "odd:{id}", fetch = Odd::find)]
#[cache(key = "odd:name:{name}", fetch = Odd::find_by_name)]
struct Odd {
    id: u32,
    name: String,
    #[cache(with = unless_three)]
    text: String,
}

impl Odd {
    fn ttl(&self) -> Duration {
        if self.id == 1 { Duration::ZERO } else { MINUTE }
    }

    async fn find(_id: u32) -> Result<Odd, StoreDown> {
        Err(StoreDown)
    }

    async fn find_by_name(name: &str) -> Result<Odd, StoreDown> {
        tokio::task::yield_now().await;
        assert!(!PANICS.with(std::cell::Cell::get), "as the test says");
        let id: u32 = name.strip_prefix("odd ").and_then(|id| id.parse().ok()).ok_or(StoreDown)?;
        let text = match id {
            2 => "x".repeat(1000),
            3 => "three".to_owned(),
            _ => String::new(),
        };
        // The fourth is found by another name than its own.
        let name = if id == 4 { "Odd 4".to_owned() } else { name.to_owned() };
        Ok(Odd { id, name, text })
    }
}

mod unless_three {
    use serde::ser::Error as _;
    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(text: &str, to: S) -> Result<S::Ok, S::Error> {
        if text == "three" {
            return Err(S::Error::custom("as the test says"));
        }
        to.serialize_str(text)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        String::deserialize(from)
    }
}
