//! The fields of a struct or of a variant.

use proc_macro2::{Ident, TokenStream};
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Field, Fields, Index, LitStr, Type};

use crate::faults::Faults;
use crate::options::FieldOptions;
use crate::value::Slot;

/// One field, with the name that a placeholder uses.
pub(crate) struct FieldInfo<'a> {
    /// The name without `r#`, or the position.
    pub(crate) name: String,
    /// The tokens after the dot.
    pub(crate) member: TokenStream,
    pub(crate) ty: &'a Type,
    pub(crate) storage: Storage,
    /// Whether the shape of the field's type is left out, because it contains this type.
    pub(crate) recursive: bool,
    /// The word, and the function that normalizes the field's values for keys.
    pub(crate) normalize: Option<(Ident, TokenStream)>,
    /// The word, and the name of the field's column.
    pub(crate) column: Slot<(Ident, LitStr)>,
    /// The word, and the function that converts the field's value to a key part.
    pub(crate) key_with: Slot<(Ident, TokenStream)>,
}

/// How a field is stored.
#[derive(Clone)]
pub(crate) enum Storage {
    /// By its type's `CacheSchema`.
    Schema,
    /// By its type's serde traits.
    Opaque,
    /// By the functions of a module written for serde.
    With(TokenStream),
    /// Not stored; with the word that says so.
    Skipped(Ident),
}

/// The fields in order.
pub(crate) fn fields<'a>(fields: &'a Fields, faults: &mut Faults) -> Vec<FieldInfo<'a>> {
    fields.iter().enumerate().map(|(index, field)| field_info(index, field, faults)).collect()
}

fn field_info<'a>(index: usize, field: &'a Field, faults: &mut Faults) -> FieldInfo<'a> {
    let (name, member) = match &field.ident {
        Some(ident) => (ident.unraw().to_string(), ident.to_token_stream()),
        None => (index.to_string(), Index::from(index).to_token_stream()),
    };
    let FieldOptions { storage, recursive, normalize, column, key_with } =
        FieldOptions::read(&field.attrs, faults);
    let normalize = normalize.given();
    FieldInfo { name, member, ty: &field.ty, storage, recursive, normalize, column, key_with }
}
