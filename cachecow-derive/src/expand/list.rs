//! One kind of list: its type, its constructor and its traits.

use proc_macro2::{Ident, TokenStream};
use quote::quote;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::cached::duration;
use super::fetch::fetch_list;
use super::lookup::{self, Words};
use super::normalize::normalized;
use super::parts::{one_or_tuple, part_local, pattern};
use super::storage;
use super::surroundings::Surroundings;
use super::tag::encoding;
use super::{local, where_clause};
use crate::model::{BodyModel, FieldModel, ListModel, LookupModel, PartModel};

/// The type that holds the parts.
pub(super) fn declaration(surroundings: &Surroundings<'_>, list: &ListModel) -> TokenStream {
    let words = words(surroundings, list);
    lookup::declared(surroundings, &list.lookup, &words)
}

/// The constructor, such as `list_by_org_id`.
pub(super) fn constructor(surroundings: &Surroundings<'_>, list: &ListModel) -> TokenStream {
    let words = words(surroundings, list);
    lookup::constructed(surroundings, &list.lookup, &words)
}

fn words(surroundings: &Surroundings<'_>, list: &ListModel) -> Words {
    let object = surroundings.model.schema.target.ident.unraw();
    let by = lookup::by_what(&list.lookup);
    let name = lookup::name(surroundings, &list.lookup);
    Words {
        of_type: format!("A list of `{object}` {by}, made by `{name}`."),
        of_constructor: format!("Lists `{object}` {by}."),
        unused: "a list is not read until it is given to `list`, `invalidate` or `write`",
    }
}

