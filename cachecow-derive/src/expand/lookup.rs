//! One lookup: its type, its constructor and its traits.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::fetch::{fetch, fetch_many};
use super::normalize::{in_key, normalized};
use super::parts::{argument, begun, encode_parts, one_or_tuple, part_local, part_locals, pattern};
use super::schema::arguments;
use super::surroundings::Surroundings;
use super::{local, quiet, where_clause};
use crate::model::{LookupModel, PartModel, Passing};
use crate::tokens::{at, compact};

/// The documentation texts of a lookup type.
pub(super) struct Words {
    pub(super) of_type: String,
    pub(super) of_constructor: String,
    /// Why a value of the type should be used.
    pub(super) unused: &'static str,
}

/// The type that holds the parts.
pub(super) fn declaration(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    declared(surroundings, lookup, &words(surroundings, lookup))
}

fn words(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> Words {
    let object = surroundings.model.schema.target.ident.unraw();
    let (by, name) = (by_what(lookup), name(surroundings, lookup));
    Words {
        of_type: format!("A lookup of `{object}` {by}, made by `{name}`."),
        of_constructor: format!("Looks `{object}` up {by}."),
        unused: "a lookup does nothing until it is given to `get`, `invalidate` or `write`",
    }
}

/// A type that holds the parts of a key.
pub(super) fn declared(
    surroundings: &Surroundings<'_>,
    lookup: &LookupModel,
    Words { of_type: doc, unused, .. }: &Words,
) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let quiet = quiet();
    let (vis, object, ty, parts) = (target.vis, &target.object, &lookup.ty, parts_type(lookup));
    let (impl_generics, _, clause) = target.generics.split_for_impl();
    quote! {
        #[doc = #doc]
        #quiet
        #[must_use = #unused]
        #vis struct #ty #impl_generics (
            #parts,
            ::core::marker::PhantomData<fn() -> #object>,
        ) #clause;
    }
}

/// The constructor, such as `by_id`.
pub(super) fn constructor(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    constructed(surroundings, lookup, &words(surroundings, lookup))
}

