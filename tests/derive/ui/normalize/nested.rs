use cachecow::CacheSchema;

#[derive(CacheSchema)]
struct Address {
    #[cache(normalize = str::to_lowercase)]
    city: String,
}

fn main() {}
