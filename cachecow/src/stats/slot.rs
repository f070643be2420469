//! A consecutive number for each cached type.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::RwLock;

static NEXT_SLOT: AtomicUsize = AtomicUsize::new(0);

/// A type's number, assigned on first use; the derive puts one in a `static` for each type.
#[derive(Debug)]
pub struct StaticSlot(OnceLock<usize>);

impl StaticSlot {
    /// Makes a slot without a number yet.
    #[expect(clippy::new_without_default, reason = "only ever the initial value of a static")]
    pub const fn new() -> Self {
        Self(OnceLock::new())
    }

    /// The number.
    #[inline]
    pub fn get(&self) -> usize {
        *self.0.get_or_init(|| NEXT_SLOT.fetch_add(1, Ordering::Relaxed))
    }
}

/// The number of a generic type: a `static` in generic code is shared by all instances, so these
/// use their `TypeId`.
pub(crate) fn generic_slot<T: ?Sized + 'static>() -> usize {
    static SLOTS: RwLock<Option<HashMap<TypeId, usize>>> = RwLock::new(None);
    let id = TypeId::of::<T>();
    let known = |slots: &Option<HashMap<TypeId, usize>>| slots.as_ref()?.get(&id).copied();
    if let Some(slot) = known(&SLOTS.read()) {
        return slot;
    }
    *SLOTS
        .write()
        .get_or_insert_default()
        .entry(id)
        .or_insert_with(|| NEXT_SLOT.fetch_add(1, Ordering::Relaxed))
}

/// How many pairs of template and type are distinguished.
const MAX_TEMPLATES: usize = 1024;

/// The number of this template and type for `get_or_fetch`; `None` if there are too many.
pub(crate) fn template_slot<T: 'static>(template: &'static str) -> Option<usize> {
    static SLOTS: RwLock<Option<HashMap<(&'static str, TypeId), usize>>> = RwLock::new(None);
    let id = (template, TypeId::of::<T>());
    if let Some(slot) = SLOTS.read().as_ref().and_then(|slots| slots.get(&id).copied()) {
        return Some(slot);
    }
    let mut slots = SLOTS.write();
    let slots = slots.get_or_insert_default();
    if !slots.contains_key(&id) && slots.len() >= MAX_TEMPLATES {
        return None;
    }
    Some(*slots.entry(id).or_insert_with(|| NEXT_SLOT.fetch_add(1, Ordering::Relaxed)))
}
