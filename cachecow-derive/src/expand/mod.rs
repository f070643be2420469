//! Generated code: constants and shims that call the runtime. Nothing here can fail.

mod cached;
mod description;
mod fetch;
mod key_part;
mod list;
mod lookup;
mod normalize;
mod parts;
mod query;
mod schema;
mod storage;
mod surroundings;
mod table;
mod tag;

pub(crate) use cached::cached;
pub(crate) use key_part::key_part;
pub(crate) use query::query;
pub(crate) use schema::cache_schema;

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote;
use syn::Generics;

/// A local variable of the generated code. No name in the user's code can shadow or capture it.
fn local(name: &str, location: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(location))
}

/// The type's own where clause with more predicates.
fn where_clause(generics: &Generics, more: &[TokenStream]) -> TokenStream {
    let own = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
    quote!(where #(#own,)* #(#more,)*)
}

/// Turns the user's lints off in generated code.
fn quiet() -> TokenStream {
    quote! {
        #[allow(
            clippy::all,
            clippy::nursery,
            clippy::pedantic,
            dead_code,
            deprecated,
            missing_copy_implementations,
            private_bounds,
            private_interfaces,
            unreachable_pub,
            unused_imports,
            unused_parens,
            unused_qualifications,
        )]
    }
}
