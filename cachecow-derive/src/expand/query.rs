//! A cached function: the lookup of its results, which has the function's name. A struct with braces does not
//! conflict with a function of the same name.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::cached::policy;
use super::description;
use super::fetch::into_error;
use super::parts::begun;
use super::table::{table_name, via};
use super::{local, quiet};
use crate::function::plain;
use crate::model::{Given, ParamModel, Passing, QueryModel, RowKeys};
use crate::suggest::listed;
use crate::tokens::{at, compact, mentions};

/// Generates the code beside the function of a `#[query]`.
pub(crate) fn query(model: &QueryModel<'_>) -> TokenStream {
    let cfgs: Vec<_> =
        model.function.attrs.iter().filter(|attr| attr.path().is_ident("cfg")).collect();
    let quiet = quiet();
    let (declaration, constructor) = (declaration(model), constructor(model));
    let (traits, lookup, query) = (traits(model), lookup_impl(model), query_impl(model));
    let followed = followed(model);
    quote! {
        #(#cfgs)*
        #declaration

        #(#cfgs)*
        #constructor

        #(#cfgs)*
        #quiet
        const _: () = {
            #traits
            #query
            #lookup
            #followed
        };
    }
}

fn declaration(model: &QueryModel<'_>) -> TokenStream {
    let (vis, ident, quiet) = (&model.function.vis, &model.function.ident, quiet());
    let fields = model.params.iter().map(|param| {
        let (name, ty) = (&param.ident, held(&model.krate, param));
        quote!(#name: #ty)
    });
    let doc = format!("Looks answers of `{}` up, made by [`of`](Self::of).", plain(ident));
    quote! {
        #[doc = #doc]
        #quiet
        #[allow(non_camel_case_types)]
        #[must_use = "a lookup does nothing until it is given to `ask`, `get`, `invalidate` or `write`"]
        #vis struct #ident { #(#fields),* }
    }
}

fn constructor(model: &QueryModel<'_>) -> TokenStream {
    let (krate, vis, ident, quiet) =
        (&model.krate, &model.function.vis, &model.function.ident, quiet());
    let parameters = model.params.iter().map(|param| {
        let (name, ty) = (&param.ident, held(krate, param));
        match param.passing {
            Passing::Value => quote!(#name: #ty),
            Passing::Text | Passing::SharedText => quote!(#name: impl ::core::convert::Into<#ty>),
            Passing::Reference => quote!(#name: impl ::core::borrow::Borrow<#ty>),
        }
    });
    let values = model.params.iter().map(|param| {
        let (name, ty) = (&param.ident, held(krate, param));
        match param.passing {
            Passing::Value => quote!(#name),
            Passing::Text | Passing::SharedText => {
                quote!(#name: ::core::convert::Into::<#ty>::into(#name))
            }
            Passing::Reference => {
                let clone = clone(krate, &ty);
                quote!(#name: #clone(<_ as ::core::borrow::Borrow<#ty>>::borrow(&#name)))
            }
        }
    });
    let names = model.params.iter().map(|param| &*param.name);
    let by =
        if model.params.is_empty() { String::new() } else { format!(" for {}", listed(names)) };
    let doc = format!("Looks the answer of `{}`{by} up.", plain(ident));
    quote! {
        #quiet
        #[automatically_derived]
        impl #ident {
            #[doc = #doc]
            #[inline]
            #vis fn of(#(#parameters),*) -> Self {
                Self { #(#values),* }
            }
        }
    }
}

/// `Clone`, `Debug` and `CacheKeys`.
fn traits(model: &QueryModel<'_>) -> TokenStream {
    let (krate, ident) = (&model.krate, &model.function.ident);
    let clones = model.params.iter().map(|param| {
        let (name, clone) = (&param.ident, clone(krate, &held(krate, param)));
        quote!(#name: #clone(&self.#name))
    });
    let (name, template) = (plain(ident), model.template.value());
    let types = model.params.iter().map(|param| match param.given {
        Given::Text => "str".to_owned(),
        Given::Slice => format!("[{}]", compact(&param.ty)),
        _ => compact(&param.ty),
    });
    let shown = model.params.iter().map(|param| {
        let name = &param.ident;
        quote!((&&Part(&self.#name)).cachecow_debug())
    });
    quote! {
        #[automatically_derived]
        impl ::core::clone::Clone for #ident {
            #[inline]
            fn clone(&self) -> Self {
                Self { #(#clones),* }
            }
        }

        #[automatically_derived]
        impl ::core::fmt::Debug for #ident {
            #[inline]
            fn fmt(&self, formatter: &mut ::core::fmt::Formatter<'_>) -> ::core::fmt::Result {
                use #krate::__private::{HiddenPart as _, Part, ShownPart as _};
                #krate::__private::debug(
                    formatter,
                    (#name, #template),
                    &[#(#types),*],
                    &[#(#shown),*],
                )
            }
        }

        #[automatically_derived]
        impl #krate::CacheKeys for #ident {
            #[inline]
            fn add_to(&self, set: &mut #krate::KeySet) {
                set.add(
                    <Self as #krate::Lookup>::key(self).key(),
                    <Self as #krate::Query>::POLICY,
                );
            }
        }
    }
}

fn query_impl(model: &QueryModel<'_>) -> TokenStream {
    let QueryModel { krate, function, emptied, output, version, .. } = model;
    let (ident, name) = (&function.ident, plain(&function.ident));
    let policy = policy(krate, &model.policy);
    let result = &output.ty;
    let value = output.value.clone().unwrap_or_else(|| {
        let value = quote_spanned!(result.span()=> <#result as #krate::__private::QueryOutput>);
        quote!(#value::Value)
    });
    let shared = quote!(#krate::__private::Arc<Self::Value>);
    let option = quote!(::core::option::Option);
    let share = quote!(#option::map(found, #krate::__private::shared_answer));
    let (returned, given) = if output.is_optional {
        (quote!(#option<#shared>), quote!(#option::Some(#share)))
    } else {
        (shared, share)
    };
    let clearable = (!model.rows.is_empty()).then(|| {
        quote! {
            const CLEARABLE: ::core::primitive::bool = true;
        }
    });
    let shape = version.unwrap_or(0).wrapping_mul(2).wrapping_add(u64::from(output.is_optional));
    // A result stored by a version without rows carries no epoch of its own, so the shape differs.
    let description = description::of_query(model);
    let shape = if model.rows.is_empty() { shape } else { shape ^ (1 << 63) };
    quote! {
        #[automatically_derived]
        impl #krate::Query for #ident {
            type Value = #value;
            type Output = #returned;
            const NAME: &'static ::core::primitive::str = #name;
            const POLICY: #krate::TypePolicy = #policy;
            const TEMPLATES: &'static [&'static ::core::primitive::str] = &[#emptied];
            const SHAPE: ::core::primitive::u64 = #shape;
            const DESCRIPTION: &'static ::core::primitive::str = #description;
            #clearable

            #[inline]
            fn output(
                found: #option<#krate::__private::Arc<#krate::Answer<Self>>>,
            ) -> #option<Self::Output> {
                #given
            }

            #[inline]
            fn slot() -> ::core::primitive::usize {
                static SLOT: #krate::__private::StaticSlot = #krate::__private::StaticSlot::new();
                SLOT.get()
            }
        }
    }
}

fn lookup_impl(model: &QueryModel<'_>) -> TokenStream {
    let QueryModel { krate, function, context, key, emptied, .. } = model;
    let ident = &function.ident;
    let name = plain(ident);
    let context = context.clone().unwrap_or_else(|| quote!(()));
    let (encoder, begun) = (local("encoder", model.template.span()), begun(krate, emptied));
    let encodes = key.iter().map(|&at| {
        let (name, ty) = (&model.params[at].ident, held(krate, &model.params[at]));
        let encode = quote_spanned!(ty.span()=> #krate::__private::encode::<#ty>);
        quote!(#encode(&self.#name, &mut #encoder);)
    });
    let (fetch, tags) = (fetch(model), tags(model));
    quote! {
        #[automatically_derived]
        impl #krate::Lookup for #ident {
            type Object = #krate::Answer<Self>;
            type Context = #context;
            const NAME: &'static ::core::primitive::str = #name;

            #[inline]
            fn key(&self) -> #krate::KeyEncoder {
                let mut #encoder = #begun;
                #(#encodes)*
                #encoder
            }

            #[inline]
            fn key_of(object: &Self::Object) -> #krate::KeyEncoder {
                #krate::__private::key_of_answer(object)
            }

            #[inline]
            fn finds(&self, object: &Self::Object) -> ::core::primitive::bool {
                #krate::__private::answers(object, &<Self as #krate::Lookup>::key(self))
            }

            #[inline]
            fn audited(&self) -> ::core::option::Option<#krate::Audited> {
                ::core::option::Option::Some(
                    #krate::Audited::of(::core::clone::Clone::clone(self)),
                )
            }

            #tags
            #fetch
        }
    }
}

/// The call of the function. Compiler errors about its future point at its name.
fn fetch(model: &QueryModel<'_>) -> TokenStream {
    let QueryModel { krate, function, .. } = model;
    let span = function.ident.span();
    let (context, key) = (local("_context", span), local("key", span));
    let lent = model.context.as_ref().map(|_| quote!(#context,));
    let arguments = model.params.iter().map(|param| given(krate, param));
    let ident = &function.ident;
    let into_error = into_error(krate, &quote!(#krate::Lookup));
    let fetch = quote! {
        #[inline]
        fn fetch(
            &self,
            #context: &Self::Context,
        ) -> impl ::core::future::Future<
            Output = ::core::result::Result<::core::option::Option<Self::Object>, #krate::Error>,
        > + ::core::marker::Send {
            let #key = <Self as #krate::Lookup>::key(self);
            async move {
                #krate::__private::answer::<Self, _>(
                    #key,
                    #ident(#lent #(#arguments),*).await,
                    #into_error,
                )
            }
        }
    };
    at(&fetch, span)
}

/// The tags' expressions see the parameters as the function body does.
fn tags(model: &QueryModel<'_>) -> Option<TokenStream> {
    // Without tags the trait's own method is right: it visits the epoch of results that depend on rows.
    if model.tags.is_empty() {
        return None;
    }
    let krate = &model.krate;
    let visit = local("visit", Span::call_site());
    let whole = (!model.rows.is_empty())
        .then(|| quote!(#visit(<#krate::Answer<Self> as #krate::Cached>::whole());));
    let mentioned = model.params.iter().filter(|param| {
        model.tags.iter().any(|tag| mentions(tag, &|ident| plain(ident) == param.name))
    });
    let bindings = mentioned.map(|param| {
        let (name, value) = (&param.ident, given(krate, param));
        quote!(let #name = #value;)
    });
    let visits = model.tags.iter().map(|tag| {
        let visits = quote_spanned!(tag.span()=> #krate::__private::tags);
        quote!(#visits(#tag, #visit);)
    });
    Some(quote! {
        const TAGGED: ::core::primitive::bool = true;

        #[inline]
        fn each_epoch(
            &self,
            _: ::core::option::Option<&Self::Object>,
            #visit: &mut dyn ::core::ops::FnMut(#krate::Key),
        ) {
            #(#bindings)*
            #(#visits)*
            #whole
        }

        #[inline]
        fn each_guard(&self, visit: &mut dyn ::core::ops::FnMut(#krate::Key)) {
            <Self as #krate::Lookup>::each_epoch(self, ::core::option::Option::None, visit);
        }
    })
}

/// The keys that a changed row invalidates, for a query that depends on rows.
fn followed(model: &QueryModel<'_>) -> Option<TokenStream> {
    if model.rows.is_empty() {
        return None;
    }
    let QueryModel { krate, function, .. } = model;
    let ident = &function.ident;
    let tables = model.rows.iter().map(|rows| {
        let table = table_name(krate, &rows.table);
        match &rows.keys {
            RowKeys::Columns(columns) => {
                let read = read_rows(model, columns);
                quote!(#krate::log::FollowedTable::of_rows::<Self>(#table, |reader| { #read }))
            }
            RowKeys::Via { path, columns } => {
                let function = (path, columns.as_deref());
                let named = via(krate, function, model.context.as_ref(), &quote!(Query));
                quote!(#krate::log::FollowedTable::of_rows::<Self>(#table, |_| {}) #named)
            }
        }
    });
    Some(quote! {
        #krate::__private::need_log!();
        #krate::__private::log_items! {
            #[automatically_derived]
            impl #krate::log::FollowedTypes for #ident {
                #[inline]
                fn tables() -> #krate::__private::Vec<#krate::log::FollowedTable> {
                    #krate::__private::Vec::from([#(#tables),*])
                }
            }
        }
    })
}

fn read_rows(model: &QueryModel<'_>, columns: &[String]) -> TokenStream {
    let QueryModel { krate, key, emptied, .. } = model;
    let begun = begun(krate, emptied);
    let params: Vec<&ParamModel> = key.iter().map(|&at| &model.params[at]).collect();
    let name = |at: usize| local(&format!("part_{at}"), Span::call_site());
    let names: Vec<_> = (0..params.len()).map(name).collect();
    let reads = params.iter().zip(columns).map(|(param, column)| {
        let (ty, shown) = (held(krate, param), compact(&param.ty));
        // Compiler errors about the type point at the parameter.
        let read = quote_spanned!(param.ty.span()=> #krate::log::RowReader::part::<#ty>);
        quote!(#read(reader, #column, #shown, #krate::log::ColumnUse::Query))
    });
    let encodes = params.iter().zip(&names).map(|(param, name)| {
        let ty = held(krate, param);
        quote!(#krate::__private::encode::<#ty>(&#name, &mut encoder);)
    });
    quote! {
        if let (#(::core::option::Option::Some(#names),)*) = (#(#reads,)*) {
            #[allow(unused_mut)]
            let mut encoder = #begun;
            #(#encodes)*
            reader.add_key(encoder.key(), <Self as #krate::Query>::POLICY);
        }
    }
}

/// A part in the form that the function takes.
fn given(krate: &TokenStream, param: &ParamModel) -> TokenStream {
    let name = &param.ident;
    match param.given {
        Given::Copy => quote!(self.#name),
        Given::Clone => {
            let clone = clone(krate, &held(krate, param));
            quote!(#clone(&self.#name))
        }
        Given::Reference => quote!(&self.#name),
        Given::Text => quote!(#krate::__private::text(&self.#name)),
        Given::Slice => quote!(&self.#name[..]),
    }
}

/// The type of a part as the lookup holds it.
fn held(krate: &TokenStream, param: &ParamModel) -> TokenStream {
    let ty = &param.ty;
    match param.given {
        Given::Text => quote!(#krate::__private::String),
        Given::Slice => quote!(#krate::__private::Vec<#ty>),
        Given::Copy | Given::Clone | Given::Reference => ty.clone(),
    }
}

fn clone(krate: &TokenStream, ty: &TokenStream) -> TokenStream {
    quote_spanned!(ty.span()=> #krate::__private::clone::<#ty>)
}
