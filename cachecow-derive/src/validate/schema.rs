//! How a type is stored, and what its fingerprint covers.

use std::fmt::Write;

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote};
use syn::ext::IdentExt;
use syn::{Data, DeriveInput, Fields, GenericArgument, PathArguments, Type, TypeReference};

use super::normalize::not_in_keys;
use super::{mentions_param, target};
use crate::faults::Faults;
use crate::fields::{FieldInfo, Storage, fields};
use crate::model::{BodyModel, FieldModel, SchemaModel, TagModel, VariantModel};
use crate::options::{TypeOptions, VariantOptions};
use crate::tokens;

/// Validates `#[derive(CacheSchema)]`.
pub(crate) fn cache_schema<'a>(input: &'a DeriveInput, faults: &mut Faults) -> SchemaModel<'a> {
    let TypeOptions { krate, version } =
        TypeOptions::read(&input.attrs, &["crate", "version"], faults);
    if let Data::Union(union) = &input.data {
        faults.add(
            &union.union_token,
            "a union cannot be stored: which field is in use is not known; derive `CacheSchema` for a \
             struct or an enum",
        );
    }
    // The faults of the attributes themselves are reported with the shape.
    let all_fields = |all: &Fields, faults: &mut Faults| {
        not_in_keys(&fields(all, &mut Faults::default()), faults);
    };
    match &input.data {
        Data::Struct(data) => all_fields(&data.fields, faults),
        Data::Enum(data) => {
            data.variants.iter().for_each(|variant| all_fields(&variant.fields, faults));
        }
        Data::Union(_) => {}
    }
    schema(input, krate.given(), version.given(), faults)
}

/// The shape of any type.
pub(super) fn schema<'a>(
    input: &'a DeriveInput,
    krate: Option<TokenStream>,
    version: Option<u64>,
    faults: &mut Faults,
) -> SchemaModel<'a> {
    let target = target(input, krate);
    let type_params: Vec<&Ident> = input.generics.type_params().map(|param| &param.ident).collect();
    let mut shape = Shape {
        own: &input.ident,
        krate: &target.krate,
        type_params: &type_params,
        description: format!("{} ", input.ident.unraw()),
        nested: Vec::new(),
        bounds: Vec::new(),
        is_owned: true,
    };
    if let Some(version) = version {
        let _ = write!(shape.description, "# version {version} ");
    }
    let body = match &input.data {
        Data::Struct(data) => BodyModel::Struct(shape.fields(&data.fields, faults)),
        Data::Enum(data) => {
            let mut variants = Vec::new();
            for variant in &data.variants {
                let _ = write!(shape.description, "| {} ", variant.ident.unraw());
                // Its name in keys does not affect how it is stored.
                VariantOptions::read(&variant.attrs, faults);
                let fields = shape.fields(&variant.fields, faults);
                variants.push(VariantModel { ident: variant.ident.clone(), fields });
            }
            BodyModel::Enum(variants)
        }
        Data::Union(_) => BodyModel::Unknown,
    };
    let Shape { description, nested, bounds, is_owned, .. } = shape;
    // Borrowed data cannot be read back.
    let body = if is_owned { body } else { BodyModel::Unknown };
    SchemaModel {
        name: input.ident.unraw().to_string(),
        description,
        nested,
        body,
        bounds,
        type_params,
        const_params: input.generics.const_params().map(|param| &param.ident).collect(),
        target,
    }
}

/// Other tags mean another shape, because this version does not know the groups of such objects.
pub(super) fn fingerprint_tags(schema: &mut SchemaModel<'_>, tags: &[TagModel]) {
    for tag in tags {
        let _ = write!(schema.description, "# tag {:?} ", tag.template.value());
    }
}

/// Objects of a clearable type carry the type's epoch.
pub(super) fn fingerprint_clearable(schema: &mut SchemaModel<'_>) {
    schema.description.push_str("# clearable ");
}

struct Shape<'a> {
    own: &'a Ident,
    krate: &'a TokenStream,
    type_params: &'a [&'a Ident],
    /// The canonical text of everything that determines the stored form, except for nested types.
    description: String,
    nested: Vec<TokenStream>,
    bounds: Vec<TokenStream>,
    is_owned: bool,
}

