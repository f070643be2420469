use std::time::Duration;

use cachecow::KeyPart;

fn millis(duration: Duration) -> u64 {
    duration.subsec_millis().into()
}

#[derive(KeyPart)]
struct Waited(#[cache(key_with = millis)] Duration);

fn main() {}
