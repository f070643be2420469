//! What comes back is what was fetched: whatever serde does to a struct's JSON, whatever version of the
//! program stored it; and what cannot be stored costs no more than having no cache.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use cachecow::{CacheCow, CacheSchema, Cached, Fill, Source};
use cachecow_tests::clock::Clock;
use cachecow_tests::events::Events;
use cachecow_tests::on_both_backends;
use serde::{Deserialize, Serialize};

/// A user, with what keeps fields out of its JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    #[serde(rename = "user_id")]
    id: i64,
    #[serde(skip_serializing, default)]
    password_hash: String,
    #[serde(skip)]
    is_admin: bool,
    #[serde(rename(serialize = "display", deserialize = "displayName"), default)]
    name: Option<String>,
    #[serde(flatten)]
    address: Address,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[expect(clippy::option_option, reason = "serde would lose the difference")]
    nested: Option<Option<()>>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, CacheSchema)]
struct Address {
    ip: IpAddr,
    number: u128,
}

impl User {
    async fn find(id: i64) -> Result<Self, Infallible> {
        Ok(Self {
            id,
            password_hash: "argon2".to_owned(),
            is_admin: true,
            name: Some("Ann".to_owned()),
            address: Address { ip: Ipv4Addr::LOCALHOST.into(), number: u128::MAX },
            nested: Some(None),
        })
    }
}

/// A struct with a field that serde loses something of, at odd ids.
#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(key = "lossy:{id}", fetch = Lossy::find, fetch_many = Lossy::find_many)]
#[cache(key = "lossy:name:{name}", fetch = Lossy::find_by_name)]
struct Lossy {
    id: u32,
    name: String,
    inner: Inner,
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
struct Inner {
    #[cache(opaque)]
    foreign: Foreign,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Foreign {
    #[serde(skip_serializing, default)]
    secret: String,
}

impl Lossy {
    fn new(id: u32) -> Self {
        let secret = if id % 2 == 1 { "swordfish".to_owned() } else { String::new() };
        Self { id, name: id.to_string(), inner: Inner { foreign: Foreign { secret } } }
    }

    async fn find(id: u32) -> Result<Self, Infallible> {
        Ok(Self::new(id))
    }

    async fn find_many(ids: &[u32]) -> Result<Vec<Self>, Infallible> {
        Ok(ids.iter().map(|id| Self::new(*id)).collect())
    }

    async fn find_by_name(name: &str) -> Result<Option<Self>, Infallible> {
        Ok(name.parse().ok().map(Self::new))
    }
}

mod auth {
    use super::{Cached, Infallible};

    #[derive(Debug, PartialEq, Cached)]
    #[cache(key = "customer:{id}", fetch = Customer::find)]
    pub(crate) struct Customer {
        id: u32,
        pub(crate) value: String,
    }

    impl Customer {
        async fn find(id: u32) -> Result<Self, Infallible> {
            Ok(Self { id, value: "a login".to_owned() })
        }
    }
}

mod billing {
    use super::{Cached, Infallible};

    #[derive(Debug, PartialEq, Cached)]
    #[cache(key = "customer:{id}", fetch = Customer::find)]
    pub(crate) struct Customer {
        id: u32,
        pub(crate) value: String,
    }

    impl Customer {
        async fn find(id: u32) -> Result<Self, Infallible> {
            Ok(Self { id, value: "an invoice".to_owned() })
        }
    }
}

on_both_backends! {
    async fn the_attributes_of_the_json_play_no_part(cache) {
        let cow = cache.open_default();
        let fetched = cow.read(User::by_id(1)).await.unwrap();
        let hit = cow.read(User::by_id(1)).await.unwrap();
        assert_eq!((fetched.source, hit.source), (Source::Fetched, Source::Cache));
        assert_eq!(fetched.value, hit.value);
        assert!(hit.value.unwrap().is_admin);
    }

    async fn what_would_not_come_back_is_not_stored_and_told_once(cache) {
        let events = Events::warnings();
        let cow = cache.open_default();
        for _ in 0..5 {
            let read = cow.read(Lossy::by_id(1)).await.unwrap();
            assert_eq!(read.source, Source::Fetched);
            assert_ne!(read.fill, Fill::Stored);
            assert_eq!(*read.value.unwrap(), Lossy::new(1));
        }
        assert!(!cache.has(&Lossy::by_id(1)).await);
        let lines = events.take_lines();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.contains("type=\"Lossy\""), "{line}");
        assert!(line.contains("why=\"inner.foreign: it differs"), "{line}");
        let stats = cow.stats();
        assert_eq!(stats.of("Lossy").unfaithful, 3, "and then the type is left alone");
        assert!(stats.to_string().contains("3 unfaithful"), "{stats}");
    }