impl Shape<'_> {
    fn fields(&mut self, all: &Fields, faults: &mut Faults) -> Vec<FieldModel> {
        let (open, close) = match all {
            Fields::Named(_) => ("{", "}"),
            Fields::Unnamed(_) => ("(", ")"),
            Fields::Unit => {
                self.description.push_str("; ");
                return Vec::new();
            }
        };
        let _ = write!(self.description, "{open} ");
        let all = fields(all, faults);
        for field in &all {
            self.is_owned &= owns_its_data(field, faults);
        }
        let fields = all.into_iter().map(|field| self.field(field)).collect();
        let _ = write!(self.description, "{close} ");
        fields
    }

    fn field(&mut self, field: FieldInfo<'_>) -> FieldModel {
        let FieldInfo { name, member, ty, storage, recursive, .. } = field;
        let mark = match &storage {
            Storage::Schema if recursive => "# recursive ".to_owned(),
            Storage::Schema => String::new(),
            Storage::Opaque => "# opaque ".to_owned(),
            Storage::With(module) => format!("# with {} ", tokens::text(module)),
            Storage::Skipped(_) => "# skip ".to_owned(),
        };
        let _ = write!(self.description, "{mark}{name} : {} , ", tokens::text(ty));
        if matches!(storage, Storage::Schema) && !recursive {
            // A type that contains itself cannot use its own fingerprint.
            let krate = self.krate;
            let own = quote!(#krate::__private::Own);
            self.nested.push(tokens::without_own(ty, self.own, &own));
        }
        self.bound(ty, &storage);
        FieldModel { name, member, ty: ty.to_token_stream(), storage }
    }

    fn bound(&mut self, ty: &Type, storage: &Storage) {
        if !mentions_param(ty, self.type_params) {
            return;
        }
        let krate = self.krate;
        match storage {
            Storage::Opaque => self.bounds.push(quote!(#ty: #krate::__private::Opaque)),
            Storage::Skipped(_) => self.bounds.push(quote!(#ty: ::core::default::Default)),
            Storage::Schema if self.is_projection(ty) => {
                self.bounds.push(quote!(#ty: #krate::CacheSchema));
            }
            Storage::Schema | Storage::With(_) => {}
        }
    }

    /// Whether the type is one of a parameter's associated types, which the bound of the parameter does not
    /// cover.
    fn is_projection(&self, ty: &Type) -> bool {
        let Type::Path(path) = tokens::peeled(ty) else { return false };
        let begins_with_param = path
            .path
            .segments
            .first()
            .is_some_and(|first| self.type_params.contains(&&first.ident));
        path.qself.is_some() || (begins_with_param && path.path.segments.len() > 1)
    }
}

/// A value that is read from the cache has nothing to borrow from.
fn owns_its_data(field: &FieldInfo<'_>, faults: &mut Faults) -> bool {
    if matches!(field.storage, Storage::Skipped(_) | Storage::With(_)) {
        return true;
    }
    let Some(borrowed) = borrowed_within(field.ty) else { return true };
    let owned = match &*borrowed.elem {
        Type::Slice(slice) => format!("Vec<{}>", tokens::compact(&slice.elem)),
        elem if tokens::text(elem) == "str" => "String".to_owned(),
        elem => tokens::compact(elem),
    };
    faults.add(
        borrowed,
        format!(
            "a value that is read from the cache has nothing to borrow from, so a stored field must own \
             its data: write `{owned}` for `{}`",
            tokens::compact(borrowed)
        ),
    );
    false
}

/// The first `&'static` reference in the type; other lifetimes are the struct's own, and reported with it.
fn borrowed_within(ty: &Type) -> Option<&TypeReference> {
    match tokens::peeled(ty) {
        Type::Reference(reference) => {
            let lifetime = reference.lifetime.as_ref();
            lifetime.is_some_and(|lifetime| lifetime.ident == "static").then_some(reference)
        }
        Type::Path(path) => {
            let last = path.path.segments.last().filter(|last| last.ident != "PhantomData")?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
            arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(ty) => borrowed_within(ty),
                _ => None,
            })
        }
        _ => None,
    }
}
