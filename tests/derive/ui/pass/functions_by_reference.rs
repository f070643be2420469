//! `key_with`, `normalize` and `ttl_with` take any function to whose argument the compiler can coerce the reference.

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use cachecow::{Cached, Key, KeyPart, Lookup};

fn millis(duration: &Duration) -> u64 {
    duration.subsec_millis().into()
}

const MILLIS: fn(&Duration) -> u64 = millis;

fn shown(path: &Path) -> String {
    path.display().to_string()
}

fn len(bytes: &[u8]) -> usize {
    bytes.len()
}

fn debug(value: &dyn Debug) -> String {
    format!("{value:?}")
}

fn text(value: impl ToString) -> String {
    value.to_string()
}

fn text_of<T: ToString + ?Sized>(value: &T) -> String {
    value.to_string()
}

fn lent<T: AsRef<str>>(value: &T) -> &str {
    value.as_ref()
}

#[derive(KeyPart)]
struct Waited(#[cache(key_with = millis)] Duration);

#[derive(KeyPart)]
struct Pointer(#[cache(key_with = MILLIS)] Duration);

#[derive(KeyPart)]
struct Derefs(#[cache(key_with = shown)] PathBuf);

#[derive(KeyPart)]
struct Slice(#[cache(key_with = len)] [u8; 4]);

#[derive(KeyPart)]
struct Unsized(#[cache(key_with = debug)] Rc<u8>);

#[derive(KeyPart)]
struct OfAnyType(#[cache(key_with = text)] i64);

#[derive(KeyPart)]
struct OfAnyReference(#[cache(key_with = text_of)] i64);

#[derive(KeyPart)]
struct OfATrait(#[cache(key_with = ToString::to_string)] u8);

#[derive(KeyPart)]
struct Lent(#[cache(key_with = AsRef::<str>::as_ref)] String);

#[derive(KeyPart)]
struct Generic<T: ToString>(#[cache(key_with = T::to_string)] T);

#[derive(KeyPart)]
struct GenericLent<T: AsRef<str>>(#[cache(key_with = lent)] T);

#[derive(Cached)]
#[cache(key = "user:{email}:{name}", fetch = User::find, name = "only")]
#[cache(ttl_with = User::ttl)]
struct User {
    #[cache(normalize = str::to_lowercase)]
    email: String,
    #[cache(normalize = str::trim)]
    name: String,
}

impl User {
    async fn find(_: &str, _: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    fn ttl(&self) -> Duration {
        Duration::ZERO
    }
}

fn main() {
    assert_eq!(User::only("A@B.C", " d ").key().key(), User::only("a@b.c", "d").key().key());
    let key = |part: &dyn Fn(&mut cachecow::KeyEncoder)| -> Key {
        let mut encoder = cachecow::KeyEncoder::new("part:{}");
        part(&mut encoder);
        encoder.key()
    };
    let of = |part: &str| key(&|encoder| part.encode(encoder));
    assert_eq!(key(&|encoder| Derefs("a".into()).encode(encoder)), of("a"));
    assert_eq!(key(&|encoder| Unsized(Rc::new(7)).encode(encoder)), of("7"));
    assert_eq!(key(&|encoder| OfAnyType(7).encode(encoder)), of("7"));
    assert_eq!(key(&|encoder| OfAnyReference(7).encode(encoder)), of("7"));
    assert_eq!(key(&|encoder| OfATrait(7).encode(encoder)), of("7"));
    assert_eq!(key(&|encoder| Lent("a".into()).encode(encoder)), of("a"));
    assert_eq!(key(&|encoder| Generic(7).encode(encoder)), of("7"));
    assert_eq!(key(&|encoder| GenericLent("a").encode(encoder)), of("a"));
    let number = |part: u64| key(&|encoder| part.encode(encoder));
    let second = Duration::from_millis(1_250);
    assert_eq!(key(&|encoder| Waited(second).encode(encoder)), number(250));
    assert_eq!(key(&|encoder| Pointer(second).encode(encoder)), number(250));
    assert_eq!(key(&|encoder| Slice([0; 4]).encode(encoder)), number(4));
}
