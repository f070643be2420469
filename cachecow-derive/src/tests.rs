//! Tests of what the derives generate, and that no input makes them panic.

use expect_test::{ExpectFile, expect_file};
use proc_macro2::{Delimiter, Group, TokenStream};
use quote::quote;

use crate::derive::{cache_schema, cached, key_part, query};

/// Compares with the snapshot; `UPDATE_EXPECT=1` overwrites it.
#[track_caller]
fn check(generated: TokenStream, snapshot: &ExpectFile) {
    let file = syn::parse2(generated).expect("generated code parses");
    snapshot.assert_eq(&prettyplease::unparse(&file));
}

#[test]
fn plain_struct() {
    let generated = cached(quote! {
        #[cache(key = "user:{id}", fetch = User::find)]
        struct User {
            id: i64,
        }
    });
    check(generated, &expect_file!["snapshots/plain_struct.rs"]);
}

#[test]
fn two_lookups_and_every_setting() {
    let generated = cached(quote! {
        #[cache(context = PgPool, ttl = "1h30m", negative_ttl = "250ms", ttl_with = Order::ttl)]
        #[cache(stale_if_error = "1d", refresh_ahead = true, settle = "500ms")]
        #[cache(near = false, near_ttl = "5s", soft_timeout = "50ms")]
        #[cache(key = "order:{tenant}:{id}", fetch = Self::find, fetch_many = Self::find_many)]
        #[cache(key = "order:number:{number}", fetch = find_by_number, name = "numbered")]
        pub struct Order {
            #[serde(rename = "order_id")]
            id: u64,
            tenant: Uuid,
            number: String,
            #[cache(opaque)]
            customer: Box<Customer>,
        }
    });
    check(generated, &expect_file!["snapshots/two_lookups_and_every_setting.rs"]);
}

#[test]
fn plain_query() {
    let generated = query(
        quote!(key = "squares:{below}", ttl = "5m"),
        quote! {
            /// The squares.
            async fn squares(below: u32) -> Result<Vec<u32>, Error> {
                Ok((0..below).map(|n| n * n).collect())
            }
        },
    );
    check(generated, &expect_file!["snapshots/plain_query.rs"]);
}

#[test]
fn query_with_every_setting() {
    let generated = query(
        quote! {
            key = "best:{kind}:{r#type}:{day}", tag = Post::tag_kind(kind), tag = Author::tag_all(),
            ttl = "5m", negative_ttl = "1s", stale_if_error = "1h", soft_timeout = "50ms",
            refresh_ahead = true, settle = "500ms", near = false, near_ttl = "5s", version = 2,
            crate = ::framework::cachecow,
        },
        quote! {
            #[cfg(unix)]
            pub(crate) async fn best<'a>(
                db: &'a PgPool,
                day: &NaiveDate,
                kind: &str,
                r#type: u8,
                #[cache(not_in_key)] mut trace: String,
                #[cache(not_in_key)] hints: &[Hint],
            ) -> Result<Option<Post>, sqlx::Error> {
                db.best(day, kind, r#type, trace, hints).await
            }
        },
    );
    check(generated, &expect_file!["snapshots/query_with_every_setting.rs"]);
}

#[test]
fn faulty_query() {
    let generated = query(
        quote!(key = "best:{dya}:{db}", tll = "5m"),
        quote! {
            async fn best(db: &PgPool, day: NaiveDate, len: u32) -> Found<Vec<Post>> {
                db.best(day, len).await
            }
        },
    );
    check(generated, &expect_file!["snapshots/faulty_query.rs"]);
}

#[test]
fn tuple_struct() {
    let generated = cached(quote! {
        #[cache(key = "row:{0}", fetch = row)]
        pub(crate) struct Row(u8, Vec<Row>);
    });
    check(generated, &expect_file!["snapshots/tuple_struct.rs"]);
}

#[test]
fn generic_struct() {
    let generated = cached(quote! {
        #[cache(key = "page:{first}", fetch = Self::find, fetch_many = Page::find_many)]
        struct Page<T: Clone = i64, K = u8, const N: usize = 2>
        where
            K: Ord,
        {
            first: K,
            items: Vec<T>,
        }
    });
    check(generated, &expect_file!["snapshots/generic_struct.rs"]);
}

