//! The fields of a struct or of a variant.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Field, Fields, Index, Type};

use crate::faults::Faults;
use crate::options;

/// One field, by the name that a placeholder uses.
pub(crate) struct FieldInfo<'a> {
    /// The name without `r#`, or the position.
    pub(crate) name: String,
    /// What stands after the dot.
    pub(crate) member: TokenStream,
    pub(crate) ty: &'a Type,
    pub(crate) attrs: &'a [Attribute],
    pub(crate) opaque: bool,
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
    FieldInfo {
        name,
        member,
        ty: &field.ty,
        attrs: &field.attrs,
        opaque: options::is_opaque(&field.attrs, faults),
    }
}
