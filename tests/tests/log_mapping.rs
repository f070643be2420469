//! Which keys a row of a table has, by the derive of its struct.

use std::convert::Infallible;

use cachecow::log::{
    ColumnFault, ColumnKind, ColumnUse, Followed, FollowedTable, FollowedTypes, Row, TableName,
    Value,
};
use cachecow::{CacheCow, CacheKeys, Cached, Key, KeyPart, KeySet, Source};
use uuid::Uuid;

#[derive(Clone, Copy, Debug, PartialEq, Eq, KeyPart, cachecow::CacheSchema)]
struct UserId(i64);

#[derive(Clone, Copy, Debug, PartialEq, Eq, KeyPart, cachecow::CacheSchema)]
enum Role {
    #[cache(rename = "admin")]
    Admin,
    #[cache(rename = "guest")]
    Guest,
}

#[derive(Debug, Cached)]
#[cache(table = "app.users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:email:{email}", fetch = User::find_by_email)]
#[cache(key = "user:newest", name = "newest", fetch = User::find_newest)]
#[cache(list = "user:org:{org}", fetch = User::find_by_org)]
#[cache(rows = "app.memberships", org = "organisation")]
#[cache(tag = "org:{org}:{role}")]
#[cache(tag = "all:users")]
struct User {
    id: UserId,
    #[cache(column = "mail", normalize = str::to_lowercase)]
    email: String,
    org: Option<Uuid>,
    role: Role,
    name: String,
}

impl User {
    async fn find(_: &UserId) -> Result<Option<Self>, Infallible> {
        Ok(None)
    }

    async fn find_by_email(_: &str) -> Result<Option<Self>, Infallible> {
        Ok(None)
    }

    #[expect(clippy::ref_option, reason = "a part is passed as the field has it")]
    async fn find_by_org(_: &Option<Uuid>) -> Result<Vec<Self>, Infallible> {
        Ok(Vec::new())
    }

    async fn find_newest() -> Result<Option<Self>, Infallible> {
        Ok(None)
    }
}

/// Depends on the rows of two tables, by other columns.
#[cachecow::query(key = "posts-of:{author}:{role}", negative_ttl = "1m", tag = User::tag_all_users())]
#[cache(rows = "app.posts", author = "author_id")]
#[cache(rows = "app.authors", author = "id", role = "Role")]
async fn posts_of(
    author: UserId,
    role: Role,
    #[cache(not_in_key)] patience: u32,
) -> Result<Option<Vec<String>>, Infallible> {
    Ok(Some(vec![format!("{author:?} {role:?} {patience}")]))
}

/// Depends on every row.
#[cachecow::query(key = "post-count")]
#[cache(rows = "posts")]
async fn post_count() -> Result<u64, Infallible> {
    Ok(7)
}