#[test]
fn listed_struct() {
    let generated = cached(quote! {
        #[cache(context = Db)]
        #[cache(key = "post:{tenant}:{id}", fetch = Post::find)]
        #[cache(list = "post:author:{author}", fetch = Self::by_author, max_len = 500, ttl = "1m")]
        #[cache(list = "posts", name = "list_all", fetch = all)]
        #[cache(tag = "author:{author}")]
        #[cache(tag = "posts")]
        #[cache(tag = "of:{tenant}:{author}")]
        pub struct Post<K> {
            id: i64,
            #[cache(with = uuid::serde::simple)]
            tenant: Uuid,
            #[cache(normalize = str::to_lowercase)]
            author: String,
            kind: K,
        }
    });
    check(generated, &expect_file!["snapshots/listed_struct.rs"]);
}

#[test]
fn tagged_struct() {
    let generated = cached(quote! {
        #[cache(key = "user:{id}", fetch = User::find)]
        #[cache(tag = "org:{org_id}")]
        #[cache(tag = "place:{city}:{kind}", name = "tag_place")]
        pub struct User<K> {
            id: i64,
            org_id: u32,
            city: String,
            kind: K,
        }
    });
    check(generated, &expect_file!["snapshots/tagged_struct.rs"]);
}

#[test]
fn followed_struct() {
    let generated = cached(quote! {
        #[cache(table = "app.users")]
        #[cache(key = "user:{id}", fetch = User::find)]
        #[cache(key = "user:email:{email}:{kind}", fetch = User::find_by_email)]
        #[cache(list = "user:org:{org_id}", fetch = User::find_by_org)]
        #[cache(rows = "app.badges", via = Self::with_badge, columns = ["id"])]
        #[cache(tag = "org:{org_id}")]
        #[cache(tag = "users", name = "tag_all")]
        pub struct User<K> {
            id: i64,
            #[cache(column = "mail", normalize = str::to_lowercase)]
            email: String,
            org_id: Option<u32>,
            kind: K,
        }
    });
    check(generated, &expect_file!["snapshots/followed_struct.rs"]);
}

#[test]
fn normalized_fields() {
    let generated = cached(quote! {
        #[cache(key = "user:{id}", fetch = User::find)]
        #[cache(key = "user:email:{email}:{code}", fetch = User::find_by_email)]
        #[cache(tag = "code:{code}")]
        struct User {
            id: i64,
            #[cache(normalize = str::to_lowercase)]
            email: String,
            #[cache(normalize = Code::canonical)]
            code: Code,
        }
    });
    check(generated, &expect_file!["snapshots/normalized_fields.rs"]);
}

#[test]
fn without_placeholders() {
    let generated = cached(quote! {
        #[cache(context = PgPool)]
        #[cache(key = "settings", name = "current", fetch = Settings::load)]
        #[cache(tag = "all:settings")]
        pub struct Settings {
            theme: String,
        }
    });
    check(generated, &expect_file!["snapshots/without_placeholders.rs"]);
}

#[test]
fn blocking_functions() {
    let generated = cached(quote! {
        #[cache(context = Pool)]
        #[cache(key = "row:{shard}:{name}", fetch = blocking(Self::find), fetch_many = blocking(Row::find_many))]
        #[cache(key = "row:name:{name}", fetch = Row::by_its_name)]
        struct Row {
            shard: u8,
            name: String,
        }
    });
    check(generated, &expect_file!["snapshots/blocking_functions.rs"]);
}

#[test]
fn faulty_struct() {
    let generated = cached(quote! {
        #[cache(key = "user:{idd}", ttl = "10")]
        struct User {
            id: i64,
        }
    });
    check(generated, &expect_file!["snapshots/faulty_struct.rs"]);
}

/// A macro's `$object::find` is a path that begins with an invisible group.
#[test]
fn self_from_a_macro_begins_a_path() {
    let object = Group::new(Delimiter::None, quote!(Self));
    let generated = cached(quote! {
        #[cache(key = "page:{first}", fetch = #object::find)]
        struct Page<T> {
            first: u64,
            items: Vec<T>,
        }
    });
    let text = generated.to_string();
    assert!(text.contains("< Page < T > > :: find"), "{text}");
    assert!(syn::parse2::<syn::File>(generated).is_ok());
}

