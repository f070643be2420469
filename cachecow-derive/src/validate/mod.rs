//! Validation: the only place that reports faults in the meaning of the input.

mod cached;
mod key_part;
mod list;
mod lookup;
mod normalize;
mod parameter;
mod query;
mod rows;
mod schema;
mod table;
mod tag;

pub(crate) use cached::cached;
pub(crate) use key_part::key_part;
pub(crate) use query::query;
pub(crate) use schema::cache_schema;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::DeriveInput;

use crate::model::Target;
use crate::tokens;

fn target(input: &DeriveInput, krate: Option<TokenStream>) -> Target<'_> {
    let ident = &input.ident;
    let (_, arguments, _) = input.generics.split_for_impl();
    Target {
        krate: krate.unwrap_or_else(|| quote!(::cachecow)),
        vis: &input.vis,
        ident,
        generics: &input.generics,
        object: quote!(#ident #arguments),
    }
}

/// Whether one of the type's own type parameters occurs.
fn mentions_param(tokens: impl ToTokens, params: &[&Ident]) -> bool {
    tokens::mentions(tokens, &|ident| params.contains(&ident))
}
