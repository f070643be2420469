//! The derive macros of cachecow; use them through the `cachecow` crate.

mod attr;
mod derive;
mod duration;
mod expand;
mod faults;
mod fields;
mod model;
mod options;
mod suggest;
mod template;
mod tokens;
mod validate;
mod value;

use proc_macro::TokenStream;

/// Caches a struct.
#[proc_macro_derive(Cached, attributes(cache))]
pub fn cached(input: TokenStream) -> TokenStream {
    derive::cached(input.into()).into()
}

/// Gives a struct or an enum a shape.
#[proc_macro_derive(CacheSchema, attributes(cache))]
pub fn cache_schema(input: TokenStream) -> TokenStream {
    derive::cache_schema(input.into()).into()
}

/// Lets a newtype stand in a key.
#[proc_macro_derive(KeyPart, attributes(cache))]
pub fn key_part(input: TokenStream) -> TokenStream {
    derive::key_part(input.into()).into()
}
