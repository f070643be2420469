//! `KeyPart`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::fetch::call_by_reference;
use super::where_clause;
use crate::model::{EncodedModel, KeyPartModel, NamedVariant, WrappedField};
use crate::tokens::{at, last_span};

/// Generates `#[derive(KeyPart)]`.
pub(crate) fn key_part(model: &KeyPartModel<'_>) -> TokenStream {
    let KeyPartModel { target, encoded } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let (bound, body) = match encoded {
        EncodedModel::Field(field) => (bound(krate, field), encode_field(krate, field)),
        EncodedModel::Variants(variants) if !variants.is_empty() => {
            let arms = variants.iter();
            let arms =
                arms.map(|NamedVariant { ident, name, .. }| quote!(Self::#ident { .. } => #name,));
            (None, quote!(encoder.str(match self { #(#arms)* });))
        }
        EncodedModel::Variants(_) | EncodedModel::Unknown => (None, quote!(let _ = encoder;)),
    };
    let clause = where_clause(target.generics, bound.as_slice());
    let column = column(model);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::KeyPart for #object #clause {
            #[inline]
            fn encode(&self, encoder: &mut #krate::KeyEncoder) {
                #body
            }
        }

        #column
    }
    .into_token_stream()
}

/// How the value is read from a column, if that is possible. The compiler checks the wrapped type only when a
/// followed struct uses it in a key: the binder (`for<…>`) prevents the check here.
fn column(model: &KeyPartModel<'_>) -> Option<TokenStream> {
    let KeyPartModel { target, encoded } = model;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let (bound, kind, nullable, body) = match encoded {
        EncodedModel::Field(WrappedField { member, ty, markers, key_with: None, .. }) => {
            let inner = quote!(<#ty as #krate::log::FromColumn>);
            (
                Some(quote!(for<'cachecow> #ty: #krate::log::FromColumn)),
                quote!(#inner::KIND),
                quote!(#inner::NULLABLE),
                quote!(::core::result::Result::Ok(Self {
                    #member: #inner::from_column(value)?,
                    #(#markers: ::core::marker::PhantomData,)*
                })),
            )
        }
        EncodedModel::Variants(variants) if !variants.is_empty() => {
            let arms = variants.iter().filter(|variant| variant.is_unit);
            let arms = arms.map(|NamedVariant { ident, name, .. }| {
                quote!(::core::option::Option::Some(#name) => ::core::result::Result::Ok(Self::#ident {}),)
            });
            (
                None,
                quote!(#krate::log::ColumnKind::Text),
                quote!(false),
                quote!(match value.as_text() {
                    #(#arms)*
                    _ => ::core::result::Result::Err(#krate::log::NotInColumn),
                }),
            )
        }
        _ => return None,
    };
    let clause = where_clause(target.generics, bound.as_slice());
    Some(quote! {
        #krate::__private::log_items! {
            #[automatically_derived]
            impl #impl_generics #krate::log::FromColumn for #object #clause {
                const KIND: #krate::log::ColumnKind = #kind;
                const NULLABLE: ::core::primitive::bool = #nullable;

                fn from_column(
                    value: &#krate::log::Value<'_>,
                ) -> ::core::result::Result<Self, #krate::log::NotInColumn> {
                    #body
                }
            }
        }
    })
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
    let part = call_by_reference(krate, path, ty, &quote!(&self.#member));
    // Compiler errors about the function's result point at the function.
    let (encode, lent) = (at(&quote!(#krate::__private::encode), span), at(&quote!(&), span));
    quote!(#encode(#lent #part, encoder);)
}
