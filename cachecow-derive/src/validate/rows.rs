//! The rows that a query's results or a list depend on.

use syn::Attribute;

use crate::attr::{CacheAttr, Entry, cache_attrs};
use crate::faults::Faults;
use crate::model::{ParamModel, RowKeys, RowsModel};
use crate::suggest::{listed, nearest};
use crate::table;
use crate::value::{self, Slot};

/// What the names of the columns refer to.
#[derive(Clone, Copy)]
pub(super) struct Place {
    noun: &'static str,
    within: &'static str,
    what: &'static str,
}

/// The settings allowed together with `via`.
const BESIDE_VIA: [&str; 3] = ["rows", "via", "columns"];

pub(super) const IN_KEY: Place = Place { noun: "parameter", within: "key", what: "the answer" };
pub(super) const IN_LIST: Place = Place { noun: "field", within: "list", what: "the list" };

/// Validates the `#[cache(rows = …)]` of a function. `key`: which parameters are in the key, in its order.
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

/// Validates one of them.
pub(super) fn one(
    attr: &CacheAttr<'_>,
    place: Place,
    in_key: &[&str],
    faults: &mut Faults,
) -> Option<RowsModel> {
    let mut table = Slot::Absent;
    let mut via = Slot::Absent;
    let mut read = Slot::Absent;
    let mut columns: Vec<Slot<String>> = in_key.iter().map(|_| Slot::Absent).collect();
    let is_rows = |entry: &Entry| entry.name == "rows";
    let has_rows = attr.entries.iter().any(is_rows);
    // A parameter or a field may have this name, too: then the value is a string, the column's name.
    let is_via = |entry: &Entry| {
        entry.name == "via" && (!in_key.contains(&"via") || !value::is_string(entry))
    };
    let has_via = has_rows && attr.entries.iter().any(is_via);
    for entry in &attr.entries {
        let name = entry.name.to_string();
        if is_rows(entry) {
            table.fill(entry, faults, table::table);
        } else if has_via && is_via(entry) {
            via.fill(entry, faults, |entry| value::function(entry, "users_with_tag"));
        } else if has_via && entry.name == "columns" {
            read.fill(entry, faults, table::columns);
        } else if has_via && in_key.contains(&plain(&name)) {
            faults.add(
                &entry.name,
                format!(
                    "the function in `via` determines the keys, so no {} is read from a column: remove \
                     `{name}`; to list the columns that the function reads, write `columns = [\"…\"]`",
                    place.noun
                ),
            );
        } else if has_via {
            let help = match nearest(&name, BESIDE_VIA) {
                Some(meant) => format!("did you mean `{meant}`?"),
                None => format!("remove `{name}`"),
            };
            faults.add(&entry.name, format!("unknown setting `{name}` beside `via`; {help}"));
        } else if has_rows && entry.name == "columns" && !in_key.contains(&"columns") {
            faults.add(
                &entry.name,
                format!(
                    "`columns` lists what the function in `via` reads: add `via = path`; or set the \
                     column of a {} with the {}'s name",
                    place.noun, place.noun
                ),
            );
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
            "above a query's function, only `rows` is allowed, as in `#[cache(rows = \"app.posts\")]`; \
             other settings belong into `#[cachecow::query(…)]`",
        );
    }
    let table = table.given()?;
    if has_via {
        let keys = RowKeys::Via { path: via.given()?, columns: read.given() };
        return Some(RowsModel { table, keys });
    }
    let column =
        |(name, column): (&&str, Slot<String>)| column.given().unwrap_or((*name).to_owned());
    let columns = in_key.iter().zip(columns).map(column).collect();
    Some(RowsModel { table, keys: RowKeys::Columns(columns) })
}

/// Without `r#`.
fn plain(name: &str) -> &str {
    name.strip_prefix("r#").unwrap_or(name)
}

fn no_parameter(name: &str, Place { noun, within, what }: Place, in_key: &[&str]) -> String {
    let names = || in_key.iter().copied();
    if in_key.is_empty() {
        return format!(
            "`{name}` is not a {noun} in the {within}, which has none: every changed row of the table \
             invalidates {what}; remove `{name}`"
        );
    }
    let help = match nearest(name, names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("write `{} = \"…\"` to set the column of a {noun}", in_key[0]),
    };
    format!("`{name}` is not a {noun} in the {within}, which has {}; {help}", listed(names()))
}
