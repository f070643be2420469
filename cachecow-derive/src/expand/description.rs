//! The description of a type for a manifest: its keys, lists, tags and field names.
//!
//! It is one string constant with members of a JSON object, so it takes hardly any compile time.

use std::fmt::Write as _;

use crate::fields::Storage;
use crate::model::{BodyModel, CachedModel, LookupModel, PartModel, QueryModel};
use crate::tokens::compact;

/// The description of a struct.
pub(super) fn of_cached(model: &CachedModel<'_>) -> String {
    let of_lookup = |lookup: &LookupModel| {
        keyed(&lookup.constructor.to_string(), &lookup.template.value(), &parts(&lookup.parts))
    };
    let lookups = model.lookups.iter().map(of_lookup);
    let lists = model.lists.iter().map(|list| of_lookup(&list.lookup));
    let tags = model
        .tags
        .iter()
        .map(|tag| keyed(&tag.constructor.to_string(), &tag.template.value(), &parts(&tag.parts)));
    let fields = match &model.schema.body {
        BodyModel::Struct(fields) => &fields[..],
        BodyModel::Enum(_) | BodyModel::Unknown => &[],
    };
    let stored = fields.iter().filter(|field| !matches!(field.storage, Storage::Skipped(_)));
    let fields = stored.map(|field| {
        let opaque = match field.storage {
            Storage::Opaque | Storage::With(_) => ",\"opaque\":true",
            Storage::Schema | Storage::Skipped(_) => "",
        };
        format!("{{\"name\":{}{opaque}}}", quoted(&field.name))
    });
    [array("lookups", lookups), array("lists", lists), array("tags", tags), array("fields", fields)]
        .join(",")
}

/// The description of a query.
pub(super) fn of_query(model: &QueryModel<'_>) -> String {
    let parts = model.key.iter().map(|&at| {
        let param = &model.params[at];
        let ty = match param.given {
            crate::model::Given::Text => "str".to_owned(),
            crate::model::Given::Slice => format!("[{}]", compact(&param.ty)),
            _ => compact(&param.ty),
        };
        part(&param.name, &ty, false)
    });
    let lookup = keyed("of", &model.template.value(), &joined(parts));
    format!("\"query\":true,{}", array("lookups", std::iter::once(lookup)))
}

fn parts(parts: &[PartModel]) -> String {
    joined(parts.iter().map(|p| part(&p.name, &compact(&p.ty), p.normalizer.is_some())))
}

fn part(name: &str, ty: &str, is_normalized: bool) -> String {
    let normalized = if is_normalized { ",\"normalized\":true" } else { "" };
    format!("{{\"name\":{},\"type\":{}{normalized}}}", quoted(name), quoted(ty))
}

fn keyed(name: &str, template: &str, parts: &str) -> String {
    let name = name.strip_prefix("r#").unwrap_or(name);
    format!("{{\"name\":{},\"template\":{},\"parts\":[{parts}]}}", quoted(name), quoted(template))
}

fn array(name: &str, items: impl Iterator<Item = String>) -> String {
    format!("\"{name}\":[{}]", joined(items))
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<String>>().join(",")
}

/// The text as JSON.
fn quoted(text: &str) -> String {
    let mut json = String::from("\"");
    for character in text.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            // Writing to a string cannot fail.
            character if character.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            character => json.push(character),
        }
    }
    json.push('"');
    json
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn text_is_quoted_as_json() {
        assert_eq!(quoted("a\"b\\c\n{é}"), r#""a\"b\\c\u000a{é}""#);
    }
}
