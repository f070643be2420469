//! The columns that fields are.

use crate::faults::Faults;
use crate::fields::FieldInfo;
use crate::model::PartModel;
use crate::value::Slot;

/// Judges the columns of a struct's fields. `parts`: those of all keys and tags; `all_judged`: none of these was left
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
                "the struct has no table that this could be a column of: add `#[cache(table = \"app.users\")]` to \
                 it",
            ),
            Slot::Given((word, _)) if !is_part && all_judged => faults.add(
                word,
                format!(
                    "`{name}` stands in no key and no tag, so nobody asks for its column: remove `{word}`, or add \
                     a placeholder `{{{name}}}`",
                    name = field.name
                ),
            ),
            Slot::Absent if has_table && is_part && field.name.starts_with(|c: char| c.is_ascii_digit()) => {
                faults.add(
                    field.ty,
                    "the struct has a table, and this field stands in a key, but a position is no column's name: write \
                     `#[cache(column = \"id\")]` in front of the field",
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
        // Of two that both say so, the second is at fault.
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
                    "`{}` is this column already: each column is one field; name the column that this field is",
                    other.name
                ),
            );
        }
    }
}
