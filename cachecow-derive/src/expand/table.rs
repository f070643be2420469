//! A struct whose objects are rows of a table: the keys of a row.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;

use super::fetch::call;
use super::local;
use super::normalize::normalized;
use super::parts::{one_or_tuple, part_locals};
use super::surroundings::Surroundings;
use super::tag::encoding;
use super::where_clause;
use crate::model::{LookupModel, PartModel, RowKeys, TableModel, TagModel};
use crate::tokens::{at, compact, last_span};

/// `Followed`, for a struct with a table.
pub(super) fn followed_impl(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let model = surroundings.model;
    let table = model.table.as_ref().filter(|_| !model.lookups.is_empty())?;
    let target = &model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let bounds: Vec<TokenStream> =
        surroundings.bounds.iter().cloned().chain(generic_bounds(surroundings)).collect();
    let clause = where_clause(target.generics, &bounds);
    let table = table_name(krate, table);
    let lookups = model.lookups.iter().enumerate();
    let usage = |at| if at == 0 { quote!(Key) } else { quote!(Alias) };
    let lookups = lookups.map(|(at, lookup)| {
        add_lookup(surroundings, &usage(at), lookup, &own_columns(&lookup.parts))
    });
    let lists = model.lists.iter();
    let lists = lists.map(|list| {
        let columns = own_columns(&list.lookup.parts);
        add_lookup(surroundings, &quote!(List), &list.lookup, &columns)
    });
    let tags = model.tags.iter().map(|tag| add_tag(surroundings, tag));
    let others = others(surroundings);
    Some(quote! {
        #krate::__private::need_log!();
        #krate::__private::log_items! {
            #[automatically_derived]
            impl #impl_generics #krate::log::Followed for #object #clause {
                #[inline]
                fn table() -> #krate::log::TableName {
                    #table
                }

                #[inline]
                fn read_keys(reader: &mut #krate::log::RowReader<'_, '_>) {
                    #(#lookups)*
                    #(#lists)*
                    #(#tags)*
                }

                #others
            }
        }
    })
}

