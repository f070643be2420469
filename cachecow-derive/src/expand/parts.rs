//! The parts of a lookup, as generated code handles them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::local;
use crate::model::{LookupModel, PartModel, Passing};

pub(super) fn part_local(index: usize, part: &PartModel) -> Ident {
    local(&format!("part_{index}"), part.ty.span())
}

pub(super) fn part_locals(parts: &[PartModel]) -> Vec<Ident> {
    parts.iter().enumerate().map(|(index, part)| part_local(index, part)).collect()
}

/// An encoder that begins with a template. The template is a `static`: the compiler would evaluate a constant at
/// each use.
pub(super) fn begun(krate: &TokenStream, template: &str) -> TokenStream {
    quote! {
        #krate::KeyEncoder::of({
            static TEMPLATE: #krate::__private::Template =
                #krate::__private::Template::new(#template);
            &TEMPLATE
        })
    }
}

/// Appends each part, from its local variable, to the encoder.
pub(super) fn encode_parts(
    krate: &TokenStream,
    parts: &[PartModel],
    encoder: &Ident,
) -> TokenStream {
    let encode = parts.iter().zip(part_locals(parts)).map(|(PartModel { ty, .. }, name)| {
        let encode = quote_spanned!(ty.span()=> #krate::__private::encode::<#ty>);
        quote!(#encode(#name, &mut #encoder);)
    });
    quote!(#(#encode)*)
}

/// A constructor's argument, as a reference to the part.
pub(super) fn argument(part: &PartModel, name: &Ident) -> TokenStream {
    let ty = &part.ty;
    match part.passing {
        Passing::Value => quote!(&#name),
        Passing::Text | Passing::SharedText => {
            quote!(&<_ as ::core::convert::Into<#ty>>::into(#name))
        }
        Passing::Reference => quote!(<_ as ::core::borrow::Borrow<#ty>>::borrow(&#name)),
    }
}

/// The local variables of the parts, as a pattern for the lookup's field.
pub(super) fn pattern(lookup: &LookupModel) -> TokenStream {
    one_or_tuple(part_locals(&lookup.parts))
}

/// The parts as a lookup holds them: a single part as it is, several as a tuple.
pub(super) fn one_or_tuple(items: impl IntoIterator<Item = impl ToTokens>) -> TokenStream {
    let items: Vec<TokenStream> = items.into_iter().map(ToTokens::into_token_stream).collect();
    match &items[..] {
        [one] => one.clone(),
        several => quote!((#(#several),*)),
    }
}
