//! What the lookups of one struct share.

use proc_macro2::TokenStream;
use quote::quote;

use crate::model::CachedModel;

/// What the generated items of one struct share.
pub(super) struct Surroundings<'a> {
    pub(super) model: &'a CachedModel<'a>,
    /// The bounds on type parameters in the impls of `Cached` and `Lookup`.
    pub(super) bounds: Vec<TokenStream>,
}

impl<'a> Surroundings<'a> {
    pub(super) fn new(model: &'a CachedModel<'a>) -> Self {
        let krate = &model.schema.target.krate;
        let mut bounds: Vec<TokenStream> = Vec::new();
        for param in &model.schema.type_params {
            bounds.push(quote! {
                #param: #krate::CacheSchema
                    + ::core::marker::Send + ::core::marker::Sync + 'static
            });
        }
        bounds.extend(model.schema.bounds.iter().cloned());
        let in_lookups = model.lookups.iter().flat_map(|lookup| &lookup.parts);
        let in_tags = model.tags.iter().flat_map(|tag| &tag.parts);
        let in_lists = model.lists.iter().flat_map(|list| &list.lookup.parts);
        for part in in_lookups.chain(in_tags).chain(in_lists) {
            if part.is_generic {
                let ty = &part.ty;
                bounds.push(quote! {
                    #ty: #krate::KeyPart + ::core::clone::Clone
                        + ::core::marker::Send + ::core::marker::Sync
                });
            }
        }
        Self { model, bounds }
    }

    /// The lookups' types with their generic arguments.
    pub(super) fn lookup_types(&self) -> impl Iterator<Item = TokenStream> {
        let (_, arguments, _) = self.model.schema.target.generics.split_for_impl();
        self.model.lookups.iter().map(move |lookup| {
            let ty = &lookup.ty;
            quote!(#ty #arguments)
        })
    }

    /// The same for the lists.
    pub(super) fn list_types(&self) -> impl Iterator<Item = TokenStream> {
        let (_, arguments, _) = self.model.schema.target.generics.split_for_impl();
        self.model.lists.iter().map(move |list| {
            let ty = &list.lookup.ty;
            quote!(#ty #arguments)
        })
    }
}
