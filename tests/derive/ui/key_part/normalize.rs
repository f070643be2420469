use cachecow::{CacheSchema, KeyPart};

#[derive(CacheSchema, KeyPart)]
struct Email(#[cache(normalize = str::to_lowercase)] String);

fn main() {}
