//! Newtypes, and enums without data.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Data, DataEnum, DeriveInput, Fields, LitStr, Variant};

use super::normalize::not_in_keys;
use super::{mentions_param, target};
use crate::faults::Faults;
use crate::fields::fields;
use crate::model::{EncodedModel, KeyPartModel, NamedVariant, WrappedField};
use crate::options::{TypeOptions, VariantOptions};
use crate::tokens;
use crate::value::Slot;

/// Validates `#[derive(KeyPart)]`.
pub(crate) fn key_part<'a>(input: &'a DeriveInput, faults: &mut Faults) -> KeyPartModel<'a> {
    let krate = TypeOptions::read(&input.attrs, &["crate"], faults).krate.given();
    let target = target(input, krate);
    let encoded = match &input.data {
        Data::Struct(data) => wrapped(input, &data.fields, &target.object, faults)
            .map_or(EncodedModel::Unknown, EncodedModel::Field),
        Data::Enum(data) => EncodedModel::Variants(variants(data, faults)),
        Data::Union(data) => {
            faults.add(
                &data.union_token,
                "`KeyPart` is derived for newtypes and enums only: which field of a union is in use is \
                 not known; write a struct around one field",
            );
            EncodedModel::Unknown
        }
    };
    KeyPartModel { target, encoded }
}

/// The variants with their names in keys.
fn variants(data: &DataEnum, faults: &mut Faults) -> Vec<NamedVariant> {
    let mut named: Vec<NamedVariant> = Vec::new();
    for Variant { ident, attrs, fields, .. } in &data.variants {
        let rename = VariantOptions::read(attrs, faults).rename.given();
        if !fields.is_empty() {
            faults.add(
                ident,
                format!(
                    "`{ident}` has data, but in a key an enum is only its variant's name: make it a \
                     unit variant, or implement `KeyPart` by hand"
                ),
            );
        }
        let name = rename.as_ref().map_or_else(|| ident.unraw().to_string(), LitStr::value);
        if let Some(NamedVariant { ident: other, .. }) =
            named.iter().find(|known| known.name == name)
        {
            let word: &dyn ToTokens = rename.as_ref().map_or(ident, |rename| rename);
            faults.add(
                word,
                format!("`{other}` already has the name `{name}` in keys; give this variant another name"),
            );
        }
        named.push(NamedVariant { ident: ident.clone(), name, is_unit: fields.is_empty() });
    }
    named
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
                    "{help}; this one has {}. For a key with several parts, give the cached struct one \
                     field for each part, and the template one placeholder for each",
                    carriers.len()
                ),
            ),
        }
        return None;
    };
    let key_with = match &field.key_with {
        Slot::Given((_, path)) => Some(tokens::without_self(path, object)),
        Slot::Absent => None,
        Slot::Invalid => return None,
    };
    let markers = found.iter().filter(|field| is_marker(field.ty));
    let params: Vec<_> = input.generics.type_params().map(|param| &param.ident).collect();
    Some(WrappedField {
        member: field.member.clone(),
        ty: tokens::without_self(field.ty.to_token_stream(), object),
        markers: markers.map(|field| field.member.clone()).collect(),
        is_generic: mentions_param(field.ty, &params),
        key_with,
    })
}

/// A marker has no value, so a struct with one is still a newtype.
fn is_marker(ty: &syn::Type) -> bool {
    tokens::last_segment(ty).is_some_and(|segment| segment.ident == "PhantomData")
}
