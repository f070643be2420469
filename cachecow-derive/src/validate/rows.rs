//! The rows that a query's answers or a list depend on.

use syn::Attribute;

use crate::attr::{CacheAttr, Entry, cache_attrs};
use crate::faults::Faults;
use crate::model::{ParamModel, RowsModel};
use crate::suggest::{listed, nearest};
use crate::table;
use crate::value::Slot;

/// Where the names stand that may be columns.
#[derive(Clone, Copy)]
pub(super) struct Place {
    noun: &'static str,
    within: &'static str,
    what: &'static str,
}

pub(super) const IN_KEY: Place = Place { noun: "parameter", within: "key", what: "the answer" };
pub(super) const IN_LIST: Place = Place { noun: "field", within: "list", what: "the list" };

/// Judges the `#[cache(rows = …)]` of a function. `key`: which parameters stand in the key, in its order.
pub(super) fn rows(
    attrs: &[Attribute],
    params: &[ParamModel],
    key: &[usize],
    faults: &mut Faults,
) -> Vec<RowsModel> {
    let in_key: Vec<&str> = key.iter().map(|&at| &*params[at].name).collect();
    let attrs = cache_attrs(attrs, faults);
    attrs.iter().filter_map(|attr| one(attr, IN_KEY, &in_key, faults)).collect()
}

/// Judges one of them.
pub(super) fn one(
    attr: &CacheAttr<'_>,
    place: Place,
    in_key: &[&str],
    faults: &mut Faults,
) -> Option<RowsModel> {
    let mut table = Slot::Absent;
    let mut columns: Vec<Slot<String>> = in_key.iter().map(|_| Slot::Absent).collect();
    let is_rows = |entry: &Entry| entry.name == "rows";
    let has_rows = attr.entries.iter().any(is_rows);
    for entry in &attr.entries {
        let name = entry.name.to_string();
        if is_rows(entry) {
            table.fill(entry, faults, table::table);
        } else if let Some(at) = in_key.iter().position(|known| *known == plain(&name)) {
            let column = |entry: &Entry| Ok(table::column(entry)?.value());
            columns[at].fill(entry, faults, column);
        } else if has_rows {
            faults.add(&entry.name, no_parameter(&name, place, in_key));
        }
    }
    if !has_rows {
        faults.add(
            attr.attr,
            "above a query's function stands what its answers depend on, as in `#[cache(rows = \"app.posts\")]`; \
             other settings belong into `#[cachecow::query(…)]`",
        );
    }
    let column =
        |(name, column): (&&str, Slot<String>)| column.given().unwrap_or((*name).to_owned());
    let columns = in_key.iter().zip(columns).map(column).collect();
    Some(RowsModel { table: table.given()?, columns })
}

/// Without `r#`.
fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

fn no_parameter(name: &str, Place { noun, within, what }: Place, in_key: &[&str]) -> String {
    let names = || in_key.iter().copied();
    if in_key.is_empty() {
        return format!(
            "`{name}` is no {noun} in the {within}, which has none: every row of the table ends {what}; remove `{name}`"
        );
    }
    let help = match nearest(name, names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write `{} = \"…\"` to name the column that a {noun} is", in_key[0]),
    };
    format!("`{name}` is no {noun} in the {within}, which has {}; {help}", listed(names()))
}
