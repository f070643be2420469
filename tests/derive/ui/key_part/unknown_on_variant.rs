//! By two derives, and reported once.

use cachecow::{CacheSchema, KeyPart};

#[derive(CacheSchema, KeyPart)]
enum Status {
    #[cache(renamed = "Active")]
    Running,
}

fn main() {}
