//! Newtypes.

use quote::ToTokens;
use syn::{Data, DeriveInput, Fields};

use super::normalize::not_in_keys;
use super::{mentions_param, target};
use crate::faults::Faults;
use crate::fields::fields;
use crate::model::{KeyPartModel, WrappedField};
use crate::options::TypeOptions;
use crate::tokens;

/// Judges `#[derive(KeyPart)]`.
pub(crate) fn key_part<'a>(input: &'a DeriveInput, faults: &mut Faults) -> KeyPartModel<'a> {
    let krate = TypeOptions::read(&input.attrs, &["crate"], faults).krate.given();
    let target = target(input, krate);
    let field = match &input.data {
        Data::Struct(data) => wrapped(input, &data.fields, &target.object, faults),
        Data::Enum(data) => {
            faults.add(
                &data.enum_token,
                "`KeyPart` is derived for newtypes only: an enum's keys would change with the \
                 order or the names of its variants; implement `KeyPart` by hand and encode a \
                 value of each variant that never changes",
            );
            None
        }
        Data::Union(data) => {
            faults.add(
                &data.union_token,
                "`KeyPart` is derived for newtypes only: which field of a union is in use is not \
                 known; write a struct around one field",
            );
            None
        }
    };
    KeyPartModel { target, field }
}

fn wrapped(
    input: &DeriveInput,
    all: &Fields,
    object: &proc_macro2::TokenStream,
    faults: &mut Faults,
) -> Option<WrappedField> {
    let found = fields(all, faults);
    not_in_keys(&found, faults);
    let carriers: Vec<_> = found.iter().filter(|field| !is_marker(field.ty)).collect();
    let [field] = carriers[..] else {
        let help = "`KeyPart` is derived for newtypes only: write a struct with one field";
        match carriers.get(1) {
            None => faults.add(&input.ident, format!("{help}; this one has none")),
            Some(second) => faults.add(
                second.ty,
                format!(
                    "{help}; this one has {}. For a key of several parts put one field of each \
                     into the cached struct, and a placeholder for each into the template",
                    carriers.len()
                ),
            ),
        }
        return None;
    };
    let params: Vec<_> = input.generics.type_params().map(|param| &param.ident).collect();
    Some(WrappedField {
        member: field.member.clone(),
        ty: tokens::without_self(field.ty.to_token_stream(), object),
        is_generic: mentions_param(field.ty, &params),
    })
}

/// A marker carries no value, so a newtype with one is still a newtype.
fn is_marker(ty: &syn::Type) -> bool {
    tokens::last_segment(ty).is_some_and(|segment| segment.ident == "PhantomData")
}
