use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{field}", fetch = User::find)]
struct User {
    id: i64,
    field: Option<f64>,
}

impl User {
    async fn find(_: &Option<f64>) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
