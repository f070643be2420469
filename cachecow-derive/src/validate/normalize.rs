//! The fields whose values are normalized for keys.

use quote::ToTokens;

use super::lookup::normalizer;
use crate::faults::Faults;
use crate::fields::FieldInfo;
use crate::model::{NormalizerModel, PartModel};
use crate::value::Slot;

/// The functions of those fields that are parts of a key, a list or a tag. `all_judged`: no part was left out
/// because of another fault.
pub(super) fn normalizers(
    fields: &[FieldInfo<'_>],
    parts: &[&PartModel],
    all_judged: bool,
    faults: &mut Faults,
) -> Vec<NormalizerModel> {
    let mut normalizers = Vec::new();
    for field in fields {
        let Some((word, path)) = &field.normalize else { continue };
        let stands_in = |part: &PartModel| part.name == field.name;
        if !parts.iter().any(|part| stands_in(part)) {
            if all_judged {
                faults.add(
                    word,
                    format!(
                        "`{name}` is not in any key or tag, so there is nothing to normalize: remove \
                         `{word}`, or add a placeholder `{{{name}}}`",
                        name = field.name
                    ),
                );
            }
            continue;
        }
        normalizers.push(NormalizerModel {
            function: normalizer(field),
            ty: field.ty.to_token_stream(),
            path: path.clone(),
        });
    }
    normalizers
}

/// In a type whose fields are not in keys, `normalize` has no effect.
pub(super) fn not_in_keys(fields: &[FieldInfo<'_>], faults: &mut Faults) {
    for (word, _) in fields.iter().filter_map(|field| field.normalize.as_ref()) {
        faults.add(
            word,
            "`normalize` is for a field in a key or a tag of a struct with `#[derive(Cached)]`: remove \
             it here",
        );
    }
    for field in fields {
        let Slot::Given((word, _)) = &field.column else { continue };
        faults.add(
            word,
            "`column` is for a field of a struct with `#[derive(Cached)]` and a `table`: remove it here",
        );
    }
}
