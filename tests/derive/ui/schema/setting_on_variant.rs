use cachecow::CacheSchema;

#[derive(CacheSchema)]
enum Role {
    #[cache(opaque)]
    Admin(String),
}

fn main() {}
