use cachecow::Cached;

const FIND: i64 = 7;

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = FIND)]
struct User {
    id: i64,
}

fn main() {}
