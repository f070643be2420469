use cachecow::{CacheSchema, Cached};

#[derive(Clone, CacheSchema)]
enum Role {
    Admin,
}

#[derive(Clone, Cached)]
#[cache(key = "user:{role}", fetch = User::find)]
struct User {
    role: Role,
}

impl User {
    async fn find(id: &Role) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = Role::Admin;
}
