//! From input to output: parse, validate, generate.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::faults::Faults;
use crate::function::Function;
use crate::{expand, validate};

/// `#[derive(Cached)]`.
pub(crate) fn cached(input: TokenStream) -> TokenStream {
    derive(input, |input, faults| expand::cached(&validate::cached(input, faults)))
}

/// `#[derive(CacheSchema)]`.
pub(crate) fn cache_schema(input: TokenStream) -> TokenStream {
    derive(input, |input, faults| expand::cache_schema(&validate::cache_schema(input, faults)))
}

/// `#[derive(KeyPart)]`.
pub(crate) fn key_part(input: TokenStream) -> TokenStream {
    derive(input, |input, faults| expand::key_part(&validate::key_part(input, faults)))
}

/// `#[query]`.
pub(crate) fn query(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let mut faults = Faults::default();
    let generated = match syn::parse2::<Function>(item.clone()) {
        Ok(function) => {
            let model = validate::query(arguments, &function, &mut faults);
            let lookup = model.as_ref().map(expand::query);
            quote::quote!(#function #lookup)
        }
        Err(error) => {
            faults.push(error);
            item
        }
    };
    let errors = faults.into_compile_errors();
    quote::quote!(#errors #generated)
}

/// Faults are emitted beside the generated code, not instead of it: a missing impl would cause more
/// errors wherever the type is used.
fn derive(
    input: TokenStream,
    generate: impl FnOnce(&DeriveInput, &mut Faults) -> TokenStream,
) -> TokenStream {
    let mut faults = Faults::default();
    let generated = match syn::parse2::<DeriveInput>(input) {
        Ok(input) => generate(&input, &mut faults),
        Err(error) => {
            faults.push(error);
            TokenStream::new()
        }
    };
    let errors = faults.into_compile_errors();
    quote::quote!(#errors #generated)
}
