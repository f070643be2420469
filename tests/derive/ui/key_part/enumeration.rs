use cachecow::KeyPart;

#[derive(KeyPart)]
enum Role {
    Admin,
    Guest,
}

fn main() {}
