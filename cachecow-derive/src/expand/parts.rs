//! The parts of a lookup, as generated code handles them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::spanned::Spanned;

use super::local;
use crate::model::{LookupModel, PartModel};

pub(super) fn part_local(index: usize, part: &PartModel) -> Ident {
    local(&format!("part_{index}"), part.ty.span())
}

pub(super) fn part_locals(lookup: &LookupModel) -> Vec<Ident> {
    lookup.parts.iter().enumerate().map(|(index, part)| part_local(index, part)).collect()
}

/// The parts' locals, as a pattern of the lookup's field.
pub(super) fn pattern(lookup: &LookupModel) -> TokenStream {
    one_or_tuple(part_locals(lookup))
}

/// As a lookup holds them: one part bare, several as a tuple.
pub(super) fn one_or_tuple(items: impl IntoIterator<Item = impl ToTokens>) -> TokenStream {
    let items: Vec<TokenStream> = items.into_iter().map(ToTokens::into_token_stream).collect();
    match &items[..] {
        [one] => one.clone(),
        several => quote!((#(#several),*)),
    }
}
