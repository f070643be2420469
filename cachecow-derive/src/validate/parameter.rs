//! A parameter of a cached function.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{Lifetime, Type, TypeReference};

use super::lookup::passing;
use crate::faults::Faults;
use crate::function::{Param, plain};
use crate::model::{Given, ParamModel, Passing};
use crate::query_options::not_in_key;
use crate::tokens::{self, peeled};

/// A parameter, with its name without `r#`.
pub(super) struct Parameter {
    pub(super) name: String,
    pub(super) role: Role,
}

pub(super) enum Role {
    /// The context, of this type, which is passed by reference.
    Context(TokenStream),
    Part(ParamModel),
}

/// Validates a parameter; `None` if no lookup could hold it.
pub(super) fn parameter(
    param: &Param,
    is_first: bool,
    placeholders: &[String],
    faults: &mut Faults,
) -> Option<Parameter> {
    let mark = not_in_key(&param.attrs, faults);
    // A receiver was reported with the signature.
    let ty = param.ty.as_ref().filter(|_| !param.is_receiver())?;
    let reference = match peeled(ty) {
        Type::Reference(reference) => Some(reference),
        _ => None,
    };
    let name = param.name();
    let is_in_key = name.as_ref().is_some_and(|name| placeholders.contains(&plain(name)));
    // Text and slices cannot be a context: such a parameter was probably forgotten in the key.
    let lends_data = |reference: &TypeReference| is_data(&reference.elem);
    if let Some(reference) = reference
        && is_first
        && !is_in_key
        && mark.is_none()
        && !lends_data(reference)
    {
        return context(reference, name.as_ref().map(plain), faults);
    }
    let Some(ident) = name else {
        faults.add(
            &param.pattern,
            "a query's parameter needs a name, for the key and for `of`: write `name: Type`, and \
             destructure it in the body",
        );
        return None;
    };
    if tokens::mentions(ty, &|ident| ident == "impl") {
        faults.add(
            ty,
            "a lookup stores this parameter, so its type needs a name: write the type \
            instead of `impl Trait`",
        );
        return None;
    }
    if let Some(reference) = reference.filter(|reference| reference.mutability.is_some()) {
        faults.add(
            reference,
            "a query cannot change its parameters, since a hit does not call the function: take a \
             shared reference or a value",
        );
        return None;
    }
    let owned = reference.map_or(ty, |reference| &reference.elem);
    if let Some(borrowed) = borrows_within(owned) {
        faults.add(
            &borrowed,
            "a lookup owns its parts, but this type borrows: write a type that owns its data \
             (`Option<String>` for `Option<&str>`)",
        );
        return None;
    }
    let (ty, passing, given) = held(owned, reference.is_some());
    let part = ParamModel { name: plain(&ident), ident, ty, passing, given, not_in_key: mark };
    Some(Parameter { name: part.name.clone(), role: Role::Part(part) })
}

fn context(
    reference: &TypeReference,
    name: Option<String>,
    faults: &mut Faults,
) -> Option<Parameter> {
    let elem = &*reference.elem;
    let fault = if reference.mutability.is_some() {
        Some("many calls share the context at the same time: take a shared reference")
    } else if matches!(peeled(elem), Type::ImplTrait(_)) {
        Some("the context must have one type: write `&dyn Trait`, or name the type")
    } else if borrows_within(elem).is_some() {
        Some("the context's type cannot borrow: own the data, or hold it in an `Arc`")
    } else {
        None
    };
    if let Some(message) = fault {
        faults.add(reference, message);
        return None;
    }
    let ty = elem.to_token_stream();
    Some(Parameter { name: name.unwrap_or_default(), role: Role::Context(ty) })
}

/// Whether the type is data for a key, rather than a context.
fn is_data(ty: &Type) -> bool {
    match peeled(ty) {
        Type::Slice(_) | Type::Array(_) | Type::Tuple(_) => true,
        ty => {
            let is_text = tokens::last_segment(ty).is_some_and(|segment| segment.ident == "str");
            is_text || passing(ty) != Passing::Reference
        }
    }
}

/// What a lookup holds for a parameter of this type, and how it is passed to `of` and to the function.
fn held(ty: &Type, by_reference: bool) -> (TokenStream, Passing, Given) {
    let is_text = tokens::last_segment(ty).is_some_and(|segment| segment.ident == "str");
    match (peeled(ty), by_reference) {
        // The generated code uses full paths for these, so the user's names do not matter.
        (_, true) if is_text => (TokenStream::new(), Passing::Text, Given::Text),
        (Type::Slice(slice), true) => {
            let elem = &slice.elem;
            (quote!(#elem), Passing::Text, Given::Slice)
        }
        (ty, true) => (ty.to_token_stream(), passing(ty), Given::Reference),
        (ty, false) if passing(ty) == Passing::Value => {
            (ty.to_token_stream(), Passing::Value, Given::Copy)
        }
        (ty, false) => (ty.to_token_stream(), passing(ty), Given::Clone),
    }
}

/// The first reference or lifetime in a type.
pub(super) fn borrows_within(ty: &Type) -> Option<TokenStream> {
    let mut rest = ty.to_token_stream().into_iter().peekable();
    borrowed(&mut rest)
}

fn borrowed(
    rest: &mut std::iter::Peekable<proc_macro2::token_stream::IntoIter>,
) -> Option<TokenStream> {
    use proc_macro2::TokenTree;
    while let Some(token) = rest.next() {
        match token {
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                let mut found = punct.to_token_stream();
                found.extend(rest.next());
                return Some(found);
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' => {
                if let Some(TokenTree::Ident(name)) = rest.next()
                    && name != "static"
                {
                    let apostrophe = punct.span();
                    return Some(Lifetime { apostrophe, ident: name }.to_token_stream());
                }
            }
            TokenTree::Group(group) => {
                if let Some(found) = borrowed(&mut group.stream().into_iter().peekable()) {
                    return Some(found);
                }
            }
            _ => {}
        }
    }
    None
}
