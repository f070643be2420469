//! What the derives generate, without a cache behind it: keys, constructors and the shims around fetch
//! functions.

#![expect(clippy::unused_async, reason = "fetch functions are async, and these have no database")]

use std::fmt;
use std::future::Future;
use std::num::NonZeroU32;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use cachecow::{
    CacheKeys, CacheSchema, Cached, Error, ErrorKind, Key, KeyEncoder, KeyPart, KeySet, Lookup,
};
use serde::{Deserialize, Serialize};

/// The fetch functions of these tests are ready at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a fetch function that waits"),
    }
}

fn key(lookup: &impl Lookup) -> Key {
    lookup.key().key()
}

fn keys(keys: &impl CacheKeys) -> Vec<Key> {
    let mut found = KeySet::default();
    keys.add_to(&mut found);
    found.keys().collect()
}

/// An error that can be shown, but is no `std::error::Error`, like `anyhow::Error`.
#[derive(Debug, PartialEq)]
struct Report(&'static str);

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

struct Db {
    users: Vec<User>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(context = Db, ttl = "10m", negative_ttl = "5s")]
#[cache(key = "user:{id}", fetch = User::find, fetch_many = User::find_many)]
#[cache(key = "user:email:{email}", fetch = Self::find_by_email)]
#[cache(key = "user:of:{tenant}:{id}", fetch = by_tenant, fetch_many = by_tenants, name = "in_tenant")]
struct User {
    id: i64,
    tenant: uuid::Uuid,
    email: String,
}

impl User {
    async fn find(db: &Db, id: i64) -> Result<Option<Self>, std::io::Error> {
        if id < 0 {
            return Err(std::io::Error::other("no such table"));
        }
        Ok(db.users.iter().find(|user| user.id == id).cloned())
    }

    async fn find_many(db: &Db, ids: &[i64]) -> Result<Vec<Self>, Report> {
        if ids.is_empty() {
            return Err(Report("nothing asked"));
        }
        Ok(db.users.iter().filter(|user| ids.contains(&user.id)).cloned().collect())
    }

    async fn find_by_email(db: &Db, email: &str) -> Result<Self, Report> {
        db.users.iter().find(|user| user.email == email).cloned().ok_or(Report("no such user"))
    }
}

async fn by_tenant(db: &Db, tenant: &uuid::Uuid, id: i64) -> Result<Option<User>, Report> {
    Ok(db.users.iter().find(|user| user.tenant == *tenant && user.id == id).cloned())
}

async fn by_tenants(db: &Db, parts: &[(uuid::Uuid, i64)]) -> Result<Vec<User>, Report> {
    let asked = |user: &&User| parts.contains(&(user.tenant, user.id));
    Ok(db.users.iter().filter(asked).cloned().collect())
}

fn user(id: i64) -> User {
    User { id, tenant: uuid::Uuid::from_u128(7), email: format!("{id}@example.org") }
}

fn db() -> Db {
    Db { users: (1..=3).map(user).collect() }
}

#[test]
fn a_key_is_the_template_and_its_parts() {
    let mut expected = KeyEncoder::new("user:of:{}:{}");
    user(1).tenant.encode(&mut expected);
    1_i64.encode(&mut expected);
    assert_eq!(User::in_tenant(user(1).tenant, 1).key().as_bytes(), expected.as_bytes());
}

#[test]
fn a_lookup_shows_its_values_only_when_asked_for() {
    let secret = User::by_email("ann@example.org");
    assert_eq!(format!("{secret:?}"), r#"User::by_email("user:email:{email}", String)"#);
    let several = User::in_tenant(uuid::Uuid::nil(), 42);
    assert_eq!(
        format!("{several:?}"),
        r#"User::in_tenant("user:of:{tenant}:{id}", uuid::Uuid, i64)"#
    );
    assert_eq!(
        format!("{several:#?}"),
        "User::in_tenant(\n    \"user:of:{tenant}:{id}\",\n    \
         00000000-0000-0000-0000-000000000000,\n    42,\n)"
    );
}

#[test]
fn a_lookup_shows_the_type_of_a_part_that_cannot_be_shown() {
    #[derive(Clone, Copy, PartialEq, KeyPart, CacheSchema)]
    struct Hidden(u8);

    #[derive(Cached)]
    #[cache(key = "row:{0}:{1}:{2}", fetch = row, name = "of")]
    struct Row<K>(Hidden, Option<u8>, K)
    where
        K: KeyPart + CacheSchema + Clone + Send + Sync + 'static;

    #[expect(clippy::ref_option, reason = "the part is passed by reference")]
    async fn row<K>(hidden: &Hidden, number: &Option<u8>, kind: &K) -> Result<Row<K>, Report>
    where
        K: KeyPart + CacheSchema + Clone + Send + Sync + 'static,
    {
        Ok(Row(*hidden, *number, kind.clone()))
    }

    let lookup = Row::of(Hidden(7), Some(8), 9_i64);
    assert_eq!(format!("{lookup:?}"), r#"Row::of("row:{0}:{1}:{2}", Hidden, Option<u8>, K)"#);
    let shown = format!("{lookup:#?}").split_whitespace().collect::<String>();
    assert_eq!(shown, r#"Row::of("row:{0}:{1}:{2}",Hidden,Some(8,),K,)"#);
}

#[test]
fn an_object_is_found_under_the_keys_of_its_own_parts_only() {
    let object = user(2);
    assert_eq!(UserById::key_of(&object).as_bytes(), User::by_id(2).key().as_bytes());
    assert_ne!(UserById::key_of(&object).as_bytes(), User::by_id(3).key().as_bytes());
    assert_eq!(
        keys(&object),
        [
            key(&User::by_id(2)),
            key(&User::by_email("2@example.org")),
            key(&User::in_tenant(object.tenant, 2))
        ]
    );
    assert_eq!(keys(&User::by_id(2)), keys(&object)[..1]);
    let mut visited = Vec::new();
    Cached::each_key(&object, &mut |key| visited.push(key));
    assert_eq!(visited, keys(&object));
}

#[test]
fn constructors_take_what_is_at_hand() {
    let tenant = uuid::Uuid::from_u128(7);
    #[expect(clippy::needless_borrows_for_generic_args, reason = "a reference is what is tried")]
    let by_reference = User::in_tenant(&tenant, 1);
    assert_eq!(key(&User::in_tenant(tenant, 1)), key(&by_reference));
    let owned = String::from("a@example.org");
    let lookups = [
        User::by_email("a@example.org"),
        User::by_email(&owned),
        User::by_email(owned),
        User::by_email(Box::<str>::from("a@example.org")),
    ];
    assert!(lookups.iter().all(|lookup| key(lookup) == key(&lookups[0])));
    assert_eq!([1, 2].map(User::by_id).len(), 2);
    assert_eq!(["a", "b"].map(User::by_email).len(), 2);
    assert_eq!([tenant].map(|tenant| User::in_tenant(tenant, 1)).len(), 1);
}

#[test]
fn a_copy_of_a_lookup_asks_for_the_same() {
    let lookup = User::by_email("ann@example.org");
    assert_eq!(key(&lookup), key(&lookup.clone()));
    assert_eq!((UserById::NAME, UserInTenant::NAME), ("User::by_id", "User::in_tenant"));
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(stale_if_error = "1h", refresh_ahead = true, settle = "500ms")]
#[cache(near = false, near_ttl = "5s")]
#[cache(key = "tuned:{id}", fetch = Tuned::find)]
struct Tuned {
    id: u8,
}

impl Tuned {
    async fn find(id: u8) -> Result<Self, fmt::Error> {
        Ok(Self { id })
    }
}

#[test]
fn settings_reach_the_policy() {
    assert_eq!(User::POLICY.ttl, Some(Duration::from_secs(600)));
    assert_eq!(User::POLICY.negative_ttl, Some(Duration::from_secs(5)));
    assert_eq!(Row::POLICY, cachecow::TypePolicy::new());
    let every = cachecow::TypePolicy::new()
        .with_stale_if_error(Duration::from_secs(3600))
        .with_refresh_ahead(true)
        .with_settle(Duration::from_millis(500))
        .with_near(false)
        .with_near_ttl(Duration::from_secs(5));
    assert_eq!(Tuned::POLICY, every);
    assert_eq!(user(1).ttl(), None);
}

#[test]
fn fetch_gives_an_object_or_nothing() {
    let db = db();
    assert_eq!(ready(User::by_id(1).fetch(&db)).expect("found"), Some(user(1)));
    assert_eq!(ready(User::by_id(9).fetch(&db)).expect("not found"), None);
    let found = ready(User::by_email("2@example.org").fetch(&db)).expect("found");
    assert_eq!(found, Some(user(2)));
    let found = ready(User::in_tenant(user(3).tenant, 3).fetch(&db)).expect("found");
    assert_eq!(found, Some(user(3)));
}

#[test]
fn a_standard_error_comes_back_with_its_source() {
    let error = ready(User::by_id(-1).fetch(&db())).expect_err("a failing fetch function");
    assert_eq!(error.kind(), ErrorKind::Fetch);
    assert_eq!(error.to_string(), "the fetch function of User::by_id failed");
    let source = error.fetch_error::<std::io::Error>().expect("the function's own error");
    assert_eq!(source.to_string(), "no such table");
    let source = std::error::Error::source(&error).expect("a cause");
    assert!(source.is::<std::io::Error>());
}

#[test]
fn an_error_that_can_only_be_shown_comes_back_too() {
    let error = ready(User::by_email("x").fetch(&db())).expect_err("a failing fetch function");
    assert_eq!(error.fetch_error::<Report>(), Some(&Report("no such user")));
    assert_eq!(std::error::Error::source(&error).expect("a cause").to_string(), "no such user");
}

#[test]
fn a_boxed_error_comes_back_too() {
    let error = ready(Row::by_0(0).fetch(&())).expect_err("a failing fetch function");
    assert_eq!(error.fetch_error::<Boxed>().expect("the box").to_string(), "zero");
}

#[test]
fn fetch_many_gets_all_parts_at_once() {
    let (db, lookups) = (db(), [1, 9, 3].map(User::by_id));
    let found = ready(UserById::fetch_many(&lookups.each_ref(), &db).expect("a way")).expect("ok");
    assert_eq!(found, [user(1), user(3)]);
    let lookups = [1, 2].map(|id| User::in_tenant(uuid::Uuid::from_u128(7), id));
    let found = ready(UserInTenant::fetch_many(&lookups.each_ref(), &db).expect("a way"));
    assert_eq!(found.expect("ok"), [user(1), user(2)]);
    let error = ready(UserById::fetch_many(&[], &db).expect("a way")).expect_err("none asked");
    assert_eq!(error.fetch_error::<Report>(), Some(&Report("nothing asked")));
    assert!(UserByEmail::fetch_many(&[], &db).is_none());
}

/// No context, no name, and every integer-like part by value.
#[derive(Debug, PartialEq, Serialize, Deserialize, Cached)]
#[cache(key = "row:{0}", fetch = row, fetch_many = rows)]
#[cache(key = "row:flags:{1}:{2}:{3}", fetch = row_by_flags)]
struct Row(u8, bool, char, NonZeroU32);

type Boxed = Box<dyn std::error::Error + Send + Sync>;

async fn row(id: u8) -> Result<Row, Boxed> {
    let number = NonZeroU32::new(id.into()).ok_or("zero")?;
    Ok(Row(id, true, 'x', number))
}

async fn rows(ids: &[u8]) -> Result<Vec<Row>, Report> {
    Ok(ids.iter().map(|&id| Row(id, true, 'x', NonZeroU32::MIN)).collect())
}

async fn row_by_flags(flag: bool, letter: char, number: NonZeroU32) -> Result<Row, Report> {
    Ok(Row(1, flag, letter, number))
}

#[test]
fn tuple_structs_and_no_context() {
    assert_eq!(ready(Row::by_0(5).fetch(&())).expect("found").expect("some").0, 5);
    let lookup = Row::by_1_and_2_and_3(true, 'x', NonZeroU32::MIN);
    let object = ready(lookup.fetch(&())).expect("found").expect("some");
    assert_eq!(RowBy1And2And3::key_of(&object).as_bytes(), lookup.key().as_bytes());
    let lookup = Row::by_0(1);
    assert_eq!(ready(RowBy0::fetch_many(&[&lookup], &()).expect("a way")).expect("ok").len(), 1);
}

/// Parts that go by reference, and text that is shared.
#[derive(Serialize, Deserialize, Cached)]
#[cache(context = dyn Source, ttl_with = Document::remaining)]
#[cache(key = "document:{slug}:{r#type}", fetch = <dyn Source>::document)]
#[cache(key = "document:by:{owner}", fetch = find_by_owner)]
struct Document {
    slug: Box<str>,
    r#type: Option<i64>,
    owner: Owner,
    #[serde(skip)]
    seconds: u64,
}

#[derive(cachecow::CacheSchema, Clone, Debug, PartialEq, Serialize, Deserialize, KeyPart)]
struct Owner(String);

trait Source: Send + Sync {
    fn seconds(&self) -> u64;
}

impl dyn Source {
    #[expect(clippy::ref_option, reason = "a part that is no integer goes by reference")]
    async fn document(&self, slug: &str, kind: &Option<i64>) -> Result<Document, Report> {
        let seconds = self.seconds();
        Ok(Document { slug: slug.into(), r#type: *kind, owner: Owner("me".into()), seconds })
    }
}

async fn find_by_owner(source: &dyn Source, owner: &Owner) -> Result<Document, Report> {
    let (slug, seconds) = ("s".into(), source.seconds());
    Ok(Document { slug, r#type: None, owner: owner.clone(), seconds })
}

impl Document {
    fn remaining(&self) -> Option<Duration> {
        (self.seconds > 0).then(|| Duration::from_secs(self.seconds))
    }
}

struct Fixed(u64);

impl Source for Fixed {
    fn seconds(&self) -> u64 {
        self.0
    }
}

#[test]
fn contexts_may_be_trait_objects() {
    let source: &dyn Source = &Fixed(30);
    let lookup = Document::by_slug_and_type("intro", Some(3));
    let document = ready(lookup.fetch(source)).expect("found").expect("some");
    assert_eq!(document.ttl(), Some(Duration::from_secs(30)));
    assert_eq!(DocumentBySlugAndType::key_of(&document).as_bytes(), lookup.key().as_bytes());
    let owner = Owner("you".into());
    let document = ready(Document::by_owner(&owner).fetch(&Fixed(0))).expect("found");
    let document = document.expect("some");
    assert_eq!((document.ttl(), document.owner), (None, owner));
}

#[test]
fn a_newtype_is_encoded_as_what_it_wraps() {
    #[derive(KeyPart)]
    struct Id<T> {
        value: u64,
        _of: std::marker::PhantomData<T>,
    }
    #[derive(KeyPart)]
    struct Wrapped<T>(T);

    let encoded = |part: &dyn Fn(&mut KeyEncoder)| {
        let mut encoder = KeyEncoder::new("{}");
        part(&mut encoder);
        encoder.key()
    };
    let id = Id::<User> { value: 7, _of: std::marker::PhantomData };
    assert_eq!(encoded(&|encoder| id.encode(encoder)), encoded(&|e| 7_u64.encode(e)));
    assert_eq!(encoded(&|e| Wrapped("a").encode(e)), encoded(&|e| "a".encode(e)));
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "page:{number}", fetch = Page::find, fetch_many = Page::find_many)]
struct Page<T> {
    number: u32,
    items: Vec<T>,
}

impl<T: Send> Page<T> {
    async fn find(number: u32) -> Result<Option<Self>, Report> {
        Ok(Some(Self { number, items: Vec::new() }))
    }

    async fn find_many(numbers: &[u32]) -> Result<Vec<Self>, Report> {
        Ok(numbers.iter().map(|&number| Self { number, items: Vec::new() }).collect())
    }
}

#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "entry:{id}", fetch = Self::find)]
struct Entry<K, const N: usize = 4>
where
    K: Ord,
{
    id: K,
}

impl<K: Ord + Clone + Sync, const N: usize> Entry<K, N> {
    async fn find(id: &K) -> Result<Self, Report> {
        Ok(Self { id: id.clone() })
    }
}

#[derive(Serialize, Deserialize, CacheSchema)]
struct Pair<A, B> {
    a: A,
    b: B,
}

#[test]
fn instances_of_a_generic_struct_share_no_key() {
    use std::collections::BTreeMap;
    let all = [
        key(&Page::<i64>::by_number(1)),
        key(&Page::<User>::by_number(1)),
        key(&Page::<Vec<User>>::by_number(1)),
        key(&Page::<Vec<Row>>::by_number(1)),
        key(&Page::<Option<User>>::by_number(1)),
        key(&Page::<Vec<Vec<User>>>::by_number(1)),
        key(&Page::<Pair<User, Row>>::by_number(1)),
        key(&Page::<Pair<Row, User>>::by_number(1)),
        key(&Page::<Pair<Pair<i8, u8>, i8>>::by_number(1)),
        key(&Page::<Pair<i8, Pair<u8, i8>>>::by_number(1)),
        key(&Page::<(i8, (u8, i8))>::by_number(1)),
        key(&Page::<BTreeMap<String, User>>::by_number(1)),
        key(&Page::<BTreeMap<String, Row>>::by_number(1)),
        key(&Page::<[User; 1]>::by_number(1)),
        key(&Page::<[User; 2]>::by_number(1)),
        key(&Entry::<i64>::by_id(1)),
        key(&Entry::<i64, 5>::by_id(1)),
        key(&Entry::<i32, 5>::by_id(1)),
    ];
    let distinct: std::collections::HashSet<Key> = all.into_iter().collect();
    assert_eq!(distinct.len(), all.len());
    assert_eq!(key(&Page::<Box<User>>::by_number(1)), key(&Page::<User>::by_number(1)));
}

#[test]
fn generic_structs_are_fetched() {
    let page = ready(Page::<User>::by_number(4).fetch(&())).expect("found").expect("some");
    assert_eq!(keys(&page), [key(&Page::<User>::by_number(4))]);
    let lookup = Page::<User>::by_number(4);
    assert_eq!(
        ready(PageByNumber::fetch_many(&[&lookup], &()).expect("a way")).expect("ok").len(),
        1
    );
    let entry = ready(Entry::<i64>::by_id(4).fetch(&())).expect("found").expect("some");
    assert_eq!(entry.id, 4);
}

#[test]
fn each_type_has_its_own_slot() {
    let slots = [
        User::type_slot(),
        Row::type_slot(),
        Document::type_slot(),
        Page::<User>::type_slot(),
        Page::<Row>::type_slot(),
    ];
    let distinct: std::collections::HashSet<usize> = slots.into_iter().collect();
    assert_eq!(distinct.len(), slots.len());
    assert_eq!(User::type_slot(), slots[0]);
    assert_eq!(Page::<Row>::type_slot(), slots[4]);
}

#[test]
fn an_error_is_shared_by_clones() {
    let error: Error = ready(User::by_id(-1).fetch(&db())).expect_err("a failing fetch function");
    assert!(error.clone().fetch_error::<std::io::Error>().is_some());
}

// As SeaORM calls each of its structs.
mod account {
    use super::{Cached, Deserialize, Serialize};

    #[derive(Serialize, Deserialize, Cached)]
    #[cache(name = "Account", ttl = "1m")]
    #[cache(key = "account:{id}", fetch = Model::find)]
    pub(crate) struct Model {
        pub(crate) id: i64,
    }

    impl Model {
        async fn find(id: i64) -> Result<Self, std::convert::Infallible> {
            Ok(Self { id })
        }
    }
}

#[tokio::test]
async fn a_type_is_told_by_the_name_that_it_was_given() {
    use account::Model;
    assert_eq!(<Model as CacheSchema>::NAME, "Account");
    assert_eq!(<User as CacheSchema>::NAME, "User");
    let cow = cachecow::CacheCow::memory();
    cow.get(Model::by_id(1)).await.expect("it is found");
    assert_eq!(cow.stats().types.keys().copied().collect::<Vec<_>>(), ["Account"]);
}
