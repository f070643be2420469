//! What shapes the serialized form.

use std::fmt::Write;

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Data, DeriveInput, Fields};

use super::target;
use crate::faults::Faults;
use crate::fields::{FieldInfo, fields};
use crate::model::{SchemaModel, TagModel};
use crate::{options, tokens};

/// Judges `#[derive(CacheSchema)]`.
pub(crate) fn cache_schema<'a>(input: &'a DeriveInput, faults: &mut Faults) -> SchemaModel<'a> {
    let krate = options::only_crate(&input.attrs, faults);
    if let Data::Union(union) = &input.data {
        faults.add(
            &union.union_token,
            "a union has no serialized shape: serde does not know which field is in use; derive \
             `CacheSchema` for a struct or an enum",
        );
    }
    schema(input, krate, faults)
}

/// The shape of any type.
pub(super) fn schema<'a>(
    input: &'a DeriveInput,
    krate: Option<TokenStream>,
    faults: &mut Faults,
) -> SchemaModel<'a> {
    let mut shape = Shape { input, description: String::new(), nested: Vec::new() };
    shape.serde_attrs(&input.attrs);
    match &input.data {
        Data::Struct(data) => shape.fields(&data.fields, faults),
        Data::Enum(data) => {
            for variant in &data.variants {
                shape.serde_attrs(&variant.attrs);
                let _ = write!(shape.description, "| {} ", variant.ident.unraw());
                misplaced_settings(&variant.attrs, faults);
                shape.fields(&variant.fields, faults);
            }
        }
        Data::Union(_) => {}
    }
    let Shape { description, nested, .. } = shape;
    SchemaModel {
        target: target(input, krate),
        description,
        nested,
        type_params: input.generics.type_params().map(|param| &param.ident).collect(),
        const_params: input.generics.const_params().map(|param| &param.ident).collect(),
    }
}

/// Objects with other tags are of another shape: this version does not know their groups.
pub(super) fn fingerprint_tags(schema: &mut SchemaModel<'_>, tags: &[TagModel]) {
    for tag in tags {
        let _ = write!(schema.description, "# tag {:?} ", tag.template.value());
    }
}

fn misplaced_settings(attrs: &[Attribute], faults: &mut Faults) {
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("cache")) {
        faults
            .add(attr, "a variant has no settings; write `#[cache(opaque)]` on one of its fields");
    }
}

struct Shape<'a> {
    input: &'a DeriveInput,
    description: String,
    nested: Vec<TokenStream>,
}

impl Shape<'_> {
    fn serde_attrs(&mut self, attrs: &[Attribute]) {
        for attr in attrs.iter().filter(|attr| attr.path().is_ident("serde")) {
            let _ = write!(self.description, "# {} ", tokens::text(&attr.meta));
        }
    }

    fn fields(&mut self, all: &Fields, faults: &mut Faults) {
        let (open, close) = match all {
            Fields::Named(_) => ("{", "}"),
            Fields::Unnamed(_) => ("(", ")"),
            Fields::Unit => return self.description.push_str("; "),
        };
        let _ = write!(self.description, "{open} ");
        for field in fields(all, faults) {
            self.field(&field);
        }
        let _ = write!(self.description, "{close} ");
    }

    fn field(&mut self, field: &FieldInfo<'_>) {
        self.serde_attrs(field.attrs);
        let _ = write!(self.description, "{} : {} , ", field.name, tokens::text(field.ty));
        // A shape that contains itself has no first fingerprint to start from.
        let own = |ident: &proc_macro2::Ident| *ident == self.input.ident || ident == "Self";
        if !field.opaque && !tokens::mentions(field.ty, &own) {
            self.nested.push(field.ty.to_token_stream());
        }
    }
}
