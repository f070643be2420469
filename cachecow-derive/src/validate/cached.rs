//! The cached struct.

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput, Fields};

use super::list::Lists;
use super::lookup::Lookups;
use super::normalize::normalizers;
use super::schema::{fingerprint_clearable, fingerprint_tags, schema};
use super::table::columns;
use super::tag::Tags;
use crate::faults::Faults;
use crate::fields::{FieldInfo, fields};
use crate::model::{BodyModel, CachedModel, PartModel, PolicyModel};
use crate::options::CachedOptions;
use crate::tokens;
use crate::value::Slot;

/// Validates `#[derive(Cached)]`.
pub(crate) fn cached<'a>(input: &'a DeriveInput, faults: &mut Faults) -> CachedModel<'a> {
    let CachedOptions { options, lookups, tags, lists } = CachedOptions::read(&input.attrs, faults);
    let mut schema = schema(input, options.krate.given(), options.version.given(), faults);
    if let Some(name) = options.name.given() {
        schema.name = name.value();
    }
    let is_owned = owns_its_data(input, faults);
    // The faults of the fields' own attributes were reported with the shape.
    let found = struct_fields(input, faults)
        .map(|all| fields(all, &mut Faults::default()))
        .unwrap_or_default();
    keyed_by_newtypes(&found, faults);
    let object = schema.target.object.clone();
    let object = &object;
    let lookups_of =
        Lookups { input, object, fields: &found, can_call: !options.context.is_invalid() };
    let given = lookups.len() + tags.len() + lists.len();
    let judged = lookups_of.judge(lookups, faults);
    if options.table.is_absent() {
        for rows in lists.iter().flat_map(|list| &list.rows) {
            faults.add(
                rows.attr,
                "a list also depends on the rows of its objects: add `#[cache(table = \"app.users\")]` \
                 with their table",
            );
        }
    }
    let lists = Lists { lookups_of: &lookups_of, lookups: &judged }.judge(lists, faults);
    let tags_of = Tags { lookups_of: &lookups_of, lookups: &judged, lists: &lists };
    let tags = tags_of.judge(tags, faults);
    let all_judged = given > 0 && judged.len() + tags.len() + lists.len() == given;
    let in_lists = lists.iter().flat_map(|list| &list.lookup.parts);
    let in_tags = tags.iter().flat_map(|tag| &tag.parts);
    let parts: Vec<&PartModel> =
        judged.iter().flat_map(|lookup| &lookup.parts).chain(in_lists).chain(in_tags).collect();
    let has_table = !options.table.is_absent();
    columns(&found, &parts, has_table, all_judged, faults);
    let is_clearable = clearable(options.clearable, has_table, faults);
    let normalizers = normalizers(&found, &parts, all_judged, faults);
    fingerprint_tags(&mut schema, &tags);
    if is_clearable {
        fingerprint_clearable(&mut schema);
    }
    if !is_owned {
        // Borrowed data cannot be read back either.
        schema.body = BodyModel::Unknown;
    }
    CachedModel {
        context: options.context.given().map(|ty| tokens::without_self(ty, object)),
        policy: PolicyModel {
            ttl: options.ttl.given(),
            negative_ttl: options.negative_ttl.given(),
            stale_if_error: options.stale_if_error.given(),
            soft_timeout: options.soft_timeout.given(),
            refresh_ahead: options.refresh_ahead.given(),
            settle: options.settle.given(),
            near: options.near.given(),
            near_ttl: options.near_ttl.given(),
        },
        ttl_with: options.ttl_with.given().map(|path| tokens::without_self(path, object)),
        // The members of a list are looked up by the first key.
        lists: if judged.is_empty() { Vec::new() } else { lists },
        lookups: judged,
        tags,
        normalizers,
        table: options.table.given(),
        is_clearable,
        is_cacheable: is_owned,
        schema,
    }
}

/// A followed type must be clearable: after a gap in the log, the changed rows are not known.
fn clearable(given: Slot<(bool, TokenStream)>, has_table: bool, faults: &mut Faults) -> bool {
    match given {
        Slot::Given((false, word)) if has_table => {
            faults.add(
                &word,
                "a type with a `table` must be clearable, since a gap in the database's log invalidates \
                 everything of the type: remove `clearable = false`",
            );
            true
        }
        Slot::Given((on, _)) => on,
        Slot::Absent | Slot::Invalid => has_table,
    }
}

/// `key_with` is not for a field of a cached struct: use a newtype.
fn keyed_by_newtypes(found: &[FieldInfo<'_>], faults: &mut Faults) {
    for field in found {
        let Slot::Given((word, _)) = &field.key_with else { continue };
        faults.add(
            word,
            "`key_with` is for the field of a newtype with `#[derive(KeyPart)]`: write one around this \
             field's type, and `key_with` there",
        );
    }
}

fn struct_fields<'a>(input: &'a DeriveInput, faults: &mut Faults) -> Option<&'a Fields> {
    match &input.data {
        Data::Struct(data) if !data.fields.is_empty() => return Some(&data.fields),
        Data::Struct(_) => faults.add(
            &input.ident,
            format!(
                "`{}` has no fields, so its objects cannot be distinguished; add the field for the key",
                input.ident
            ),
        ),
        Data::Enum(data) => faults.add(
            &data.enum_token,
            "`Cached` is for structs: the key is made from the object's fields, which an enum's \
             variants may not have; wrap the enum in a struct with the key's fields, and derive \
             `CacheSchema` for the enum",
        ),
        Data::Union(data) => faults.add(
            &data.union_token,
            "`Cached` is for structs: which field of a union is in use is not known, so it can be \
             neither stored nor keyed; write a struct",
        ),
    }
    None
}

/// A cached object outlives everything that it could borrow from.
fn owns_its_data(input: &DeriveInput, faults: &mut Faults) -> bool {
    let mut is_owned = true;
    for param in input.generics.lifetimes() {
        is_owned = false;
        faults.add(
            &param.lifetime,
            format!(
                "a cached object is shared and outlives its reader, so it cannot borrow: remove \
                 `{}` and own the data (`String` for `&str`, `Vec<T>` for `&[T]`)",
                param.lifetime
            ),
        );
    }
    is_owned
}
