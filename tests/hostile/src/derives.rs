//! The derives and `query`: no tokens make them panic, and what they generate is Rust.

use arbitrary::{Result, Unstructured};
use proc_macro2::{Delimiter, Group, Ident, Punct, Spacing, Span, TokenStream, TokenTree};

use crate::derive::{cache_schema, cached, key_part, query};

/// Items that the derives take.
const VALID: [&str; 9] = [
    r#"#[cache(key = "user:{id}", fetch = User::find)] struct User { id: i64 }"#,
    r#"#[cache(context = PgPool, ttl = "1h30m", negative_ttl = "250ms", ttl_with = Order::ttl)]
       #[cache(stale_if_error = "1d", refresh_ahead = true, settle = "500ms", near = false, near_ttl = "5s")]
       #[cache(key = "order:{tenant}:{id}", fetch = Self::find, fetch_many = Self::find_many)]
       #[cache(key = "order:number:{number}", fetch = find_by_number, name = "numbered")]
       pub struct Order {
           #[serde(rename = "order_id")] id: u64, tenant: Uuid, #[cache(with = serde_bytes)] number: String,
           #[cache(opaque)] customer: Box<Customer>,
       }"#,
    r#"#[cache(key = "row:{0}", fetch = row)] pub(crate) struct Row(u8, Vec<Row>);"#,
    r#"#[cache(key = "page:{first}", fetch = Self::find, fetch_many = Page::find_many)]
       struct Page<T: Clone = i64, K = u8, const N: usize = 2> where K: Ord { first: K, items: Vec<T> }"#,
    r#"#[cache(key = "user:{id}", fetch = <User<K> as Find>::find)] #[cache(tag = "org:{org_id}")]
       #[cache(tag = "place:{city}:{kind}", name = "tag_place", crate = ::other::cow)]
       pub struct User<K> { id: i64, org_id: u32, city: String, kind: K }"#,
    r#"#[cache(table = "app.posts", clearable = true)] #[cache(key = "post:{id}", fetch = blocking(Post::find))]
       #[cache(list = "post:author:{author}", fetch = Post::by, max_len = 1_000, ttl = "1m", name = "of")]
       #[cache(rows = "app.users", author = "id")] #[cache(rows = "app.tags", via = Post::tagged)]
       struct Post { id: i64, #[cache(column = "author_id", normalize = low)] author: String }"#,
    "struct Id<T>(T, PhantomData<T>);",
    r#"#[cache(crate = crate::cow)] #[serde(tag = "kind")]
       enum Event<T> { Ping, #[serde(rename = "text")] Said(String, #[cache(opaque)] T),
           Moved { from: Point, to: Option<Box<Event<T>>>, r#type: [u8; 4] } }"#,
    r#"#[cache(key = "{{}}:{r#type}:{é}", fetch = f)] #[serde(transparent, skip, flatten)]
       struct Odd<'a> { #[serde(skip, default = "x")] r#type: &'a str, é: (dyn Fn(u8) -> !, *const u8, m!()) }"#,
];

/// What `query` takes: its arguments, and a function.
const QUERIES: [(&str, &str); 3] = [
    (
        r#"key = "top:{day}", ttl = "5m", tag = Post::tag_all()"#,
        "async fn top(db: &Db, day: Date) -> Result<Vec<Post>, E> { db.top(day).await }",
    ),
    (
        r#"key = "feed:{author}:{page}", negative_ttl = "1s", near = false, crate = ::other::cow"#,
        r#"#[cache(rows = "app.posts")] pub(crate) async fn feed(author: &str, page: u8, #[cache(not_in_key)] all: bool)
           -> Result<Option<Feed>, E> { Feed::of(author, page, all).await }"#,
    ),
    (r#"key = "constant""#, "async fn constant() -> Result<u8, E> { Ok(1) }"),
];

const WORDS: [&str; 46] = [
    "key",
    "fetch",
    "fetch_many",
    "ttl",
    "tag",
    "name",
    "context",
    "crate",
    "opaque",
    "with",
    "skip",
    "recursive",
    "version",
    "near",
    "cache",
    "serde",
    "self",
    "Self",
    "super",
    "struct",
    "enum",
    "union",
    "where",
    "dyn",
    "impl",
    "fn",
    "for",
    "const",
    "mut",
    "pub",
    "in",
    "true",
    "r#type",
    "r#é",
    "é",
    "unsafe",
    "async",
    "skip",
    "id",
    "list",
    "max_len",
    "table",
    "rows",
    "via",
    "column",
    "blocking",
];

const LITERALS: [&str; 30] = [
    "\"\"",
    "\"{\"",
    "\"}\"",
    "\"{}\"",
    "\"{{}}\"",
    "\"{id}{id}\"",
    "\"{0}\"",
    "\"{18446744073709551616}\"",
    "\"user:{id:?}\"",
    "\"{r#type}\"",
    "\"10m\"",
    "\"99999999999999999999d\"",
    "\"1h1h\"",
    "\"-1s\"",
    "\"١s\"",
    "\"\\u{0}\"",
    "\"{\\u{200b}}\"",
    "\"r#a\"",
    "\"Self\"",
    "\"a::b\"",
    "r#\"raw\"#",
    "b\"bytes\"",
    "c\"c\"",
    "'x'",
    "b'x'",
    "0",
    "1.5e300",
    "0xffff_ffff_ffff_ffff_ffffu8",
    "1_000i64",
    "\"skip\"",
];

thread_local! {
    static ITEMS: Vec<TokenStream> =
        VALID.iter().map(|item| item.parse().expect("tokens")).collect();
    static QUERIES_PARSED: Vec<(TokenStream, TokenStream)> = {
        let parsed = |text: &str| text.parse().expect("tokens");
        QUERIES.iter().map(|(arguments, item)| (parsed(arguments), parsed(item))).collect()
    };
}

/// Any tokens in the place of an item, by each of the derives.
pub fn check(data: &[u8]) {
    if let Ok(item) = damaged(&mut Unstructured::new(data)) {
        for derive in [cached, cache_schema, key_part] {
            assert_rust(derive(item.clone()), &item);
        }
    }
}

/// Any tokens in the place of the arguments of `query`, on anything that the compiler takes for an item.
pub fn check_query(data: &[u8]) {
    if let Ok((arguments, item)) = damaged_query(&mut Unstructured::new(data))
        && syn::parse2::<syn::Item>(item.clone()).is_ok()
    {
        assert_rust(query(arguments, item.clone()), &item);
    }
}

fn assert_rust(generated: TokenStream, item: &TokenStream) {
    assert!(!generated.is_empty(), "nothing at all for {item}");
    let text = generated.to_string();
    if let Err(error) = syn::parse2::<syn::File>(generated) {
        panic!("{error}: {item} gives {text}");
    }
}

fn damaged_query(input: &mut Unstructured<'_>) -> Result<(TokenStream, TokenStream)> {
    let (mut arguments, mut item) =
        QUERIES_PARSED.with(|queries| input.choose(queries).cloned())?;
    for _ in 0..input.int_in_range(1..=5)? {
        if input.arbitrary()? {
            arguments = mutate(arguments, input)?;
        } else {
            item = mutate(item, input)?;
        }
    }
    Ok((arguments, item))
}

fn damaged(input: &mut Unstructured<'_>) -> Result<TokenStream> {
    let mut item = item(input)?;
    for _ in 0..input.int_in_range(1..=5)? {
        item = mutate(item, input)?;
    }
    Ok(item)
}

fn item(input: &mut Unstructured<'_>) -> Result<TokenStream> {
    ITEMS.with(|items| input.choose(items).cloned())
}

/// Changes something somewhere in the tokens, or in a group of theirs.
fn mutate(tokens: TokenStream, input: &mut Unstructured<'_>) -> Result<TokenStream> {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    let groups: Vec<usize> =
        (0..trees.len()).filter(|&at| matches!(trees[at], TokenTree::Group(_))).collect();
    if !groups.is_empty() && input.ratio(3, 4)? {
        let at = *input.choose(&groups)?;
        if let TokenTree::Group(group) = &trees[at] {
            let within = mutate(group.stream(), input)?;
            trees[at] = Group::new(group.delimiter(), within).into();
        }
        return Ok(trees.into_iter().collect());
    }
    let at = input.int_in_range(0..=trees.len())?;
    let len = input.int_in_range(0..=(trees.len() - at).min(4))?;
    match input.int_in_range(0..=7)? {
        0 => drop(trees.drain(at..at + len)),
        1 => {
            let copies = trees[at..at + len].to_vec();
            trees.splice(at..at, copies);
        }
        2 => trees[at..].rotate_left(len),
        3 => {
            let other = piece(item(input)?, input)?;
            trees.splice(at..at + len, other);
        }
        4 => {
            let visible = [Delimiter::Parenthesis, Delimiter::Brace, Delimiter::Bracket];
            let delimiter = *input.choose(&visible)?;
            let within = trees.drain(at..at + len).collect();
            trees.insert(at, Group::new(delimiter, within).into());
        }
        _ => {
            let replaced = len.min(1);
            let token = token(input)?;
            trees.splice(at..at + replaced, [token]);
        }
    }
    Ok(trees.into_iter().collect())
}

/// Some of the tokens, or of a group of theirs.
fn piece(tokens: TokenStream, input: &mut Unstructured<'_>) -> Result<Vec<TokenTree>> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let at = input.int_in_range(0..=trees.len())?;
    match trees.get(at) {
        Some(TokenTree::Group(group)) if input.ratio(3, 4)? => piece(group.stream(), input),
        _ => {
            let len = input.int_in_range(0..=(trees.len() - at).min(6))?;
            Ok(trees[at..at + len].to_vec())
        }
    }
}

fn token(input: &mut Unstructured<'_>) -> Result<TokenTree> {
    Ok(match input.int_in_range(0..=3)? {
        0 => parsed(input.choose(&WORDS)?),
        1 => parsed(input.choose(&LITERALS)?),
        2 => Ident::new("field", Span::call_site()).into(),
        _ => {
            // No `+`: a type of several traits is no field's, which the compiler says itself.
            let signs = [
                '#', '=', ',', ':', '<', '>', '!', '?', '&', '*', '-', '\'', ';', '.', '|', '$',
                '@',
            ];
            let spacing = if input.arbitrary()? { Spacing::Joint } else { Spacing::Alone };
            Punct::new(*input.choose(&signs)?, spacing).into()
        }
    })
}

fn parsed(text: &str) -> TokenTree {
    let tokens: TokenStream = text.parse().expect("a token");
    tokens.into_iter().next().expect("a token")
}
