use cachecow::CacheSchema;

#[derive(CacheSchema)]
#[cache(colour = "red")]
struct Address {
    city: String,
}

fn main() {}
