use cachecow::{CacheSchema, KeyPart};

#[derive(CacheSchema, KeyPart)]
enum Status {
    #[cache(rename = Active)]
    Running,
}

fn main() {}
