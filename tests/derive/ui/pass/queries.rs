//! Queries of every form, under lints that forbid much, with names of the standard library's taken.

#![deny(warnings, missing_docs, missing_debug_implementations, unreachable_pub, unused_qualifications)]
#![no_implicit_prelude]

extern crate cachecow as my_cachecow;

/// The crate under a name of the user's.
pub mod framework {
    pub use ::cachecow as cache;
}

#[allow(dead_code)]
struct Result;
#[allow(dead_code)]
struct Option;
#[allow(dead_code)]
struct String;
#[allow(dead_code)]
struct Vec;
#[allow(dead_code)]
struct Arc;

/// Where rows are.
#[derive(::std::fmt::Debug)]
pub struct Db;

/// The squares below a number.
///
/// # Errors
///
/// Never.
#[my_cachecow::query(key = "squares:{below}", ttl = "5m", crate = framework::cache)]
pub async fn squares(
    db: &Db,
    below: u32,
) -> ::std::result::Result<::std::vec::Vec<u32>, ::std::fmt::Error> {
    let _ = db;
    ::std::result::Result::Ok(::std::iter::Iterator::collect(0..below))
}

/// Text in, perhaps text out.
///
/// # Errors
///
/// Never.
#[my_cachecow::query(key = "text:{r#type}:{bytes}:{key}", negative_ttl = "1s", near = false, version = 3)]
pub async fn r#match<'a>(
    r#type: &'a str,
    bytes: &[u8],
    mut key: ::std::string::String,
) -> ::std::result::Result<::std::option::Option<::std::string::String>, ::std::fmt::Error> {
    let _ = (r#type, bytes);
    key.push('x');
    ::std::result::Result::Ok(::std::option::Option::Some(key))
}

#[cfg(any())]
#[my_cachecow::query(key = "nowhere")]
async fn nowhere() -> ::std::result::Result<Missing, ::std::fmt::Error> {}

#[my_cachecow::query(key = "nowhere")]
#[cfg(any())]
async fn nor_here() -> ::std::result::Result<Missing, ::std::fmt::Error> {}

macro_rules! query {
    ($name:ident, $part:ident, $ty:ty, $key:literal, $ttl:literal) => {
        #[my_cachecow::query(key = $key, ttl = $ttl)]
        async fn $name(db: &(dyn ::std::fmt::Debug + ::std::marker::Sync), $part: $ty) -> ::std::result::Result<$ty, ::std::fmt::Error> {
            let _ = db;
            ::std::result::Result::Ok($part)
        }
    };
}

query!(same, visit, u64, "same:{visit}", "1s");

fn is_lookup<L: my_cachecow::Lookup + ::std::clone::Clone + ::std::fmt::Debug>(_: &L) {}

fn main() {
    let _ = Db;
    is_lookup(&squares::of(3));
    is_lookup(&r#match::of("type", [1], "key"));
    is_lookup(&same::of(7));
    #[my_cachecow::query(key = "within")]
    async fn within() -> ::std::result::Result<(), ::std::fmt::Error> {
        ::std::result::Result::Ok(())
    }
    is_lookup(&within::of());
}
