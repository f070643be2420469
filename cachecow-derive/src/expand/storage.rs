//! How a type is written, read back and compared.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::local;
use super::parts::one_or_tuple;
use crate::fields::Storage;
use crate::model::{BodyModel, FieldModel, SchemaModel, VariantModel};

/// The names in the generated functions, which cannot collide with the user's constants.
pub(super) struct Locals {
    encoder: Ident,
    decoder: Ident,
    comparison: Ident,
    other: Ident,
    value: Ident,
    /// The argument of serde's functions.
    serializer: Ident,
}

impl Locals {
    pub(super) fn new() -> Self {
        let local = |name| local(name, Span::call_site());
        Self {
            encoder: local("encoder"),
            decoder: local("decoder"),
            comparison: local("comparison"),
            other: local("other"),
            value: local("value"),
            serializer: local("serializer"),
        }
    }
}

/// The functions of `CacheSchema`.
pub(super) fn items(model: &SchemaModel<'_>, locals: &Locals) -> TokenStream {
    let krate = &model.target.krate;
    let Locals { encoder, decoder, comparison, other, .. } = locals;
    let write = each(krate, locals);
    let (write, read, is_same) = match &model.body {
        BodyModel::Struct(fields) => write.of_struct(fields),
        BodyModel::Enum(variants) => write.of_enum(variants),
        BodyModel::Unknown => write.of_nothing(),
    };
    quote! {
        #[inline]
        fn write_to(&self, #encoder: &mut #krate::__private::Encoder) {
            #write
        }

        #[inline]
        fn read_from(
            #decoder: &mut #krate::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, #krate::__private::DecodeError> {
            #read
        }

        #[inline]
        fn is_same(
            &self,
            #other: &Self,
            #comparison: &mut #krate::__private::Comparison,
        ) -> ::core::primitive::bool {
            #is_same
        }
    }
}

