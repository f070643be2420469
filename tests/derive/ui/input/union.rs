use cachecow::CacheSchema;

#[derive(CacheSchema)]
union Word {
    signed: i64,
    unsigned: u64,
}

fn main() {}
