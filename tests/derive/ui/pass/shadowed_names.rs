//! Every name that generated code could stumble over is taken.

#![deny(warnings)]
#![allow(dead_code)]

pub mod shadows {
    //! What stands in scope at the struct.
    pub struct Result;
    pub struct Option;
    pub struct Some;
    pub struct None;
    pub struct Ok;
    pub struct Err;
    pub struct Vec;
    pub struct Duration;
    pub struct Lookup;
    pub struct Key;
    pub struct Error;
    pub trait Into {}
    pub trait Clone {}
    pub trait Send {}
    pub trait Sync {}
    pub trait Future {}
    pub trait Borrow {}
    pub mod core {}
    pub mod std {}
    pub mod alloc {}
    pub mod cachecow {}
    pub fn encode() {}
    pub fn fetch() {}
    pub fn found() {}
    pub fn encode_cachecow_key() {}
}

#[allow(unused_imports)]
mod inner {
    use crate::shadows::*;

    mod cachecow {}
    mod core {}
    mod std {}

    #[derive(::serde::Serialize, ::serde::Deserialize, ::cachecow::Cached)]
    #[cache(context = (), ttl = "10m")]
    #[cache(key = "user:{id}:{encoder}:{self_}", fetch = part_0, fetch_many = parts)]
    #[cache(key = "user:{context}", fetch = encode, name = "by_context")]
    struct User {
        id: i64,
        encoder: ::std::string::String,
        self_: ::std::vec::Vec<::core::primitive::u8>,
        context: ::core::primitive::char,
    }

    async fn part_0(_: &(), _: i64, _: &str, _: &[u8]) -> ::std::io::Result<User> {
        unreachable!()
    }

    async fn parts(
        _: &(),
        _: &[(i64, ::std::string::String, ::std::vec::Vec<u8>)],
    ) -> ::std::io::Result<::std::vec::Vec<User>> {
        unreachable!()
    }

    async fn encode(_: &(), _: char) -> ::std::io::Result<User> {
        unreachable!()
    }
}

#[allow(non_camel_case_types)]
mod primitives {
    struct u64;
    struct u32;
    struct usize;
    struct str;

    #[derive(::cachecow::CacheSchema)]
    struct Shape<T, const N: ::core::primitive::usize> {
        items: [T; N],
    }

    #[derive(::cachecow::KeyPart)]
    struct Id(::core::primitive::u64);
}

fn main() {}