/// The compiler refuses this code, with its own message.
#[test]
fn self_within_a_path_stays() {
    let generated = cached(quote! {
        #[cache(key = "page:{first}", fetch = Self::Self::find)]
        struct Page<T> {
            first: u64,
            items: Vec<T>,
        }
    });
    let text = generated.to_string();
    assert!(text.contains("< Page < T > > :: Self :: find"), "{text}");
    assert!(syn::parse2::<syn::File>(generated).is_ok());
}

#[test]
fn newtype() {
    let generated = key_part(quote! {
        struct Id<T>(T, PhantomData<T>);
    });
    check(generated, &expect_file!["snapshots/newtype.rs"]);
}

#[test]
fn newtype_of_a_foreign_type() {
    let generated = key_part(quote! {
        struct Release(#[cache(opaque, key_with = semver::Version::to_string)] semver::Version);
    });
    check(generated, &expect_file!["snapshots/newtype_of_a_foreign_type.rs"]);
}

#[test]
fn unit_enum() {
    let generated = key_part(quote! {
        enum Status {
            Active,
            #[cache(rename = "Blocked")]
            Locked,
            r#Static,
        }
    });
    check(generated, &expect_file!["snapshots/unit_enum.rs"]);
}

#[test]
fn enumeration() {
    let generated = cache_schema(quote! {
        #[cache(crate = crate::cow)]
        #[serde(tag = "kind")]
        enum Event<T> {
            Ping,
            #[serde(rename = "text")]
            Said(String, #[cache(opaque)] T),
            Moved { from: Point, to: Option<Box<Event<T>>> },
        }
    });
    check(generated, &expect_file!["snapshots/enumeration.rs"]);
}

/// Malformed attributes of many kinds.
fn odd_attributes() -> Vec<TokenStream> {
    vec![
        quote!(#[cache]),
        quote!(#[cache()]),
        quote!(#[cache(,)]),
        quote!(#[cache(,,,key)]),
        quote!(#[cache(key)]),
        quote!(#[cache(key =)]),
        quote!(#[cache(key = , fetch = ,)]),
        quote!(#[cache(key = "{", fetch = <)]),
        quote!(#[cache(key = "}{", fetch = >>>)]),
        quote!(#[cache(key = "{0}{id}{é}", fetch = ::)]),
        quote!(#[cache(key = b"user", fetch = 1 + 1)]),
        quote!(#[cache(key = 'x', fetch = -> ())]),
        quote!(#[cache(key = "user:{id}", fetch = <T as U>::f::<1>, name = "é")]),
        quote!(#[cache(key = "user:{id}", fetch = f, name = "")]),
        quote!(#[cache(key = "user:{id}", fetch = f, name = "__")]),
        quote!(#[cache(key = "user:{id}", fetch = f, name = "r#a")]),
        quote!(#[cache(key = "user:{id}", fetch = f, name = "1")]),
        quote!(#[cache(key = "user:{id}", fetch = Self, fetch_many = Self::Self)]),
        quote!(#[cache(key = "user:{id}", fetch = crate)]),
        quote!(#[cache("user" = key)]),
        quote!(#[cache(tag)]),
        quote!(#[cache(tag = "t:{id}", name = "r#a", fetch = f, ttl = "1s", tag = "{")]),
        quote!(#[cache(tag = "t:{id}", key = "user:{id}", fetch = f)]),
        quote!(#[cache(= key)]),
        quote!(#[cache(key == "a")]),
        quote!(#[cache(key key key)]),
        quote!(#[cache(key["a"])]),
        quote!(#[cache(ttl = 1.5, negative_ttl = "١s", ttl_with = "a b")]),
        quote!(#[cache(ttl = -1, negative_ttl = true)]),
        quote!(#[cache(context = , crate = )]),
        quote!(#[cache(context = fn(u8) -> Vec<u8>, crate = 1)]),
        quote!(#[cache(context = (dyn A + B), crate = a::<b>)]),
        quote!(#[cache(crate = ::other::Self)] #[cache(key = "user:{id}", fetch = f)]),
        quote!(#[cache(context = _, opaque = 1, opaque)]),
        quote!(#[cache(context = &'a mut &T, self = super)]),
        quote!(#[cache(table)]),
        quote!(#[cache(table = "", column = "")]),
        quote!(#[cache(table = "é.\"", column)]),
        quote!(#[cache(table = "a.b", clearable = false)] #[cache(key = "user:{id}", fetch = f)]),
        quote!(#[cache(table = "a.b", clearable)] #[cache(key = "user", fetch = f, name = "x")]),
        quote!(#[cache(clearable = true)] #[cache(key = "user:{0}", fetch = f)]),
        quote!(#[cache(column = "id")]),
        quote!(#[cache(rows, via, columns)]),
        quote!(#[cache(list = "x:{id}", fetch = f)] #[cache(rows = "a", via = a::b::<c>, columns = ["x", 1, ..])]),
        quote!(#[cache = 1]),
        quote!(#[cache::key(a = 1)]),
        quote!(#[cache(key = "user", fetch = f)]),
        quote!(#[cache(key = "user", fetch = f, fetch_many = f, name = "current")]),
        quote!(#[cache(key = "user", fetch = f, name = "current")]),
        quote!(#[cache(tag = "::")]),
        quote!(#[cache(tag = "é①x")]),
        quote!(#[cache(normalize = f, key_with = f)]),
        quote!(#[cache(normalize, key_with = "f", normalize = f)]),
        quote!(#[cache(rename = "a", rename, rename = 1)]),
        quote!(#[serde(skip, rename(skip = "skip"))]),
        quote!(#[serde = "skip"]),
    ]
}

/// Items of every kind, with these attributes.
fn odd_items(on_item: &TokenStream, on_field: &TokenStream) -> Vec<TokenStream> {
    vec![
        quote!(#on_item struct User { #on_field id: i64 }),
        quote!(#on_item struct User(#on_field i64);),
        quote!(#on_item struct User;),
        quote!(#on_item struct User {}),
        quote!(#on_item struct r#type { #on_field r#fn: Self }),
        quote!(#on_item struct User<'a, T: ?Sized + 'a = str, const N: usize = 1>(#on_field &'a [T; N])),
        quote!(#on_item struct User<T>(#on_field T) where T: Fn(u8) -> u8;),
        quote!(#on_item struct User { #on_field id: (!, fn(), *const u8, dyn A, impl B, _, m!()) }),
        quote!(#on_item enum User {}),
        quote!(#on_item enum User { #on_item A, #on_item B, C }),
        quote!(#on_item enum User { #on_item A, B(#on_field u8), C { #on_field id: u8 } = 1 }),
        quote!(#on_item union User { #on_field id: u8 }),
        quote!(#on_item fn user() {}),
        quote!(#on_item),
    ]
}

#[test]
fn no_input_makes_the_derives_panic() {
    let attributes = odd_attributes();
    let none = TokenStream::new();
    let mut count = 0;
    for attribute in &attributes {
        let pairs = [(attribute, &none), (&none, attribute), (attribute, attribute)];
        for item in pairs.into_iter().flat_map(|(item, field)| odd_items(item, field)) {
            for derive in [cached, cache_schema, key_part] {
                let generated = derive(item.clone()).to_string();
                assert!(!generated.is_empty(), "nothing at all for {item}");
                count += 1;
            }
        }
    }
    assert!(count > 3000, "only {count} inputs");
}

#[test]
fn what_is_generated_beside_faults_still_parses() {
    let none = TokenStream::new();
    for attribute in &odd_attributes() {
        let item = quote!(#attribute struct User { id: i64 });
        let generated = cached(item.clone());
        if let Err(error) = syn::parse2::<syn::File>(generated) {
            panic!("{error} for {item}");
        }
    }
    for item in odd_items(&none, &none) {
        let generated = cached(item.clone());
        assert!(syn::parse2::<syn::File>(generated).is_ok(), "{item}");
    }
}