pub(super) fn table_name(krate: &TokenStream, table: &TableModel) -> TokenStream {
    let name = &table.name;
    let schema = if let Some(schema) = &table.schema {
        quote!(::core::option::Option::Some(#schema))
    } else {
        quote!(::core::option::Option::None)
    };
    quote!(#krate::log::TableName::new(#schema, #name))
}

/// A lookup or a list.
fn add_lookup(
    surroundings: &Surroundings<'_>,
    usage: &TokenStream,
    lookup: &LookupModel,
    columns: &[&str],
) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (_, arguments, _) = target.generics.split_for_impl();
    let ty = &lookup.ty;
    let turbofish = arguments.as_turbofish();
    let values = one_or_tuple(values(surroundings, &lookup.parts));
    let keys = quote!(#ty #turbofish (#values, ::core::marker::PhantomData));
    add(surroundings, (&lookup.parts, columns), usage, &keys)
}

/// The rows of other tables that lists depend on.
fn others(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let krate = &surroundings.model.schema.target.krate;
    let lists = &surroundings.model.lists;
    let rows = lists.iter().flat_map(|list| list.rows.iter().map(move |rows| (list, rows)));
    let tables = rows.map(|(list, rows)| {
        let table = table_name(krate, &rows.table);
        match &rows.keys {
            RowKeys::Columns(columns) => {
                let columns: Vec<&str> = columns.iter().map(|column| &**column).collect();
                let read = add_lookup(surroundings, &quote!(List), &list.lookup, &columns);
                quote!(#krate::log::FollowedTable::of_list::<Self>(#table, |reader| { #read }))
            }
            RowKeys::Via { path, columns } => {
                let context = surroundings.model.context.as_ref();
                let named = via(krate, (path, columns.as_deref()), context, &quote!(List));
                quote!(#krate::log::FollowedTable::of_list::<Self>(#table, |_| {}) #named)
            }
        }
    });
    let tables: Vec<TokenStream> = tables.collect();
    (!tables.is_empty()).then(|| {
        quote! {
            #[inline]
            fn others() -> #krate::__private::Vec<#krate::log::FollowedTable> {
                #krate::__private::Vec::from([#(#tables),*])
            }
        }
    })
}

/// The keys that a user's function returns. Compiler errors about the function point at its path.
pub(super) fn via(
    krate: &TokenStream,
    (path, columns): (&TokenStream, Option<&[String]>),
    context: Option<&TokenStream>,
    usage: &TokenStream,
) -> TokenStream {
    let span = last_span(path);
    let columns = columns.map_or_else(
        || quote!(::core::option::Option::None),
        |columns| quote!(::core::option::Option::Some(&[#(#columns),*])),
    );
    let (held, row) = (local("_context", span), local("row", span));
    let lent = context.map(|_| quote!(&*#held,));
    let context = context.map_or_else(|| quote!(()), ToTokens::to_token_stream);
    let shown = compact(&context);
    let arguments = at(&quote!(#lent &#row.row()), span);
    let named = at(&quote!(#krate::__private::named_keys), span);
    let call = call(path, &arguments);
    let body = quote_spanned!(span=> {
        #named(#call.await, |error| {
            use #krate::__private::ErrorKindOf as _;
            (&&&#krate::__private::Tag::of(&error)).cachecow_error_kind().wrap("via", error)
        })
    });
    let boxed = at(&quote!(#krate::__private::boxed), span);
    let function = quote_spanned!(span=> |#held, #row| #boxed(async move #body));
    quote!(.via::<#context>(#krate::log::ColumnUse::#usage, #columns, #shown, #function))
}

/// The columns of the objects' own table that the parts are read from.
fn own_columns(parts: &[PartModel]) -> Vec<&str> {
    parts.iter().map(|part| &*part.column).collect()
}

fn add_tag(surroundings: &Surroundings<'_>, tag: &TagModel) -> TokenStream {
    let encoding = encoding(tag);
    let values = values(surroundings, &tag.parts);
    // Only query results: the other objects with this tag have not changed.
    let keys = quote!(Self::#encoding(#(&#values),*).queries());
    add(surroundings, (&tag.parts, &own_columns(&tag.parts)), &quote!(Tag), &keys)
}

/// Adds `keys` if the row has all their parts.
fn add(
    surroundings: &Surroundings<'_>,
    (parts, columns): (&[PartModel], &[&str]),
    usage: &TokenStream,
    keys: &TokenStream,
) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    if parts.is_empty() {
        return quote!(reader.add(&#keys););
    }
    let locals = part_locals(parts);
    let reads = parts.iter().zip(columns).map(|(part, column)| {
        let (ty, shown) = (&part.ty, compact(&part.ty));
        // Compiler errors about the type point at the field.
        let read = quote_spanned!(ty.span()=> #krate::log::RowReader::part::<#ty>);
        quote!(#read(reader, #column, #shown, #krate::log::ColumnUse::#usage))
    });
    // All columns are read before the function returns, so that every missing one is reported.
    quote! {
        if let (#(::core::option::Option::Some(#locals),)*) = (#(#reads,)*) {
            reader.add(&#keys);
        }
    }
}

/// The parts in the form that keys have.
fn values<'a>(
    surroundings: &'a Surroundings<'_>,
    parts: &'a [PartModel],
) -> impl Iterator<Item = TokenStream> + 'a {
    let object = &surroundings.model.schema.target.object;
    parts.iter().zip(part_locals(parts)).map(move |(part, name)| {
        if part.normalizer.is_some() {
            normalized(object, part, &quote!(&#name))
        } else {
            quote!(#name)
        }
    })
}

fn generic_bounds(surroundings: &Surroundings<'_>) -> Vec<TokenStream> {
    let model = surroundings.model;
    let krate = &model.schema.target.krate;
    let in_lookups = model.lookups.iter().flat_map(|lookup| &lookup.parts);
    let in_lists = model.lists.iter().flat_map(|list| &list.lookup.parts);
    let parts = in_lookups.chain(in_lists).chain(model.tags.iter().flat_map(|tag| &tag.parts));
    let generic = parts.filter(|part| part.is_generic).map(|part| &part.ty);
    generic.map(|ty| quote!(#ty: #krate::log::FromColumn)).collect()
}
