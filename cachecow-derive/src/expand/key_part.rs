//! `KeyPart`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::fetch::call;
use super::where_clause;
use crate::model::{EncodedModel, KeyPartModel, WrappedField};
use crate::tokens::{at, last_span};

/// Generates `#[derive(KeyPart)]`.
pub(crate) fn key_part(model: &KeyPartModel<'_>) -> TokenStream {
    let KeyPartModel { target, encoded } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let (bound, body) = match encoded {
        EncodedModel::Field(field) => (bound(krate, field), encode_field(krate, field)),
        EncodedModel::Variants(variants) if !variants.is_empty() => {
            let arms = variants.iter().map(|(ident, name)| quote!(Self::#ident { .. } => #name,));
            (None, quote!(encoder.str(match self { #(#arms)* });))
        }
        EncodedModel::Variants(_) | EncodedModel::Unknown => (None, quote!(let _ = encoder;)),
    };
    let clause = where_clause(target.generics, bound.as_slice());
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

fn bound(krate: &TokenStream, field: &WrappedField) -> Option<TokenStream> {
    let ty = &field.ty;
    (field.is_generic && field.key_with.is_none()).then(|| quote!(#ty: #krate::KeyPart))
}

fn encode_field(krate: &TokenStream, field: &WrappedField) -> TokenStream {
    let WrappedField { member, ty, key_with, .. } = field;
    let Some(path) = key_with else {
        let encode = quote_spanned!(ty.span()=> #krate::__private::encode::<#ty>);
        return quote!(#encode(&self.#member, encoder););
    };
    let span = last_span(path);
    let part = call(path, &at(&quote!(&self.#member), span));
    // What the compiler says of the function's result stands at the function.
    let (encode, lent) = (at(&quote!(#krate::__private::encode), span), at(&quote!(&), span));
    quote!(#encode(#lent #part, encoder);)
}
