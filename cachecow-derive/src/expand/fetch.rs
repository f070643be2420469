//! The calls of the user's functions.
//!
//! Compiler errors about such a call should point at the path that the user wrote, so all tokens
//! around it get its span.

use proc_macro2::{Delimiter, Group, Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};

use super::local;
use super::parts::{part_local, pattern};
use super::surroundings::Surroundings;
use crate::model::{Calling, FetchFunction, ListModel, LookupModel, Passing};
use crate::tokens::{at, last_span};

/// The largest number of arguments that `__private::call` implements.
const MOST_ARGUMENTS: usize = 8;

/// `Lookup::fetch`.
pub(super) fn fetch(surroundings: &Surroundings<'_>, lookup: &LookupModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let future = future_type(surroundings, &quote!(::core::option::Option<Self::Object>));
    let trait_name = quote!(#krate::Lookup);
    let by = quote!(found::<#object, _>);
    let by_blocking = quote!(found_blocking::<#object, _>);
    fetch_parts(surroundings, lookup, &Converted { future, by, by_blocking, trait_name })
}

/// `ListLookup::fetch`.
pub(super) fn fetch_list(
    surroundings: &Surroundings<'_>,
    list: &ListModel,
    member: &TokenStream,
) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let listed = quote!(#krate::Listed<Self::Object, Self::Member>);
    let future = future_type(surroundings, &listed);
    let trait_name = quote!(#krate::ListLookup);
    let by = quote!(listed::<#object, #member, _, _>);
    let by_blocking = quote!(listed_blocking::<#object, #member, _, _>);
    fetch_parts(surroundings, &list.lookup, &Converted { future, by, by_blocking, trait_name })
}

/// How the output of a user's function is converted.
struct Converted {
    /// The type of the resulting future.
    future: TokenStream,
    /// The function of the runtime that converts it.
    by: TokenStream,
    /// The same, for a user's function that is not async.
    by_blocking: TokenStream,
    /// The trait whose function it is.
    trait_name: TokenStream,
}

/// A call with the parts of the lookup.
fn fetch_parts(
    surroundings: &Surroundings<'_>,
    lookup: &LookupModel,
    converted: &Converted,
) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let Some(FetchFunction { path, calling }) = &lookup.fetch else {
        let future = &converted.future;
        return quote! {
            #[inline]
            fn fetch(&self, _: &Self::Context) -> #future {
                #krate::__private::never()
            }
        };
    };
    let span = last_span(path);
    let parts = lookup.parts.iter().enumerate().map(|(index, part)| {
        let name = part_local(index, part);
        let argument = match part.passing {
            Passing::Value => quote!(*#name),
            Passing::Text => quote!(#krate::__private::text(#name)),
            Passing::SharedText | Passing::Reference => quote!(#name),
        };
        at(&argument, span)
    });
    let context = local("_context", span);
    let lent = surroundings.model.context.as_ref().map(|_| context.to_token_stream());
    let arguments: Vec<TokenStream> = lent.into_iter().chain(parts).collect();
    let found = found(krate, (path, *calling), &arguments, converted);
    let (pattern, future) = (pattern(lookup), at(&converted.future, span));
    if *calling == Calling::Blocking {
        let parts = at(&quote!(<Self as ::core::clone::Clone>::clone(self).0), span);
        let work = quote!(|#context, #pattern| #found);
        let blocking = blocking(krate, converted, &context, &parts, &work, span);
        return quote! {
            fn fetch(&self, #context: &Self::Context) -> #future {
                #blocking
            }
        };
    }
    quote! {
        #[inline]
        fn fetch(&self, #context: &Self::Context) -> #future {
            let #pattern = &self.0;
            #found
        }
    }
}

/// `Lookup::fetch_many`.
pub(super) fn fetch_many(
    surroundings: &Surroundings<'_>,
    FetchFunction { path, calling }: &FetchFunction,
) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let span = last_span(path);
    let (context, parts) = (local("_context", span), local("parts", span));
    let lent = surroundings.model.context.as_ref().map(|_| context.to_token_stream());
    let arguments: Vec<TokenStream> =
        lent.into_iter().chain([at(&quote!(&#parts[..]), span)]).collect();
    let object = &surroundings.model.schema.target.object;
    let future = future_type(surroundings, &quote!(#krate::__private::Vec<Self::Object>));
    let trait_name = quote!(#krate::Lookup);
    let by = quote!(found_many::<#object, _>);
    let by_blocking = quote!(found_many_blocking::<#object, _>);
    let converted = Converted { future, by, by_blocking, trait_name };
    let found = found(krate, (path, *calling), &arguments, &converted);
    let future = &converted.future;
    let head = quote! {
        #[inline]
        fn fetch_many<'many>(
            lookups: &'many [&'many Self],
            #context: &'many Self::Context,
        ) -> ::core::option::Option<#future + 'many>
    };
    let gather = quote! {
        let #parts = #krate::__private::gather(
            lookups,
            |lookup| <Self as ::core::clone::Clone>::clone(lookup).0,
        );
    };
    // All tokens get the span of the path: which of them the compiler chooses to report a bound on the future is
    // not known.
    let (head, gather) = (at(&head, span), at(&gather, span));
    let found = match calling {
        Calling::Async => found,
        Calling::Blocking => {
            let work = quote!(|#context, #parts| #found);
            blocking(krate, &converted, &context, &parts.to_token_stream(), &work, span)
        }
    };
    let some = at(&quote!(::core::option::Option::Some), span);
    let some = quote_spanned!(span=> #some(#found));
    quote_spanned!(span=> #head { #gather #some })
}

fn future_type(surroundings: &Surroundings<'_>, output: &TokenStream) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    quote! {
        impl ::core::future::Future<
            Output = ::core::result::Result<#output, #krate::Error>,
        > + ::core::marker::Send
    }
}

/// Calls the user's function and converts its result.
///
/// An async function is awaited here and not in the runtime: otherwise an unmet bound on its future would be
/// reported again for the surrounding future.
fn found(
    krate: &TokenStream,
    (path, calling): (&TokenStream, Calling),
    arguments: &[TokenStream],
    Converted { by, by_blocking, trait_name, .. }: &Converted,
) -> TokenStream {
    let span = last_span(path);
    let (checked, convert) = match calling {
        Calling::Async => (quote!(call), by),
        Calling::Blocking => (quote!(call_blocking), by_blocking),
    };
    let call = checked_call(&quote!(#krate::__private::#checked), path, arguments);
    let convert = at(&quote!(#krate::__private::#convert), span);
    let into_error = at(&into_error(krate, trait_name), span);
    match calling {
        Calling::Async => {
            quote_spanned!(span=> async move { #convert(#call.await, #into_error) })
        }
        Calling::Blocking => quote_spanned!(span=> #convert(#call, #into_error)),
    }
}

/// Runs the work on the blocking pool, with copies of the context and the parts.
fn blocking(
    krate: &TokenStream,
    Converted { trait_name, .. }: &Converted,
    context: &Ident,
    parts: &TokenStream,
    work: &TokenStream,
    span: Span,
) -> TokenStream {
    let run = at(&quote!(#krate::__private::blocking), span);
    quote_spanned!(span=> #run(<Self as #trait_name>::NAME, #context, #parts, #work))
}

/// `|error| …`: converts the fetch function's error into `Error`. There are two ways, depending on
/// the traits of its type, which is known only here.
pub(super) fn into_error(krate: &TokenStream, trait_name: &TokenStream) -> TokenStream {
    let error = local("error", Span::call_site());
    quote! {
        |#error| {
            use #krate::__private::ErrorKindOf as _;
            (&&&#krate::__private::Tag::of(&#error))
                .cachecow_error_kind()
                .wrap(<Self as #trait_name>::NAME, #error)
        }
    }
}

/// A call of the user's function. Errors underline the path, not generated code.
pub(super) fn call(path: &TokenStream, arguments: &TokenStream) -> TokenStream {
    let mut group = Group::new(Delimiter::Parenthesis, arguments.clone());
    group.set_span(last_span(path));
    quote!(#path #group)
}

/// A call with one argument, a reference to a `value` of this type. Its errors say what the function must take.
pub(super) fn call_by_reference(
    krate: &TokenStream,
    path: &TokenStream,
    value: &TokenStream,
    argument: &TokenStream,
) -> TokenStream {
    let span = last_span(path);
    // The compiler reports a fault once for each span, so the argument is a block with the span of the call.
    let mut block = Group::new(Delimiter::Brace, path.clone());
    block.set_span(Span::call_site().located_at(span));
    let by_reference = at(&quote!(#krate::__private::by_reference::<#value, _, _, _>), span);
    let mut checked = Group::new(Delimiter::Parenthesis, block.into_token_stream());
    checked.set_span(Span::call_site().located_at(span));
    call(&quote!(#by_reference #checked), &at(argument, span))
}

/// A call whose errors name the argument that does not fit.
fn checked_call(by: &TokenStream, path: &TokenStream, arguments: &[TokenStream]) -> TokenStream {
    if arguments.len() > MOST_ARGUMENTS {
        return call(path, &quote!(#(#arguments),*));
    }
    let span = last_span(path);
    let checked = at(by, span);
    quote_spanned!(span=> #checked((#(#arguments,)*), #path))
}
