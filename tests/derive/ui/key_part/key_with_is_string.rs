use std::time::Duration;

use cachecow::{CacheSchema, KeyPart};

#[derive(CacheSchema, KeyPart)]
struct Waited(#[cache(key_with = "Duration::as_millis")] Duration);

fn main() {}
