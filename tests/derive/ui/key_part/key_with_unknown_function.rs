use std::time::Duration;

use cachecow::KeyPart;

#[derive(KeyPart)]
struct Waited(#[cache(key_with = Duration::as_hectares)] Duration);

fn main() {}