/// The functions for the fields of a struct that are in a lookup. `names` are bound to references to them, and
/// `wrap` makes the lookup.
pub(super) fn of_parts(
    krate: &TokenStream,
    fields: &[&FieldModel],
    names: &[Ident],
    bind: &TokenStream,
    wrap: impl FnOnce(TokenStream) -> TokenStream,
) -> TokenStream {
    let locals = Locals::new();
    let Locals { encoder, decoder, value, .. } = &locals;
    let bodies = each(krate, &locals);
    let len = fields.len();
    let writes = fields.iter().zip(names).map(|(field, name)| bodies.write(field, &quote!(#name)));
    let reads = one_or_tuple(fields.iter().map(|field| bodies.read(field)));
    let read = wrap(quote!(#value));
    quote! {
        fn write_to(&self, #encoder: &mut #krate::__private::Encoder) {
            #bind
            if #encoder.begin(#len) {
                #(#writes)*
            }
            #encoder.end();
        }

        fn read_from(
            #decoder: &mut #krate::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, #krate::__private::DecodeError> {
            #decoder.begin(#len)?;
            let #value = #reads;
            #decoder.end();
            ::core::result::Result::Ok(#read)
        }
    }
}

/// The functions of a type that cannot be stored; a fault says why.
pub(super) fn of_nothing(krate: &TokenStream) -> TokenStream {
    let locals = Locals::new();
    let Locals { encoder, decoder, .. } = &locals;
    let (write, read, _) = each(krate, &locals).of_nothing();
    quote! {
        fn write_to(&self, #encoder: &mut #krate::__private::Encoder) {
            #write
        }

        fn read_from(
            #decoder: &mut #krate::__private::Decoder<'_>,
        ) -> ::core::result::Result<Self, #krate::__private::DecodeError> {
            #read
        }
    }
}

fn each<'a>(krate: &'a TokenStream, locals: &'a Locals) -> Bodies<'a> {
    Bodies { krate, locals }
}

/// Generates the three bodies.
struct Bodies<'a> {
    krate: &'a TokenStream,
    locals: &'a Locals,
}

/// The code that writes, reads and compares.
type Three = (TokenStream, TokenStream, TokenStream);

impl Bodies<'_> {
    fn of_struct(&self, fields: &[FieldModel]) -> Three {
        let Locals { encoder, decoder, comparison, other, value, .. } = self.locals;
        let stored: Vec<&FieldModel> = stored(fields).collect();
        let len = stored.len();
        let writes = stored.iter().map(|field| {
            let member = &field.member;
            self.write(field, &quote!(&self.#member))
        });
        let reads = self.reads(fields);
        let compares = stored.iter().map(|field| {
            let member = &field.member;
            self.compare(field, &quote!(&self.#member), &quote!(&#other.#member))
        });
        let unused = stored.is_empty().then(|| quote!(let _ = (#comparison, #other);));
        (
            quote! {
                if #encoder.begin(#len) {
                    #(#writes)*
                }
                #encoder.end();
            },
            quote! {
                #decoder.begin(#len)?;
                let #value = Self { #reads };
                #decoder.end();
                ::core::result::Result::Ok(#value)
            },
            quote!(#unused true #(&& #compares)*),
        )
    }

    fn of_enum(&self, variants: &[VariantModel]) -> Three {
        let Locals { encoder, decoder, comparison, other, value, .. } = self.locals;
        let (mut writes, mut reads, mut compares) = (Vec::new(), Vec::new(), Vec::new());
        for (index, variant) in (0_u32..).zip(variants) {
            let ident = &variant.ident;
            let fields: Vec<&FieldModel> = stored(&variant.fields).collect();
            let len = fields.len();
            let bound = |prefix: &str| -> (Vec<Ident>, TokenStream) {
                let names: Vec<Ident> = (0..len)
                    .map(|at| local(&format!("{prefix}_{at}"), Span::call_site()))
                    .collect();
                let members = fields.iter().map(|field| &field.member);
                let pattern = quote!(Self::#ident { #(#members: #names,)* .. });
                (names, pattern)
            };
            let (ones, one) = bound("one");
            let (others, another) = bound("other");
            let write =
                fields.iter().zip(&ones).map(|(field, name)| self.write(field, &quote!(#name)));
            writes.push(quote! {
                #one => {
                    if #encoder.variant(#index, #len) {
                        #(#write)*
                    }
                }
            });
            let read = self.reads(&variant.fields);
            let index = u64::from(index);
            reads.push(quote!((#index, #len) => Self::#ident { #read },));
            let compare = fields
                .iter()
                .zip(ones.iter().zip(&others))
                .map(|(field, (one, other))| self.compare(field, &quote!(#one), &quote!(#other)));
            compares.push(quote!((#one, #another) => true #(&& #compare)*,));
        }
        if variants.is_empty() {
            return self.of_nothing();
        }
        let rest = (variants.len() > 1).then(|| quote!(_ => false,));
        (
            quote! {
                match self { #(#writes)* }
                #encoder.end();
            },
            quote! {
                let #value = match #decoder.variant()? {
                    #(#reads)*
                    _ => return ::core::result::Result::Err(#decoder.no_variant()),
                };
                #decoder.end();
                ::core::result::Result::Ok(#value)
            },
            quote! {
                let _ = &#comparison;
                match (self, #other) {
                    #(#compares)*
                    #rest
                }
            },
        )
    }

    /// For a type without values.
    fn of_nothing(&self) -> Three {
        let Locals { encoder, decoder, comparison, other, .. } = self.locals;
        (
            quote!(#encoder.refuse("a value of a type without values");),
            quote!(::core::result::Result::Err(#decoder.no_variant())),
            quote! {
                let _ = (#comparison, #other);
                false
            },
        )
    }

    /// The fields for a struct expression.
    fn reads(&self, fields: &[FieldModel]) -> TokenStream {
        let reads = fields.iter().map(|field| {
            let (member, read) = (&field.member, self.read(field));
            quote!(#member: #read,)
        });
        quote!(#(#reads)*)
    }

    fn write(&self, field: &FieldModel, place: &TokenStream) -> TokenStream {
        let Locals { encoder, .. } = self.locals;
        let name = &field.name;
        let write = self.written(field, place);
        quote! {
            #write;
            #encoder.field(#name);
        }
    }

    fn written(&self, field: &FieldModel, place: &TokenStream) -> TokenStream {
        let (krate, ty, span) = (self.krate, &field.ty, field.ty.span());
        let Locals { encoder, serializer, .. } = self.locals;
        match &field.storage {
            Storage::Schema => {
                let write = quote_spanned!(span=> <#ty as #krate::CacheSchema>::write_to);
                quote!(#write(#place, #encoder))
            }
            Storage::Opaque => {
                let write = quote_spanned!(span=> #krate::__private::write_opaque::<#ty>);
                quote!(#write(#place, #encoder))
            }
            Storage::With(module) => quote! {
                #encoder.foreign(|#serializer| #module::serialize(#place, #serializer))
            },
            Storage::Skipped(_) => TokenStream::new(),
        }
    }

    fn read(&self, field: &FieldModel) -> TokenStream {
        let (krate, ty, span) = (self.krate, &field.ty, field.ty.span());
        let Locals { decoder, serializer, .. } = self.locals;
        let name = &field.name;
        let read = match &field.storage {
            Storage::Schema => {
                let read = quote_spanned!(span=> <#ty as #krate::CacheSchema>::read_from);
                quote!(#read(#decoder))
            }
            Storage::Opaque => {
                let read = quote_spanned!(span=> #krate::__private::read_opaque::<#ty>);
                quote!(#read(#decoder))
            }
            Storage::With(module) => {
                quote!(#decoder.foreign(|#serializer| #module::deserialize(#serializer)))
            }
            Storage::Skipped(_) => {
                return quote_spanned!(span=> #krate::__private::skipped::<#ty>());
            }
        };
        quote!(#krate::__private::Decoder::field(#name, #read)?)
    }

    fn compare(&self, field: &FieldModel, one: &TokenStream, other: &TokenStream) -> TokenStream {
        let (krate, ty, span) = (self.krate, &field.ty, field.ty.span());
        let Locals { comparison, encoder, value, .. } = self.locals;
        let name = &field.name;
        let is_same = if let Storage::Schema = &field.storage {
            let is_same = quote_spanned!(span=> <#ty as #krate::CacheSchema>::is_same);
            quote!(#is_same(#one, #other, #comparison))
        } else {
            let write = self.written(field, &quote!(#value));
            quote! {
                (&&#krate::__private::Compared::<#ty>(#one, #other)).cachecow_is_same(
                    |#value: &#ty, #encoder: &mut #krate::__private::Encoder| #write
                )
            }
        };
        quote!((#is_same || #comparison.differs(#name)))
    }
}

fn stored(fields: &[FieldModel]) -> impl Iterator<Item = &FieldModel> {
    fields.iter().filter(|field| !matches!(field.storage, Storage::Skipped(_)))
}
