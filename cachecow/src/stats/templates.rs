//! The key templates of types, in one `CacheCow`.

use std::any::type_name;
use std::collections::HashMap;

use parking_lot::Mutex;

use crate::events::say;
use crate::key::{Key, KeyEncoder};
use crate::model::cached::Cached;

/// The templates of the types that were used.
#[derive(Default)]
pub(super) struct Templates(Mutex<HashMap<Key, Owner>>);

/// The first type of a template.
#[derive(Clone, Copy)]
struct Owner {
    slot: usize,
    name: &'static str,
}

impl Templates {
    /// Registers the templates of a type; returns whether another type has one of them, which is logged.
    pub(super) fn clashes<T: Cached>(&self, slot: usize, templates: &[&str]) -> bool {
        let mut owners = self.0.lock();
        let own = Owner { slot, name: type_name::<T>() };
        let mut clashes = false;
        for template in templates {
            let owner = *owners.entry(key::<T>(template)).or_insert(own);
            if owner.slot != slot {
                clashes = true;
                say!(
                    TEMPLATE_CLASH,
                    template,
                    first = owner.name,
                    second = own.name,
                    "two types have the same key template, so their values could be confused; the \
                     second type is not cached: give it a different template"
                );
            }
        }
        clashes
    }
}

/// Instances of a generic type have their arguments in their keys.
fn key<T: Cached>(template: &str) -> Key {
    let mut parts = KeyEncoder::new(template);
    let mut name = KeyEncoder::new("");
    T::write_name(&mut name);
    let mut plain = KeyEncoder::new("");
    plain.scope(T::NAME);
    if name.as_bytes() != plain.as_bytes() {
        T::write_name(&mut parts);
    }
    parts.key()
}