/// Of a table without a schema, with a type parameter, by position.
#[derive(Debug, Cached)]
#[cache(table = r#""Odd table""#)]
#[cache(key = "page:{0}:{1}", fetch = Page::find)]
struct Page<K>(#[cache(column = "number")] u16, #[cache(column = "Kind")] K);

impl<K> Page<K> {
    async fn find(_: u16, _: &K) -> Result<Option<Self>, Infallible> {
        Ok(None)
    }
}

const ORG: Uuid = Uuid::from_u128(7);

fn row(version: Row<'static>) -> Row<'static> {
    version
        .with("id", Value::text("42"))
        .with("mail", Value::text("Ann@X.org"))
        .with("org", Value::text("00000000-0000-0000-0000-000000000007"))
        .with("role", Value::text("guest"))
        .with("name", Value::text("Ann"))
}

fn user() -> User {
    let (id, email, name) = (UserId(42), "ANN@x.org".to_owned(), "Ann".to_owned());
    User { id, email, org: Some(ORG), role: Role::Guest, name }
}

fn named(keys: impl CacheKeys) -> Vec<Key> {
    let mut set = KeySet::default();
    keys.add_to(&mut set);
    let mut all: Vec<Key> = set.keys().chain(set.epochs()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn of_row<T: Followed>(row: &Row<'_>) -> (Vec<Key>, Result<(), String>) {
    let mut set = KeySet::default();
    let result = T::add_keys(row, &mut set).map_err(|error| error.to_string());
    assert_eq!(set.tags().count(), 0, "other objects of the tags have not changed");
    let mut all: Vec<Key> = set.keys().chain(set.epochs()).collect();
    all.sort_unstable();
    (all, result)
}

#[test]
fn a_row_has_the_keys_and_the_tags_of_its_object() {
    let expected =
        named((user(), User::tag_org_and_role(Some(ORG), Role::Guest), User::tag_all_users()));
    assert_eq!(expected.len(), 6);
    for version in [Row::new(), Row::old()] {
        assert_eq!(of_row::<User>(&row(version)), (expected.clone(), Ok(())));
    }
}

/// Controls: a part read wrong would give other keys.
#[test]
fn another_value_of_any_column_gives_another_key() {
    let (of_row, _) = of_row::<User>(&row(Row::new()));
    for other in [
        User { id: UserId(43), ..user() },
        User { email: "ben@x.org".into(), ..user() },
        User { org: None, ..user() },
        User { role: Role::Admin, ..user() },
    ] {
        let tag = User::tag_org_and_role(other.org, other.role);
        assert_ne!(named((&other, tag, User::tag_all_users())), of_row, "{other:?}");
    }
}

#[test]
fn null_is_none_where_the_field_has_one() {
    let row = Row::new()
        .with("id", Value::text("42"))
        .with("mail", Value::Null)
        .with("org", Value::Null)
        .with("role", Value::text("admin"));
    let (keys, result) = of_row::<User>(&row);
    assert!(keys.contains(&named(User::tag_org_and_role(None, Role::Admin).queries())[0]));
    let message = result.expect_err("an alias is not known");
    assert!(message.contains("`mail` is null: make the field an `Option<String>`"), "{message}");
    assert!(keys.contains(&named(User::by_id(UserId(42)))[0]), "the others are");
}

#[test]
fn an_old_row_needs_no_alias() {
    let row = Row::old()
        .with("id", Value::text("42"))
        .with("org", Value::Null)
        .with("role", Value::text("admin"));
    let (keys, result) = of_row::<User>(&row);
    assert_eq!(result, Ok(()));
    assert_eq!(keys.len(), 5, "the alias by the e-mail address is not among them");
}

#[test]
fn an_old_row_needs_its_lists() {
    let row = Row::old().with("id", Value::text("42"));
    let message = of_row::<User>(&row).1.expect_err("the list that it leaves is not known");
    assert!(
        message
            .contains("`org` is not sent of old rows: include it in the table's replica identity"),
        "{message}"
    );
}

#[test]
fn an_alias_may_be_unchanged_and_nothing_else() {
    let unchanged = |column| {
        let mut changed = Row::new().with(column, Value::Unchanged);
        for (name, value) in row(Row::new()).columns() {
            changed.push(name, value.clone());
        }
        of_row::<User>(&changed).1
    };
    assert_eq!(unchanged("mail"), Ok(()));
    let message = unchanged("role").expect_err("a tag is not known");
    assert!(message.contains("`role` was left out as unchanged"), "{message}");
    let mut new = Row::new().with("role", Value::Unchanged);
    new.fill_unchanged(&row(Row::old()));
    assert_eq!(new.get("role"), Some(&Value::text("guest")));
}

#[test]
fn every_fault_is_told_and_no_value() {
    let row = Row::new().with("id", Value::text("secret")).with("role", Value::text("secret"));
    let mut set = KeySet::default();
    let error = User::add_keys(&row, &mut set).expect_err("nothing is known");
    assert_eq!(
        error.columns().collect::<Vec<_>>(),
        [
            ("id", ColumnFault::Malformed),
            ("mail", ColumnFault::Missing),
            ("org", ColumnFault::Missing),
            ("role", ColumnFault::Malformed),
        ]
    );
    assert!(!format!("{error} {error:?} {row:?}").contains("secret"));
    assert!(error.to_string().contains("`app.users`"), "{error}");
}

#[test]
fn a_follower_knows_the_columns() {
    let tables = <(User, Page<i64>)>::tables();
    let [users, _, pages] = &tables[..] else { panic!("{tables:?}") };
    assert_eq!((users.type_name, &users.table), ("User", &TableName::new(Some("app"), "users")));
    let columns: Vec<_> = users
        .columns
        .iter()
        .map(|column| (column.name, column.field_type, column.kind, column.nullable, column.usage))
        .collect();
    assert_eq!(
        columns,
        [
            ("id", "UserId", ColumnKind::Integer, false, ColumnUse::Key),
            ("mail", "String", ColumnKind::Text, false, ColumnUse::Alias),
            ("org", "Option<Uuid>", ColumnKind::Uuid, true, ColumnUse::List),
            ("org", "Option<Uuid>", ColumnKind::Uuid, true, ColumnUse::Tag),
            ("role", "Role", ColumnKind::Text, false, ColumnUse::Tag),
        ]
    );
    assert_eq!(pages.table, TableName::new(None, "Odd table"));
    assert_eq!(pages.table.to_string(), "\"Odd table\"");
    let names: Vec<_> = pages.columns.iter().map(|column| column.name).collect();
    assert_eq!(names, ["number", "Kind"]);
    assert_eq!(<Page<u8>>::tables().len(), 1, "one type alone");
}

#[test]
fn a_generic_type_is_followed_by_its_parameters() {
    let row = Row::new().with("number", Value::text("7")).with("Kind", Value::text("3"));
    let (of_numbers, result) = of_row::<Page<i64>>(&row);
    assert_eq!((of_numbers, result), (named(Page::by_0_and_1(7, 3_i64)), Ok(())));
    let (of_texts, _) = of_row::<Page<String>>(&row);
    assert_eq!(of_texts, named(Page::<String>::by_0_and_1(7, "3".to_owned())));
}

#[test]
fn a_row_has_the_keys_of_the_queries_that_depend_on_it() {
    let tables = <((User, post_count), posts_of)>::tables();
    let names: Vec<_> =
        tables.iter().map(|table| (table.type_name, table.table.to_string())).collect();
    assert_eq!(
        names.iter().map(|(query, table)| (*query, &**table)).collect::<Vec<_>>(),
        [
            ("User", "app.users"),
            ("User", "app.memberships"),
            ("post_count", "posts"),
            ("posts_of", "app.posts"),
            ("posts_of", "app.authors")
        ]
    );
    let [_, memberships, counts, posts, authors] = &tables[..] else { unreachable!() };
    let columns = |table: &FollowedTable| -> Vec<_> {
        table.columns.iter().map(|column| (column.name, column.field_type, column.usage)).collect()
    };
    let usage = ColumnUse::Query;
    assert_eq!(columns(posts), [("author_id", "UserId", usage), ("role", "Role", usage)]);
    assert_eq!(columns(authors), [("id", "UserId", usage), ("Role", "Role", usage)]);
    assert_eq!(columns(counts), []);
    assert_eq!(columns(memberships), [("organisation", "Option<Uuid>", ColumnUse::List)]);
    let row = Row::old()
        .with("author_id", Value::text("7"))
        .with("role", Value::text("guest"))
        .with("organisation", Value::Null)
        .with("id", Value::text("8"))
        .with("Role", Value::text("admin"));
    let of = |table: &FollowedTable| {
        let mut set = KeySet::default();
        table.add_keys(&row, &mut set).unwrap();
        set.keys().collect::<Vec<_>>()
    };
    assert_eq!(of(posts), named(posts_of::of(UserId(7), Role::Guest, 0)));
    assert_eq!(of(authors), named(posts_of::of(UserId(8), Role::Admin, 1)));
    assert_eq!(of(counts), named(post_count::of()));
    assert_eq!(of(memberships), named(User::list_by_org(None)));
    let error = posts.add_keys(&Row::old(), &mut KeySet::default()).unwrap_err();
    assert_eq!(error.columns().count(), 2);
}

/// The answers carry an epoch of their own, beside those of their tags.
#[tokio::test]
async fn where_rows_are_not_known_all_answers_go() {
    let cow = CacheCow::memory();
    let tables = <(posts_of, post_count)>::tables();
    let hits = async || {
        let posts = cow.read(posts_of::of(UserId(7), Role::Guest, 0)).await.unwrap().source;
        let count = cow.read(post_count::of()).await.unwrap().source;
        (posts, count)
    };
    let (new, cached) = (Source::Fetched, Source::Cache);
    assert_eq!(hits().await, (new, new));
    assert_eq!(hits().await, (cached, cached));
    let all = |table: &FollowedTable| {
        let mut set = KeySet::default();
        table.add_all(&mut set);
        set
    };
    cow.invalidate(all(&tables[1])).await.unwrap();
    assert_eq!(hits().await, (new, cached));
    cow.invalidate(all(&tables[2])).await.unwrap();
    assert_eq!(hits().await, (cached, new));
    cow.invalidate_type::<User>().await.unwrap();
    assert_eq!(hits().await, (new, cached), "its tag is of that type");
    assert_eq!(hits().await, (cached, cached));
}

#[test]
fn json_scalars_are_values() {
    let json = serde_json::json!({ "id": 42, "b": true, "t": "x", "n": null, "d": 1.5, "a": [1] });
    let value = |name: &str| Value::from(&json[name]);
    assert_eq!(value("id"), Value::text("42"));
    assert_eq!(value("b"), Value::Bool(true));
    assert_eq!(value("t"), Value::text("x"));
    assert_eq!(value("n"), Value::Null);
    assert_eq!(value("d"), Value::text("1.5"));
    assert_eq!(value("a"), Value::text("[1]"));
}

mod other_crates {
    use std::fmt::Debug;

    use cachecow::KeyEncoder;
    use cachecow::log::{FromColumn, NotInColumn, Value};

    #[track_caller]
    #[expect(
        clippy::needless_pass_by_value,
        reason = "what is expected is written where it is passed"
    )]
    fn is<T: FromColumn + PartialEq + Debug>(text: &str, expected: T) {
        let read = T::from_column(&Value::text(text)).expect(text);
        let key = |part: &T| {
            let mut encoder = KeyEncoder::new("{}");
            part.encode(&mut encoder);
            encoder.key()
        };
        assert_eq!(key(&read), key(&expected));
        assert_eq!(read, expected, "{text}");
    }

    #[track_caller]
    fn is_none<T: FromColumn + Debug + PartialEq>(texts: &[&str]) {
        for text in texts {
            assert_eq!(T::from_column(&Value::text(*text)), Err(NotInColumn), "{text}");
        }
    }

    #[test]
    fn chrono() {
        use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
        let day = NaiveDate::from_ymd_opt(2026, 11, 29).unwrap();
        let noon = day.and_hms_micro_opt(12, 0, 0, 250_000).unwrap();
        is("2026-11-29", day);
        is("0044-03-15 BC", NaiveDate::from_ymd_opt(-43, 3, 15).unwrap());
        is("12:00:00.25", noon.time());
        is("2026-11-29 12:00:00.25", noon);
        is("2026-11-29 12:00:00.25+00", noon.and_utc());
        is("2026-11-29T17:30:00.25+05:30", noon.and_utc());
        is("2026-11-29 12:00:00.25+00", noon.and_utc().fixed_offset());
        is_none::<NaiveDate>(&["2026-02-30", "infinity", "2026-11-29 12:00:00"]);
        is_none::<NaiveTime>(&["24:00:00", "12"]);
        is_none::<NaiveDateTime>(&["2026-11-29 12:00:00+00", "2026-11-29"]);
        is_none::<DateTime<Utc>>(&["2026-11-29 12:00:00", "infinity"]);
        is_none::<DateTime<FixedOffset>>(&["2026-11-29 12:00:00+99"]);
    }

    #[test]
    fn time() {
        use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time, UtcDateTime};
        let day = Date::from_calendar_date(2026, Month::November, 29).unwrap();
        let noon = Time::from_hms_milli(12, 0, 0, 250).unwrap();
        let both = PrimitiveDateTime::new(day, noon);
        is("2026-11-29", day);
        is("12:00:00.25", noon);
        is("2026-11-29 12:00:00.25", both);
        is("2026-11-29 17:30:00.25+05:30", both.assume_utc());
        is("2026-11-29T12:00:00.25Z", both.as_utc());
        is_none::<OffsetDateTime>(&["2026-11-29 12:00:00"]);
        is_none::<UtcDateTime>(&["2026-02-30 12:00:00Z"]);
    }

    #[test]
    fn the_rest() {
        use bson::oid::ObjectId;
        use rust_decimal::Decimal;
        use uuid::Uuid;
        is("00000000-0000-0000-0000-000000000007", Uuid::from_u128(7));
        is("00000000000000000000000000000007", Uuid::from_u128(7));
        is("-1.50", Decimal::new(-15, 1));
        is("0123456789abcdef01234567", ObjectId::parse_str("0123456789abcdef01234567").unwrap());
        is("1970-01-01T00:00:01Z", bson::DateTime::from_millis(1000));
        is_none::<Decimal>(&["NaN", "Infinity", "1e3", ""]);
        is_none::<Uuid>(&["7", ""]);
    }
}
