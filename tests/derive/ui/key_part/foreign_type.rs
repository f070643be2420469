//! Of another crate, and no key part.

use std::time::Duration;

use cachecow::KeyPart;

#[derive(KeyPart)]
struct Waited(Duration);

fn main() {}