/// The traits of the list types, and `CacheSchema` of the first lookup, which stores the members.
pub(super) fn impls(surroundings: &Surroundings<'_>) -> TokenStream {
    let lists = &surroundings.model.lists;
    let Some(first) = surroundings.model.lookups.first().filter(|_| !lists.is_empty()) else {
        return TokenStream::new();
    };
    let stored = std::iter::once(first).chain(lists.iter().map(|list| &list.lookup));
    let stored = stored.map(|lookup| schema_impl(surroundings, lookup));
    let lists = lists.iter().map(|list| {
        let krate = &surroundings.model.schema.target.krate;
        let common = lookup::common_impls(surroundings, &list.lookup, &quote!(#krate::ListLookup));
        let list = list_impl(surroundings, list, first);
        quote!(#common #list)
    });
    quote!(#(#stored)* #(#lists)*)
}

fn list_impl(
    surroundings: &Surroundings<'_>,
    list: &ListModel,
    first: &LookupModel,
) -> TokenStream {
    let model = surroundings.model;
    let target = &model.schema.target;
    let (krate, object, ty) = (&target.krate, &target.object, &list.lookup.ty);
    let (impl_generics, generic_arguments, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let (name, template) = (lookup::name(surroundings, &list.lookup), &list.lookup.emptied);
    let unit = quote!(());
    let context = model.context.as_ref().unwrap_or(&unit);
    let encode = lookup::encode(surroundings, &list.lookup);
    let keys = lookup::keys(surroundings, &list.lookup);
    let holds = lookup::comparison(object, &list.lookup, &quote!(holds));
    let (member, settings) = (&first.ty, settings(surroundings, list));
    let (own_values, member_values) =
        (owned_parts(surroundings, &list.lookup), owned_parts(surroundings, first));
    let (tags, slot) = (tags(surroundings, list), super::cached::type_slot(surroundings));
    let fetch = fetch_list(surroundings, list, &quote!(#member #generic_arguments));
    quote! {
        const _: () = {
            #encode

            #[automatically_derived]
            impl #impl_generics #krate::ListLookup for #ty #generic_arguments #clause {
                type Object = #object;
                type Member = #member #generic_arguments;
                type Context = #context;
                const NAME: &'static ::core::primitive::str = #name;
                const TEMPLATE: &'static ::core::primitive::str = #template;
                #settings

                #keys

                #holds

                #[inline]
                fn of(object: &Self::Object) -> Self {
                    Self(#own_values, ::core::marker::PhantomData)
                }

                #[inline]
                fn member_of(object: &Self::Object) -> Self::Member {
                    #member(#member_values, ::core::marker::PhantomData)
                }

                #tags
                #fetch
                #slot
            }
        };
    }
}

fn settings(surroundings: &Surroundings<'_>, list: &ListModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let max_len = list.max_len.map(|len| {
        quote!(
            const MAX_LEN: ::core::primitive::usize = #len;
        )
    });
    let ttl = list.ttl.map(|ttl| {
        let ttl = duration(ttl);
        quote! {
            const POLICY: #krate::TypePolicy = <#object as #krate::Cached>::POLICY.with_ttl(#ttl);
        }
    });
    quote!(#max_len #ttl)
}

/// The key parts of `object`, in the form that a lookup holds.
fn owned_parts(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let object = &surroundings.model.schema.target.object;
    one_or_tuple(lookup.parts.iter().map(|part| {
        let member = &part.member;
        if part.normalizer.is_some() {
            normalized(object, part, &quote!(&object.#member))
        } else {
            let clone = lookup::clone(surroundings, part);
            quote!(#clone(&object.#member))
        }
    }))
}

/// The tags whose fields are all in the list's key.
fn tags(surroundings: &Surroundings<'_>, list: &ListModel) -> Option<TokenStream> {
    let target = &surroundings.model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let visits: Vec<TokenStream> = surroundings
        .model
        .tags
        .iter()
        .filter(|tag| list.carries(tag))
        .map(|tag| {
            let constructor = encoding(tag);
            let names = tag.parts.iter().filter_map(|part| {
                let at = list.part(&part.name)?;
                Some(part_local(at, &list.lookup.parts[at]))
            });
            quote!(visit(<#object>::#constructor(#(#names),*));)
        })
        .collect();
    let pattern = pattern(&list.lookup);
    (!visits.is_empty()).then(|| {
        quote! {
            const TAGGED: ::core::primitive::bool = true;

            #[inline]
            fn each_tag(
                &self,
                visit: &mut dyn ::core::ops::FnMut(#krate::Tag<Self::Object>),
            ) {
                let #pattern = &self.0;
                #(#visits)*
            }
        }
    })
}

/// How the parts of a lookup are stored: like the fields of the object.
fn schema_impl(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, object, ty) = (&target.krate, &target.object, &lookup.ty);
    let (impl_generics, generic_arguments, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let name = ty.to_string();
    let description = format!("{name} {}", lookup::listed_parts(&lookup.parts));
    let items = parts_schema(surroundings, lookup);
    quote! {
        #[automatically_derived]
        impl #impl_generics #krate::CacheSchema for #ty #generic_arguments #clause {
            const NAME: &'static ::core::primitive::str = #name;
            const FINGERPRINT: ::core::primitive::u64 = #krate::__private::fingerprint(
                #description,
                &[<#object as #krate::CacheSchema>::FINGERPRINT],
            );
            #items
        }
    }
}

fn parts_schema(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let BodyModel::Struct(fields) = &surroundings.model.schema.body else {
        return storage::of_nothing(&surroundings.model.schema.target.krate);
    };
    let field = |part: &PartModel| fields.iter().find(|field| field.name == part.name);
    let fields: Vec<&FieldModel> = lookup.parts.iter().filter_map(field).collect();
    let names: Vec<Ident> = fields
        .iter()
        .enumerate()
        .map(|(at, field)| local(&format!("part_{at}"), field.ty.span()))
        .collect();
    let pattern = one_or_tuple(&names);
    let wrap = |value: TokenStream| quote!(Self(#value, ::core::marker::PhantomData));
    storage::of_parts(
        &surroundings.model.schema.target.krate,
        &fields,
        &names,
        &quote!(let #pattern = &self.0;),
        wrap,
    )
}