/// The constructor of a type that holds the parts of a key.
pub(super) fn constructed(
    surroundings: &Surroundings<'_>,
    lookup: &LookupModel,
    Words { of_constructor: doc, .. }: &Words,
) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (vis, constructor, ty) = (target.vis, &lookup.constructor, &lookup.ty);
    let (_, generic_arguments, _) = target.generics.split_for_impl();
    let names: Vec<Ident> = lookup.parts.iter().map(parameter).collect();
    let types = lookup.parts.iter().map(parameter_type);
    let values = lookup.parts.iter().zip(&names).map(|(part, name)| match part.passing {
        _ if part.normalizer.is_some() => normalized(&target.object, part, &argument(part, name)),
        Passing::Value => quote!(#name),
        Passing::Text | Passing::SharedText => quote!(::core::convert::Into::into(#name)),
        Passing::Reference => {
            let (ty, clone) = (&part.ty, clone(surroundings, part));
            quote!(#clone(<_ as ::core::borrow::Borrow<#ty>>::borrow(&#name)))
        }
    });
    let values = one_or_tuple(values);
    let clause = generic_clones(lookup);
    // The compiler reports a second definition of the name at the whole signature.
    let head = at(&quote!(#vis fn #constructor), constructor.span());
    let parameters = quote_spanned!(constructor.span()=> (#(#names: #types),*));
    let result = at(&quote!(-> #ty #generic_arguments), constructor.span());
    quote! {
        #[doc = #doc]
        #[inline]
        #head #parameters #result #clause {
            #ty(#values, ::core::marker::PhantomData)
        }
    }
}

/// The traits of the lookup's type.
pub(super) fn impls(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let common = common_impls(surroundings, lookup, &quote!(#krate::Lookup));
    let lookup = lookup_impl(surroundings, lookup);
    quote!(#common #lookup)
}

/// The impls that do not depend on the object, except for the name of the trait that returns the key.
pub(super) fn common_impls(
    surroundings: &Surroundings<'_>,
    lookup: &LookupModel,
    keyed: &TokenStream,
) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, ty) = (&target.krate, &lookup.ty);
    let (impl_generics, generic_arguments, own_clause) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let clone_clause = where_clause(target.generics, &generic_clone_bounds(lookup));
    let debug = debug(surroundings, lookup);
    let copies = lookup.parts.iter().enumerate().map(|(index, part)| {
        let (clone, name) = (clone(surroundings, part), part_local(index, part));
        quote!(#clone(#name))
    });
    let (copies, pattern) = (one_or_tuple(copies), pattern(lookup));
    quote! {
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #ty #generic_arguments #clone_clause {
            #[inline]
            fn clone(&self) -> Self {
                let #pattern = &self.0;
                Self(#copies, ::core::marker::PhantomData)
            }
        }

        #[automatically_derived]
        impl #impl_generics ::core::fmt::Debug for #ty #generic_arguments #own_clause {
            #[inline]
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                #debug
            }
        }

        #[automatically_derived]
        impl #impl_generics #krate::CacheKeys for #ty #generic_arguments #clause {
            #[inline]
            fn add_to(&self, set: &mut #krate::KeySet) {
                set.add(
                    <Self as #keyed>::key(self).key(),
                    <<Self as #keyed>::Object as #krate::Cached>::POLICY,
                );
            }
        }
    }
}

/// The values are shown only by `{:#?}`.
fn debug(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let (name, template) = (name(surroundings, lookup), &lookup.template);
    let types = lookup.parts.iter().map(|part| compact(&part.ty));
    let pattern = pattern(lookup);
    let values = lookup.parts.iter().zip(part_locals(&lookup.parts)).map(|(part, name)| {
        // To find out whether a type has `Debug` takes the compiler long, so only types that may lack it are
        // checked.
        if part.passing == Passing::Reference {
            quote!((&&#krate::__private::Part(#name)).cachecow_debug())
        } else {
            quote!(::core::option::Option::Some(#name))
        }
    });
    let uses_traits = lookup.parts.iter().any(|part| part.passing == Passing::Reference);
    let traits =
        uses_traits.then(|| quote!(use #krate::__private::{HiddenPart as _, ShownPart as _};));
    quote! {
        #traits
        let #pattern = &self.0;
        #krate::__private::debug(
            formatter,
            (#name, #template),
            &[#(#types),*],
            &[#(#values),*],
        )
    }
}

fn lookup_impl(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let model = surroundings.model;
    let target = &model.schema.target;
    let (krate, object, ty) = (&target.krate, &target.object, &lookup.ty);
    let (impl_generics, generic_arguments, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let name = name(surroundings, lookup);
    let unit = quote!(());
    let context = model.context.as_ref().unwrap_or(&unit);
    let encode = encode(surroundings, lookup);
    let keys = keys(surroundings, lookup);
    let finds = comparison(object, lookup, &quote!(finds));
    let fetch = fetch(surroundings, lookup);
    let fetch_many = lookup.fetch_many.as_ref().map(|path| fetch_many(surroundings, path));
    let (is_alias, primary_of) = alias(surroundings, lookup).unzip();
    let audited = audited(krate);
    quote! {
        const _: () = {
            #encode

            #[automatically_derived]
            impl #impl_generics #krate::Lookup for #ty #generic_arguments #clause {
                type Object = #object;
                type Context = #context;
                const NAME: &'static ::core::primitive::str = #name;
                #is_alias

                #keys

                #primary_of
                #finds

                #audited
                #fetch
                #fetch_many
            }
        };
    }
}

/// `key` and `key_of`, of a lookup or a list.
pub(super) fn keys(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let krate = &target.krate;
    let (_, generic_arguments, _) = target.generics.split_for_impl();
    let turbofish = generic_arguments.as_turbofish();
    let (pattern, names) = (pattern(lookup), part_locals(&lookup.parts));
    let own = own_parts(&target.object, lookup);
    quote! {
        #[inline]
        fn key(&self) -> #krate::KeyEncoder {
            let #pattern = &self.0;
            encode_cachecow_key #turbofish (#(#names),*)
        }

        #[inline]
        fn key_of(object: &Self::Object) -> #krate::KeyEncoder {
            encode_cachecow_key #turbofish (#(#own),*)
        }
    }
}

/// Inline, so that the auditor's code is compiled only for lookups that the program reads by.
fn audited(krate: &TokenStream) -> TokenStream {
    quote! {
        #[inline]
        fn audited(&self) -> ::core::option::Option<#krate::Audited> {
            ::core::option::Option::Some(#krate::Audited::of(::core::clone::Clone::clone(self)))
        }
    }
}

/// For every lookup except the first: the object is stored under the first one's key.
fn alias(
    surroundings: &Surroundings<'_>,
    lookup: &LookupModel,
) -> Option<(TokenStream, TokenStream)> {
    let krate = &surroundings.model.schema.target.krate;
    let primary = surroundings.model.lookups.first()?;
    let primary_type = surroundings.lookup_types().next()?;
    (primary.ty != lookup.ty).then(|| {
        let is_alias = quote!(
            const ALIAS: ::core::primitive::bool = true;
        );
        let primary_of = quote! {
            #[inline]
            fn primary_of(object: &Self::Object) -> #krate::KeyEncoder {
                <#primary_type as #krate::Lookup>::key_of(object)
            }
        };
        (is_alias, primary_of)
    })
}

/// A faster comparison, for parts that are equal exactly if their encodings are. Every read of a
/// cached object compares its parts.
pub(super) fn comparison(
    object: &TokenStream,
    lookup: &LookupModel,
    name: &TokenStream,
) -> Option<TokenStream> {
    let comparable = lookup.parts.iter().all(|part| part.passing != Passing::Reference);
    let (pattern, names) = (pattern(lookup), part_locals(&lookup.parts));
    let own = own_parts(object, lookup);
    comparable.then(|| {
        quote! {
            #[inline]
            fn #name(&self, object: &Self::Object) -> ::core::primitive::bool {
                let #pattern = &self.0;
                true #(&& ::core::cmp::PartialEq::eq(#names, #own))*
            }
        }
    })
}

/// References to the key parts of a found `object`.
pub(super) fn own_parts(
    object: &TokenStream,
    lookup: &LookupModel,
) -> impl Iterator<Item = TokenStream> {
    lookup.parts.iter().map(move |part| {
        let member = &part.member;
        in_key(object, part, quote!(&object.#member))
    })
}

/// One function encodes both the requested key and the object's own key, so the two cannot differ.
pub(super) fn encode(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let krate = &target.krate;
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let names = part_locals(&lookup.parts);
    let types: Vec<&TokenStream> = lookup.parts.iter().map(|part| &part.ty).collect();
    let encoder = local("encoder", lookup.template.span());
    let arguments = arguments(&surroundings.model.schema, &quote!(&mut #encoder));
    let begun = begun(krate, &lookup.emptied);
    let encode_parts = encode_parts(krate, &lookup.parts, &encoder);
    quote! {
        #[inline]
        fn encode_cachecow_key #impl_generics (#(#names: &#types),*) -> #krate::KeyEncoder #clause {
            let mut #encoder = #begun;
            #arguments
            #encode_parts
            #encoder
        }
    }
}

fn parts_type(lookup: &LookupModel) -> TokenStream {
    one_or_tuple(lookup.parts.iter().map(|part| &part.ty))
}

pub(super) fn parameter_type(part: &PartModel) -> TokenStream {
    let ty = &part.ty;
    match part.passing {
        Passing::Value => ty.clone(),
        Passing::Text | Passing::SharedText => quote!(impl ::core::convert::Into<#ty>),
        Passing::Reference => quote!(impl ::core::borrow::Borrow<#ty>),
    }
}

/// The constructor's parameter: the field's own name, for the reader of the documentation.
pub(super) fn parameter(part: &PartModel) -> Ident {
    match syn::parse2::<Ident>(part.member.clone()) {
        Ok(ident) => ident,
        Err(_) => local(&format!("part_{}", part.name), part.member.span()),
    }
}

pub(super) fn clone(surroundings: &Surroundings<'_>, part: &PartModel) -> TokenStream {
    let (krate, ty) = (&surroundings.model.schema.target.krate, &part.ty);
    quote_spanned!(ty.span()=> #krate::__private::clone::<#ty>)
}

fn generic_clone_bounds(lookup: &LookupModel) -> Vec<TokenStream> {
    let generic = lookup.parts.iter().filter(|part| part.is_generic).map(|part| &part.ty);
    generic.map(|ty| quote!(#ty: ::core::clone::Clone)).collect()
}

fn generic_clones(lookup: &LookupModel) -> Option<TokenStream> {
    let bounds = generic_clone_bounds(lookup);
    (!bounds.is_empty()).then(|| quote!(where #(#bounds),*))
}

pub(super) fn name(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> String {
    format!("{}::{}", surroundings.model.schema.target.ident.unraw(), lookup.constructor)
}

pub(super) fn by_what(lookup: &LookupModel) -> String {
    if lookup.parts.is_empty() {
        return format!("under `{}`", lookup.template.value());
    }
    format!("by {}", listed_parts(&lookup.parts))
}

pub(super) fn listed_parts(parts: &[PartModel]) -> String {
    crate::suggest::listed(parts.iter().map(|part| &*part.name))
}
