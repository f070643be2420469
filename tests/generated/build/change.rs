//! One change to a definition, as the next version of a program might make it.

use fastrand::Rng;

use crate::definition::{Body, Definition, Field, Fields, Shape, Storage};

/// The definition with one change that must show in its fingerprint.
pub(crate) fn changed(definition: &Definition, random: &mut Rng) -> Definition {
    let mut changed = definition.clone();
    // Not every change fits every definition.
    for _ in 0..20 {
        let is_done = match &mut changed.body {
            Body::Struct(fields) => change_fields(fields, random),
            Body::Enum(variants) if random.bool() => change_variants(variants, random),
            Body::Enum(variants) => {
                let at = random.usize(..variants.len());
                change_fields(&mut variants[at].1, random)
            }
        };
        if is_done {
            return changed;
        }
    }
    changed.version = Some(2);
    changed
}

fn change_variants(variants: &mut Vec<(String, Fields)>, random: &mut Rng) -> bool {
    let at = random.usize(..variants.len());
    match random.u8(..3) {
        0 => "Renamed".clone_into(&mut variants[at].0),
        1 => {
            let unit = Fields { shape: Shape::Unit, list: Vec::new() };
            variants.insert(at, ("Added".to_owned(), unit));
        }
        _ if at == 0 => return false,
        _ => variants.swap(0, at),
    }
    true
}

fn change_fields(fields: &mut Fields, random: &mut Rng) -> bool {
    let is_named = fields.shape == Shape::Named;
    if fields.list.is_empty() {
        return false;
    }
    let at = random.usize(..fields.list.len());
    let count = fields.list.len();
    let field = &mut fields.list[at];
    match random.u8(..6) {
        0 if is_named => "renamed".clone_into(&mut field.name),
        1 if field.storage == Storage::Schema => field.ty = format!("Option<{}>", field.ty),
        2 => {
            let added =
                Field { name: "added".to_owned(), ty: "u8".to_owned(), storage: Storage::Schema };
            fields.list.insert(at, added);
        }
        // The last field may be the only one that uses a type parameter.
        3 if !mentions_parameter(&field.ty) && count > 1 => {
            fields.list.remove(at);
        }
        4 if at > 0 && is_named => fields.list.swap(0, at),
        5 if field.storage == Storage::Schema && field.ty == "String" => {
            field.storage = Storage::Opaque;
        }
        _ => return false,
    }
    true
}

fn mentions_parameter(ty: &str) -> bool {
    let mut words = ty.split(|c: char| !c.is_alphanumeric() && c != '_');
    words.any(|word| word == "A" || word == "B")
}
