use cachecow::CacheSchema;

#[derive(CacheSchema)]
#[cache(ttl = "10m")]
struct Address {
    city: String,
}

fn main() {}
