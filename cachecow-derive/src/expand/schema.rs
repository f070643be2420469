//! `CacheSchema`.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;

use super::{quiet, where_clause};
use crate::model::SchemaModel;

/// Generates `#[derive(CacheSchema)]`.
pub(crate) fn cache_schema(model: &SchemaModel<'_>) -> TokenStream {
    let (quiet, item) = (quiet(), schema_impl(model));
    quote! {
        #quiet
        const _: () = { #item };
    }
}

/// The impl; its surroundings must be a block, for the import.
pub(super) fn schema_impl(model: &SchemaModel<'_>) -> TokenStream {
    let SchemaModel { target, description, nested, type_params, .. } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let bounds: Vec<TokenStream> =
        type_params.iter().map(|param| quote!(#param: #krate::CacheSchema)).collect();
    let clause = where_clause(target.generics, &bounds);
    let name = target.ident.unraw().to_string();
    let write_name = (model.arity() > 0).then(|| write_name(model));
    let import = (!nested.is_empty()).then(|| quote!(use #krate::__private::Unknown as _;));
    quote! {
        #import

        #[automatically_derived]
        impl #impl_generics #krate::CacheSchema for #object #clause {
            const NAME: &'static ::core::primitive::str = #name;
            const FINGERPRINT: ::core::primitive::u64 = #krate::__private::fingerprint(
                #description,
                &[
                    #(<#type_params as #krate::CacheSchema>::FINGERPRINT,)*
                    #(#krate::__private::Known::<#nested>::FINGERPRINT,)*
                ],
            );
            #write_name
        }
    }
}

/// `Page<User>` is named by both words, so that it differs from `Page<Order>`.
fn write_name(model: &SchemaModel<'_>) -> TokenStream {
    let krate = &model.target.krate;
    let len = model.arity() + 1;
    let arguments = arguments(model, &quote!(encoder));
    quote! {
        fn write_name(encoder: &mut #krate::KeyEncoder) {
            encoder.group(#len);
            encoder.scope(<Self as #krate::CacheSchema>::NAME);
            #arguments
        }
    }
}

/// Writes the generic arguments into a key.
pub(super) fn arguments(model: &SchemaModel<'_>, encoder: &TokenStream) -> TokenStream {
    let SchemaModel { target, type_params, const_params, .. } = model;
    let krate = &target.krate;
    quote! {
        #(<#type_params as #krate::CacheSchema>::write_name(#encoder);)*
        #(#krate::KeyPart::encode(&#const_params, #encoder);)*
    }
}
