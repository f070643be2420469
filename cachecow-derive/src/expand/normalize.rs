//! The normalized values of a field, as used in keys.

use proc_macro2::{Span, TokenStream};
use quote::quote;

use super::fetch::call_by_reference;
use super::local;
use crate::model::{NormalizerModel, PartModel};
use crate::tokens::{at, last_span};

/// The only call of the user's function, so that the compiler reports a fault in it once.
pub(super) fn function(krate: &TokenStream, normalizer: &NormalizerModel) -> TokenStream {
    let NormalizerModel { function, ty, path } = normalizer;
    let part = local("part", Span::call_site());
    let span = last_span(path);
    let call = call_by_reference(krate, path, ty, &quote!(#part));
    let normalized = at(&quote!(#krate::__private::normalized::<#ty, _>), span);
    quote! {
        #[doc(hidden)]
        #[inline]
        fn #function(#part: &#ty) -> #ty {
            #normalized(#call)
        }
    }
}

/// A reference to the normalized part, from a reference to its value.
pub(super) fn in_key(
    object: &TokenStream,
    part: &PartModel,
    reference: TokenStream,
) -> TokenStream {
    if part.normalizer.is_none() {
        return reference;
    }
    let normalized = normalized(object, part, &reference);
    quote!(&#normalized)
}

/// The normalized part, from a reference to its value.
pub(super) fn normalized(
    object: &TokenStream,
    part: &PartModel,
    reference: &TokenStream,
) -> TokenStream {
    let function = &part.normalizer;
    quote!(<#object>::#function(#reference))
}
