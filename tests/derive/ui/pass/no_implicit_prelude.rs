#![no_implicit_prelude]
#![deny(warnings)]

#[derive(::cachecow::Cached, ::serde::Serialize, ::serde::Deserialize)]
#[cache(context = ::std::string::String, ttl = "1h30m", negative_ttl = "250ms")]
#[cache(key = "user:{id}", fetch = find, fetch_many = find_many)]
pub struct User<T = i64> {
    id: ::std::string::String,
    tags: ::std::vec::Vec<T>,
}

async fn find<T>(
    _: &::std::string::String,
    _: &str,
) -> ::std::result::Result<::std::option::Option<User<T>>, ::std::fmt::Error> {
    ::std::result::Result::Ok(::std::option::Option::None)
}

async fn find_many<T>(
    _: &::std::string::String,
    _: &[::std::string::String],
) -> ::std::result::Result<::std::vec::Vec<User<T>>, ::std::fmt::Error> {
    ::std::result::Result::Ok(::std::vec::Vec::new())
}

#[derive(::cachecow::KeyPart, ::cachecow::CacheSchema)]
pub struct Id(pub u64);

#[derive(::cachecow::CacheSchema)]
pub enum Kind {
    Unit,
    Tuple(Id),
    Named { id: Id },
}

fn main() {
    let _ = User::<i64>::by_id("a");
}
