//! `Cached`, and the code around it.

use std::time::Duration;

use proc_macro2::TokenStream;
use quote::quote;

use super::description;
use super::fetch::call_by_reference;
use super::list;
use super::lookup;
use super::normalize;
use super::schema::schema_impl;
use super::surroundings::Surroundings;
use super::table::followed_impl;
use super::tag;
use super::{local, quiet, where_clause};
use crate::model::{CachedModel, PolicyModel};
use crate::tokens::{at, last_span};

/// Generates `#[derive(Cached)]`.
pub(crate) fn cached(model: &CachedModel<'_>) -> TokenStream {
    let quiet = quiet();
    let schema = schema_impl(&model.schema);
    if !model.is_cacheable {
        return quote!(#quiet const _: () = { #schema };);
    }
    let surroundings = Surroundings::new(model);
    let types = model.lookups.iter().map(|lookup| lookup::declaration(&surroundings, lookup));
    let list_types = model.lists.iter().map(|list| list::declaration(&surroundings, list));
    let lists = list::impls(&surroundings);
    let impls = model.lookups.iter().map(|lookup| lookup::impls(&surroundings, lookup));
    let constructors = constructors(&surroundings);
    let cached = cached_impl(&surroundings);
    let cache_keys = cache_keys_impl(&surroundings);
    let tags = tag::constructors(&surroundings);
    let clearable = tag::clearable_impl(&surroundings);
    let followed = followed_impl(&surroundings);
    quote! {
        #(#types)*
        #(#list_types)*
        #constructors

        #quiet
        const _: () = {
            #schema
            #cached
            #cache_keys
            #(#impls)*
            #lists
            #tags
            #clearable
            #followed
        };
    }
}

fn constructors(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let target = &surroundings.model.schema.target;
    let lookups = &surroundings.model.lookups;
    if lookups.is_empty() {
        return None;
    }
    let quiet = quiet();
    let object = &target.object;
    let (impl_generics, _, clause) = target.generics.split_for_impl();
    let constructors = lookups.iter().map(|lookup| lookup::constructor(surroundings, lookup));
    let lists = surroundings.model.lists.iter();
    let lists = lists.map(|list| list::constructor(surroundings, list));
    let normalizers = surroundings.model.normalizers.iter();
    let normalizers = normalizers.map(|model| normalize::function(&target.krate, model));
    Some(quote! {
        #quiet
        #[automatically_derived]
        impl #impl_generics #object #clause {
            #(#constructors)*
            #(#lists)*
            #(#normalizers)*
        }
    })
}

fn cached_impl(surroundings: &Surroundings<'_>) -> TokenStream {
    let model = surroundings.model;
    let target = &model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let policy = policy(krate, &model.policy);
    let visits = visits(surroundings);
    let (ttl, slot) = (ttl(surroundings), type_slot(surroundings));
    let tags = tag::items(surroundings);
    let templates = model.lookups.iter().map(|lookup| &lookup.emptied);
    let (description, lists) = (description::of_cached(model), surroundings.list_types());
    let lists = (!model.lists.is_empty()).then(|| {
        quote! {
            const LIST_FINGERPRINTS: &'static [::core::primitive::u64] =
                &[#(#krate::__private::list_fingerprint::<#lists>()),*];
        }
    });
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::Cached for #object #clause {
            const POLICY: #krate::TypePolicy = #policy;
            const TEMPLATES: &'static [&'static ::core::primitive::str] = &[#(#templates),*];
            const DESCRIPTION: &'static ::core::primitive::str = #description;
            #lists

            #[inline]
            fn each_key(&self, visit: &mut dyn ::core::ops::FnMut(#krate::Key)) {
                #visits
            }

            #tags
            #ttl
            #slot
        }
    }
}

fn visits(surroundings: &Surroundings<'_>) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let types = surroundings.lookup_types();
    let lists = surroundings.list_types();
    quote! {
        #(visit(<#types as #krate::Lookup>::key_of(self).key());)*
        #(visit(<#lists as #krate::ListLookup>::key_of(self).key());)*
    }
}

pub(super) fn policy(krate: &TokenStream, policy: &PolicyModel) -> TokenStream {
    let ttl = policy.ttl.map(duration).map(|ttl| quote!(.with_ttl(#ttl)));
    let negative = policy.negative_ttl.map(duration).map(|ttl| quote!(.with_negative_ttl(#ttl)));
    let stale = policy.stale_if_error.map(duration).map(|ttl| quote!(.with_stale_if_error(#ttl)));
    let soft = policy.soft_timeout.map(duration).map(|time| quote!(.with_soft_timeout(#time)));
    let refresh = policy.refresh_ahead.map(|on| quote!(.with_refresh_ahead(#on)));
    let settle = policy.settle.map(duration).map(|time| quote!(.with_settle(#time)));
    let near = policy.near.map(|on| quote!(.with_near(#on)));
    let near_ttl = policy.near_ttl.map(duration).map(|ttl| quote!(.with_near_ttl(#ttl)));
    quote! {
        #krate::TypePolicy::new()
            #ttl #negative #stale #soft #refresh #settle #near #near_ttl
    }
}

pub(super) fn duration(duration: Duration) -> TokenStream {
    let (seconds, nanos) = (duration.as_secs(), duration.subsec_nanos());
    quote!(::core::time::Duration::new(#seconds, #nanos))
}

fn ttl(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let path = surroundings.model.ttl_with.as_ref()?;
    let krate = &surroundings.model.schema.target.krate;
    let object = local("object", last_span(path));
    let call = call_by_reference(krate, path, &quote!(Self), &quote!(#object));
    let into = at(&quote!(#krate::__private::ttl), last_span(path));
    Some(quote! {
        #[inline]
        fn ttl(&self) -> ::core::option::Option<::core::time::Duration> {
            let #object: &Self = self;
            #into(#call)
        }
    })
}

/// Only a type without parameters can have its own `static`.
pub(super) fn type_slot(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let krate = &surroundings.model.schema.target.krate;
    (surroundings.model.schema.arity() == 0).then(|| {
        quote! {
            #[inline]
            fn type_slot() -> ::core::primitive::usize {
                static SLOT: #krate::__private::StaticSlot = #krate::__private::StaticSlot::new();
                SLOT.get()
            }
        }
    })
}

fn cache_keys_impl(surroundings: &Surroundings<'_>) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::CacheKeys for #object #clause {
            #[inline]
            fn add_to(&self, set: &mut #krate::KeySet) {
                set.add_object(self);
            }
        }
    }
}
