use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = blocking())]
struct User {
    id: i64,
    email: String,
}

impl User {
    fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = User::by_id(1);
}
