//! Every way to store a field, without serde's derives on the struct.

use std::collections::HashMap;

use cachecow::{CacheSchema, Cached};

#[derive(Clone, Debug, PartialEq, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(version = 3)]
struct User {
    id: i64,
    #[cache(skip)]
    session: Option<u32>,
    #[cache(opaque)]
    settings: Settings,
    #[cache(opaque)]
    version: Incomparable,
    #[cache(with = as_text)]
    number: i64,
    address: Option<Address>,
    role: Role<u8>,
    by_name: HashMap<String, Vec<Address>>,
}

#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
struct Settings {
    dark: bool,
}

#[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
struct Incomparable(u8);

impl PartialEq for Incomparable {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
struct Address {
    city: String,
    #[cache(recursive)]
    tenants: Vec<Tenant>,
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
struct Tenant {
    addresses: Vec<Address>,
}

#[derive(Clone, Debug, PartialEq, CacheSchema)]
enum Role<T> {
    Admin,
    Member(T),
    Guest { of: Option<Box<Role<T>>>, #[cache(skip)] seen: Vec<T>, #[cache(opaque)] since: Option<T> },
}

#[derive(CacheSchema)]
enum Never {}

#[derive(CacheSchema)]
struct Unit;

#[derive(CacheSchema)]
struct OfNever(Option<Never>, Unit);

trait Has {
    type What;
}

#[derive(CacheSchema)]
struct Projected<T: Has> {
    what: T::What,
    #[cache(skip)]
    other: Option<T::What>,
}

mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(number: &i64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl User {
    async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
        let address = Address { city: "Bern".into(), tenants: Vec::new() };
        Ok(Self {
            id,
            session: Some(7),
            settings: Settings { dark: true },
            version: Incomparable(1),
            number: -1,
            address: Some(address.clone()),
            role: Role::Guest { of: Some(Box::new(Role::Member(1))), seen: vec![1], since: Some(2) },
            by_name: HashMap::from([("home".to_owned(), vec![address])]),
        })
    }
}

#[tokio::main]
async fn main() {
    let cow = cachecow::CacheCow::memory();
    let fetched = cow.get(User::by_id(1)).await.unwrap().unwrap();
    let hit = cow.get(User::by_id(1)).await.unwrap().unwrap();
    assert_eq!(cow.stats().of("User").hits, 1);
    let mut expected = (*fetched).clone();
    expected.session = None;
    let Role::Guest { seen, .. } = &mut expected.role else { panic!() };
    seen.clear();
    assert_eq!(*hit, expected);
}
