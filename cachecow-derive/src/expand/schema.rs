//! `CacheSchema`.

use proc_macro2::TokenStream;
use quote::quote;

use super::storage::{self, Locals};
use super::{quiet, where_clause};
use crate::fields::Storage;
use crate::model::{BodyModel, FieldModel, SchemaModel};

/// Generates `#[derive(CacheSchema)]`.
pub(crate) fn cache_schema(model: &SchemaModel<'_>) -> TokenStream {
    let (quiet, item) = (quiet(), schema_impl(model));
    quote! {
        #quiet
        const _: () = { #item };
    }
}

/// The impl. It must be inside a block, because of its imports.
pub(super) fn schema_impl(model: &SchemaModel<'_>) -> TokenStream {
    let SchemaModel { target, name, description, nested, type_params, .. } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let mut bounds: Vec<TokenStream> =
        type_params.iter().map(|param| quote!(#param: #krate::CacheSchema)).collect();
    bounds.extend(model.bounds.iter().cloned());
    let clause = where_clause(target.generics, &bounds);
    let write_name = (model.arity() > 0).then(|| write_name(model));
    let imports = imports(model);
    let items = storage::items(model, &Locals::new());
    quote! {
        #imports

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
            const MAY_BE_NIL: ::core::primitive::bool = false;
            #items
            #write_name
        }
    }
}

fn imports(model: &SchemaModel<'_>) -> TokenStream {
    let krate = &model.target.krate;
    let nested = (!model.nested.is_empty()).then(|| quote!(use #krate::__private::Unknown as _;));
    let by_serde = |field: &FieldModel| matches!(field.storage, Storage::Opaque | Storage::With(_));
    let compared = match &model.body {
        BodyModel::Struct(fields) => fields.iter().any(by_serde),
        BodyModel::Enum(variants) => {
            variants.iter().any(|variant| variant.fields.iter().any(by_serde))
        }
        BodyModel::Unknown => false,
    };
    let compared = compared
        .then(|| quote!(use #krate::__private::{SameByEncoding as _, SameByEquality as _};));
    quote!(#nested #compared)
}

/// The name of `Page<User>` includes its argument, so that it differs from `Page<Order>`.
fn write_name(model: &SchemaModel<'_>) -> TokenStream {
    let krate = &model.target.krate;
    let len = model.arity() + 1;
    let arguments = arguments(model, &quote!(encoder));
    quote! {
        #[inline]
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
