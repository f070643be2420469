//! The traits that a user's types implement, mostly by the derives: the cached object, its lookups, keys and tags.

pub(crate) mod audited;
pub(crate) mod blocking;
pub(crate) mod by_reference;
pub(crate) mod cached;
pub(crate) mod call;
pub(crate) mod keys;
pub(crate) mod list;
pub(crate) mod listed;
pub(crate) mod lookup;
pub(crate) mod manifest;
pub(crate) mod object;
pub(crate) mod output;
pub(crate) mod place;
pub(crate) mod query;
pub(crate) mod schema;
pub(crate) mod tag;

/// Calls the macro with the members of each tuple of up to eight.
macro_rules! for_each_tuple {
    ($implement:ident) => {
        $implement! {
            A;
            A B;
            A B C;
            A B C D;
            A B C D E;
            A B C D E F;
            A B C D E F G;
            A B C D E F G H;
        }
    };
}
pub(crate) use for_each_tuple;
