//! What holds whatever the input. Each property takes any bytes, makes an input of them that is
//! nearly valid, and panics where cachecow does wrong: `tests/seeded.rs` calls it with pseudo-random
//! bytes, and `tests/fuzz` with those that a fuzzer finds.

#![allow(clippy::missing_panics_doc, reason = "a property panics where it does not hold")]

pub mod derives;
pub mod documents;
pub mod keys;
mod mutate;
pub mod packed;
pub mod prefixes;
pub mod seeded;
mod shared;
pub mod store_hmac;
pub mod urls;

// A crate of macros exports nothing else, so its modules are compiled in here.
#[path = "../../../cachecow-derive/src/attr.rs"]
mod attr;
#[path = "../../../cachecow-derive/src/derive.rs"]
mod derive;
#[path = "../../../cachecow-derive/src/duration.rs"]
mod duration;
#[path = "../../../cachecow-derive/src/expand/mod.rs"]
mod expand;
#[path = "../../../cachecow-derive/src/faults.rs"]
mod faults;
#[path = "../../../cachecow-derive/src/fields.rs"]
mod fields;
#[path = "../../../cachecow-derive/src/function.rs"]
mod function;
#[path = "../../../cachecow-derive/src/list_options.rs"]
mod list_options;
#[path = "../../../cachecow-derive/src/model.rs"]
mod model;
#[path = "../../../cachecow-derive/src/options.rs"]
mod options;
#[path = "../../../cachecow-derive/src/query_options.rs"]
mod query_options;
#[path = "../../../cachecow-derive/src/suggest.rs"]
mod suggest;
#[path = "../../../cachecow-derive/src/table.rs"]
mod table;
#[path = "../../../cachecow-derive/src/template.rs"]
mod template;
#[path = "../../../cachecow-derive/src/tokens.rs"]
mod tokens;
#[path = "../../../cachecow-derive/src/validate/mod.rs"]
mod validate;
#[path = "../../../cachecow-derive/src/value.rs"]
mod value;
