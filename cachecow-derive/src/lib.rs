//! The derive macros of cachecow.

use proc_macro::TokenStream;

/// Placeholder.
#[proc_macro_derive(Cached, attributes(cache))]
pub fn cached(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Placeholder.
#[proc_macro_derive(CacheSchema, attributes(cache))]
pub fn cache_schema(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}

/// Placeholder.
#[proc_macro_derive(KeyPart, attributes(cache))]
pub fn key_part(_input: TokenStream) -> TokenStream {
    TokenStream::new()
}
