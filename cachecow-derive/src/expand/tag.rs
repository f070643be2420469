//! The tags: their constructors, and their items in `Cached`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;

use super::lookup::{listed_parts, parameter, parameter_type};
use super::normalize::in_key;
use super::parts::{argument, begun, encode_parts, part_locals};
use super::schema::arguments;
use super::surroundings::Surroundings;
use super::{local, quiet, where_clause};
use crate::model::TagModel;
use crate::tokens::at;

/// The items of `Cached`; none for a struct without tags.
pub(super) fn items(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let model = surroundings.model;
    // After a fault there may be tags without a lookup.
    let is_scoped = !model.tags.is_empty() || model.is_clearable;
    let first = model.lookups.first().filter(|_| is_scoped)?;
    let krate = &model.schema.target.krate;
    let begun = begun(&model.schema.target.krate, &first.emptied);
    let encoder = local("encoder", first.template.span());
    let arguments = arguments(&model.schema, &quote!(&mut #encoder));
    let visits = model.tags.iter().map(|tag| {
        let constructor = encoding(tag);
        let own = tag.parts.iter().map(|part| {
            let member = &part.member;
            in_key(&model.schema.target.object, part, quote!(&self.#member))
        });
        quote!(visit(Self::#constructor(#(#own),*));)
    });
    let tags = (!model.tags.is_empty()).then(|| {
        quote! {
            const TAGGED: ::core::primitive::bool = true;

            #[inline]
            fn each_tag(&self, visit: &mut dyn ::core::ops::FnMut(#krate::Tag<Self>)) {
                #(#visits)*
            }
        }
    });
    let clearable = model.is_clearable.then(|| clearable(surroundings));
    Some(quote! {
        #tags
        #clearable

        #[inline]
        fn tag_scope() -> #krate::KeyEncoder {
            let mut #encoder = #begun;
            #arguments
            #encoder
        }
    })
}

/// Makes everything of the type invalidated at once. Only a type without parameters can keep its epoch's key in a
/// static.
fn clearable(surroundings: &Surroundings<'_>) -> TokenStream {
    let krate = &surroundings.model.schema.target.krate;
    let whole = (surroundings.model.schema.arity() == 0).then(|| {
        quote! {
            fn whole() -> #krate::Key {
                static KEY: #krate::__private::WholeKey = #krate::__private::WholeKey::new();
                KEY.get::<Self>()
            }
        }
    });
    quote! {
        const CLEARABLE: ::core::primitive::bool = true;
        #whole
    }
}

/// The impl of `Clearable`.
pub(super) fn clearable_impl(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let model = surroundings.model;
    let target = &model.schema.target;
    let (krate, object) = (&target.krate, &target.object);
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    model.is_clearable.then(|| {
        quote! {
            #[automatically_derived]
            impl #impl_generics #krate::Clearable for #object #clause {}
        }
    })
}

/// The constructors, such as `tag_org_id`.
pub(super) fn constructors(surroundings: &Surroundings<'_>) -> Option<TokenStream> {
    let model = surroundings.model;
    if model.tags.is_empty() || model.lookups.is_empty() {
        return None;
    }
    let target = &model.schema.target;
    let (object, quiet) = (&target.object, quiet());
    let (impl_generics, _, _) = target.generics.split_for_impl();
    let clause = where_clause(target.generics, &surroundings.bounds);
    let constructors = model.tags.iter().map(|tag| constructor(surroundings, tag));
    Some(quote! {
        #quiet
        #[automatically_derived]
        impl #impl_generics #object #clause {
            #(#constructors)*
        }
    })
}

fn constructor(surroundings: &Surroundings<'_>, tag: &TagModel) -> TokenStream {
    let target = &surroundings.model.schema.target;
    let (krate, vis, object) = (&target.krate, target.vis, &target.object);
    let span = tag.constructor.span();
    let encoding = encoding(tag);
    let names: Vec<Ident> = tag.parts.iter().map(parameter).collect();
    let types = tag.parts.iter().map(parameter_type);
    let values = tag.parts.iter().zip(&names);
    let values = values.map(|(part, name)| in_key(object, part, argument(part, name)));
    let locals = part_locals(&tag.parts);
    let part_types: Vec<&TokenStream> = tag.parts.iter().map(|part| &part.ty).collect();
    let encoder = local("encoder", tag.template.span());
    let encode_parts = encode_parts(krate, &tag.parts, &encoder);
    let template = &tag.emptied;
    let ident = target.ident.unraw();
    let doc = if tag.parts.is_empty() {
        format!("All `{ident}`s, for `invalidate_tag`.")
    } else {
        format!("The `{ident}`s of one {}, for `invalidate_tag`.", listed_parts(&tag.parts))
    };
    let constructor = &tag.constructor;
    // The compiler reports a second definition of the name at the whole signature.
    let head = at(&quote!(#vis fn #constructor), span);
    let parameters = quote_spanned!(span=> (#(#names: #types),*));
    let result = at(&quote!(-> #krate::Tag<#object>), span);
    quote! {
        #[doc = #doc]
        #[inline]
        #head #parameters #result {
            Self::#encoding(#(#values),*)
        }

        #[doc(hidden)]
        #[inline]
        fn #encoding(#(#locals: &#part_types),*) -> #krate::Tag<#object> {
            let mut #encoder = <#object as #krate::Cached>::tag_scope();
            #encoder.str(#template);
            #encode_parts
            #krate::Tag::new(&#encoder)
        }
    }
}

/// The function that encodes the tag, for the constructor and for an object's own tags.
pub(super) fn encoding(tag: &TagModel) -> Ident {
    Ident::new(&format!("__cachecow_{}", tag.constructor.unraw()), tag.constructor.span())
}
