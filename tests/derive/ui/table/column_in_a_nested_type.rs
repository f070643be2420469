use cachecow::CacheSchema;

#[derive(CacheSchema)]
struct Address {
    #[cache(column = "town")]
    city: String,
}

fn main() {}
