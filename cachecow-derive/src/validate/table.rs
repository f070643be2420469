//! The columns of fields.

use crate::faults::Faults;
use crate::fields::FieldInfo;
use crate::model::PartModel;
use crate::value::Slot;

/// Validates the columns of a struct's fields. `parts`: those of all keys and tags; `all_judged`: no part was left
/// out because of another fault.
pub(super) fn columns(
    fields: &[FieldInfo<'_>],
    parts: &[&PartModel],
    has_table: bool,
    all_judged: bool,
    faults: &mut Faults,
) {
    for field in fields {
        let is_part = parts.iter().any(|part| part.name == field.name);
        match &field.column {
            Slot::Given((word, _)) if !has_table => faults.add(
                word,
                "`column` needs a table: add `#[cache(table = \"app.users\")]` to the struct",
            ),
            Slot::Given((word, _)) if !is_part && all_judged => faults.add(
                word,
                format!(
                    "`{name}` is not in any key or tag, so its column is not used: remove `{word}`, or \
                     add a placeholder `{{{name}}}`",
                    name = field.name
                ),
            ),
            Slot::Absent if has_table && is_part && field.name.starts_with(|c: char| c.is_ascii_digit()) => {
                faults.add(
                    field.ty,
                    "the struct has a table, and this field is in a key, but a position is not a column \
                     name: write `#[cache(column = \"id\")]` in front of the field",
                );
            }
            _ => {}
        }
    }
    same_columns(fields, parts, faults);
}

/// Two parts of keys cannot be one column.
fn same_columns(fields: &[FieldInfo<'_>], parts: &[&PartModel], faults: &mut Faults) {
    for field in fields {
        let Slot::Given((_, name)) = &field.column else { continue };
        let is_other = |part: &&&PartModel| part.name != field.name && part.column == name.value();
        // If both fields name the column, the second one is reported.
        let of_earlier = fields.iter().take_while(|other| other.name != field.name);
        let is_earlier =
            |part: &&PartModel| of_earlier.clone().any(|other| other.name == part.name);
        let says_so = |part: &&PartModel| {
            fields.iter().any(|f| f.name == part.name && matches!(f.column, Slot::Given(_)))
        };
        let Some(other) = parts.iter().find(is_other) else { continue };
        if is_earlier(other) || !says_so(other) {
            faults.add(
                name,
                format!(
                    "`{}` already has this column, and each field needs its own: write the name of this \
                     field's column",
                    other.name
                ),
            );
        }
    }
}
