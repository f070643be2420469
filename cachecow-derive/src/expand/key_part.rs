//! `KeyPart`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::where_clause;
use crate::model::KeyPartModel;

/// Generates `#[derive(KeyPart)]`.
pub(crate) fn key_part(model: &KeyPartModel<'_>) -> TokenStream {
    let KeyPartModel { target, field } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let bound = field.iter().filter(|field| field.is_generic).map(|field| {
        let ty = &field.ty;
        quote!(#ty: #krate::KeyPart)
    });
    let clause = where_clause(target.generics, &bound.collect::<Vec<_>>());
    let body = field.as_ref().map(|field| {
        let (member, ty) = (&field.member, &field.ty);
        let encode = quote_spanned!(ty.span()=> #krate::__private::encode::<#ty>);
        quote!(#encode(&self.#member, encoder);)
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::KeyPart for #object #clause {
            fn encode(&self, encoder: &mut #krate::KeyEncoder) {
                #body
            }
        }
    }
    .into_token_stream()
}