    async fn a_type_that_is_left_alone_is_tried_again(cache) {
        let clock = Clock::new();
        let cow = cache.open(CacheCow::builder().clock(clock.reader()));
        let read = async |id| cow.read(Lossy::by_id(id)).await.unwrap().fill;
        for _ in 0..3 {
            read(1).await;
        }
        assert_eq!(read(2).await, Fill::Skipped, "reads go past the cache");
        clock.advance(Duration::from_millis(999));
        assert_eq!(read(2).await, Fill::Skipped);
        clock.advance(Duration::from_millis(1));
        assert_eq!(read(2).await, Fill::Stored);
        assert_eq!(cow.stats().of("Lossy").hits, 0);
        assert_eq!(cow.read(Lossy::by_id(2)).await.unwrap().source, Source::Cache);
    }

    async fn a_few_such_objects_are_no_matter_to_the_others(cache) {
        let cow = cache.open_default();
        for _ in 0..2 {
            for id in 1..=20 {
                assert_eq!(*cow.get(Lossy::by_id(id)).await.unwrap().unwrap(), Lossy::new(id));
            }
        }
        let stats = cow.stats().of("Lossy");
        assert_eq!((stats.hits, stats.misses, stats.unfaithful), (10, 30, 20));
    }

    async fn nor_in_batches_and_by_aliases(cache) {
        let cow = cache.open_default();
        for _ in 0..3 {
            let read = cow.get_many((1..=8).map(Lossy::by_id)).await.unwrap();
            for (id, object) in (1..).zip(read) {
                assert_eq!(*object.unwrap(), Lossy::new(id));
            }
            for id in [1, 2] {
                let object = cow.get(Lossy::by_name(id.to_string())).await.unwrap();
                assert_eq!(*object.unwrap(), Lossy::new(id));
            }
        }
        assert_eq!(cow.stats().of("Lossy").decode_failures, 0);
    }

    async fn two_types_of_one_template_are_never_served_as_each_other(cache) {
        let events = Events::warnings();
        let cow = cache.open_default();
        for _ in 0..3 {
            let first = cow.get(auth::Customer::by_id(1)).await.unwrap().unwrap();
            assert_eq!(first.value, "a login");
            let second = cow.get(billing::Customer::by_id(1)).await.unwrap().unwrap();
            assert_eq!(second.value, "an invoice");
            let many = cow.get_many([1, 2].map(billing::Customer::by_id)).await.unwrap();
            assert!(many.iter().all(|object| object.as_ref().unwrap().value == "an invoice"));
        }
        let lines = events.take_lines();
        let [line] = &lines[..] else { panic!("{lines:?}") };
        assert!(line.contains("customer:{}"), "{line}");
        assert!(line.contains("first=\"faithful::auth::Customer"), "{line}");
        assert!(line.contains("second=\"faithful::billing::Customer"), "{line}");
        assert_eq!(cow.stats().of("Customer").hits, 2, "of the first");
    }

