use cachecow::KeyPart;

#[derive(KeyPart)]
enum Role {
    Admin,
    Guest(String),
    Other { id: u32 },
}

fn main() {}