    async fn types_of_two_caches_may_share_a_template(cache) {
        let events = Events::warnings();
        let (one, other) = (cache.open_default(), CacheCow::memory());
        one.get(auth::Customer::by_id(1)).await.unwrap();
        other.get(billing::Customer::by_id(1)).await.unwrap();
        assert!(events.take_lines().is_empty());
    }
}

/// Two versions of the program, each with its own `User`, `Address` and so on, and what the second reads of
/// what the first stored: nothing.
macro_rules! deploys {
    ($($name:ident: { $($before:item)* } => { $($after:item)* })*) => {
        $(mod $name {
            pub(crate) mod before {
                use crate::*;
                $($before)*
            }
            pub(crate) mod after {
                use crate::*;
                $($after)*
            }
        })*

        on_both_backends! {$(
            async fn $name(cache) {
                let (old, new) = (cache.open_default(), cache.open_default());
                let before = old.get($name::before::User::by_id(1)).await.unwrap().unwrap();
                for _ in 0..2 {
                    let read = new.read($name::after::User::by_id(1)).await.unwrap();
                    assert_eq!(read.source, Source::Fetched, "never misread");
                    let fetched = $name::after::User::find(1).await.unwrap();
                    assert_eq!(format!("{:?}", read.value.unwrap()), format!("{fetched:?}"));
                }
                let hit = old.read($name::before::User::by_id(1)).await.unwrap();
                assert_eq!(hit.source, Source::Cache);
                assert_eq!(format!("{:?}", hit.value.unwrap()), format!("{before:?}"));
                assert_eq!(new.stats().of("User").decode_failures, 0);
            }
        )*}
    };
}

/// A user with fields and their values.
macro_rules! user {
    ($($(#[$attribute:meta])* $field:ident: $type:ty = $value:expr),*) => {
        #[derive(Debug, Cached)]
        #[cache(key = "user:{id}", fetch = User::find)]
        #[allow(dead_code, reason = "shown by `Debug` alone")]
        pub(crate) struct User {
            id: i64,
            $($(#[$attribute])* $field: $type,)*
        }

        impl User {
            pub(crate) async fn find(id: i64) -> Result<Self, Infallible> {
                Ok(Self { id, $($field: $value,)* })
            }
        }
    };
}

mod deploys {
    use super::*;

    deploys! {
        a_field_is_added: { user!(a: u8 = 1); } => { user!(a: u8 = 1, b: Option<u8> = Some(2)); }
        a_field_is_removed: { user!(a: u8 = 1, b: u8 = 2); } => { user!(a: u8 = 1); }
        a_field_is_renamed: { user!(zip: Option<u8> = Some(1)); } => { user!(postcode: Option<u8> = Some(1)); }
        fields_change_places: { user!(a: u8 = 1, b: u8 = 2); } => { user!(b: u8 = 2, a: u8 = 1); }
        a_field_changes_its_type: { user!(a: u8 = 1); } => { user!(a: u16 = 1); }
        a_field_is_skipped: { user!(a: u8 = 1); } => { user!(#[cache(skip)] a: u8 = 1); }
        a_nested_field_is_renamed: {
            #[derive(Debug, CacheSchema)]
            pub(crate) struct Address { zip: Option<String> }
            user!(address: Address = Address { zip: Some("3000".to_owned()) });
        } => {
            #[derive(Debug, CacheSchema)]
            pub(crate) struct Address { postcode: Option<String> }
            user!(address: Address = Address { postcode: Some("3000".to_owned()) });
        }
        a_nested_field_changes_its_meaning: {
            #[derive(Debug, CacheSchema)]
            #[cache(version = 1)]
            pub(crate) struct Money { amount: i64 }
            user!(money: Vec<Money> = vec![Money { amount: 100 }]);
        } => {
            #[derive(Debug, CacheSchema)]
            #[cache(version = 2)]
            pub(crate) struct Money { amount: i64 }
            user!(money: Vec<Money> = vec![Money { amount: 1 }]);
        }
        a_variant_is_added: {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Admin, Member }
            user!(role: [Role; 2] = [Role::Admin, Role::Member]);
        } => {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Admin, Guest, Member }
            user!(role: [Role; 3] = [Role::Admin, Role::Guest, Role::Member]);
        }
        variants_change_places: {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Admin, Member }
            user!(role: [Role; 2] = [Role::Admin, Role::Member]);
        } => {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Member, Admin }
            user!(role: [Role; 2] = [Role::Admin, Role::Member]);
        }
        a_variant_is_renamed: {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Admin(u8) }
            user!(role: Role = Role::Admin(1));
        } => {
            #[derive(Debug, CacheSchema)]
            pub(crate) enum Role { Owner(u8) }
            user!(role: Role = Role::Owner(1));
        }
    }
}
