//! Caching a type without the derive: a computed value, looked up by its input.
//!
//! ```sh
//! cargo run -p cachecow-examples --example hand_written_lookup    # needs no server
//! ```
//!
//! The derive generates these three implementations. Write them by hand if the key is not a field, if it needs
//! normalizing, or if you do not want a macro.

use std::time::Duration;

use cachecow::{
    CacheCow, CacheKeys, CacheSchema, Cached, Error, Key, KeyEncoder, KeyPart as _, KeySet, Lookup,
    TypePolicy,
};

/// The counted letters of a word. `CacheSchema` says how they are stored; by hand it takes a dozen lines, see its
/// documentation.
#[derive(Clone, Debug, CacheSchema)]
struct LetterCount {
    word: String,
    vowels: usize,
    consonants: usize,
}

/// The type's settings, and all keys of an object.
impl Cached for LetterCount {
    const POLICY: TypePolicy = TypePolicy::new().with_ttl(Duration::from_secs(3600));

    fn each_key(&self, visit: &mut dyn FnMut(Key)) {
        visit(LettersOf::key_of(self).key());
    }
}

/// Finds a count by a word, in capitals or not.
struct LettersOf(String);

impl LettersOf {
    fn new(word: &str) -> Self {
        Self(word.to_lowercase())
    }

    fn encode(word: &str) -> KeyEncoder {
        // The template distinguishes this kind of key from all others; the typed parts follow.
        let mut encoder = KeyEncoder::new("letters:{}");
        word.encode(&mut encoder);
        encoder
    }
}

impl Lookup for LettersOf {
    type Object = LetterCount;
    type Context = ();
    const NAME: &'static str = "LetterCount::of";

    fn key(&self) -> KeyEncoder {
        Self::encode(&self.0)
    }

    /// An object from the cache is returned only if this equals the requested key.
    fn key_of(object: &LetterCount) -> KeyEncoder {
        Self::encode(&object.word)
    }

    async fn fetch(&self, (): &()) -> Result<Option<LetterCount>, Error> {
        println!("   counting {:?}", self.0);
        if let Some(digit) = self.0.chars().find(char::is_ascii_digit) {
            let cause = std::io::Error::other(format!("{digit} is not a letter"));
            return Err(Error::fetch(Self::NAME, cause));
        }
        let vowels = self.0.chars().filter(|letter| "aeiou".contains(*letter)).count();
        let consonants = self.0.chars().filter(|letter| letter.is_alphabetic()).count() - vowels;
        Ok(Some(LetterCount { word: self.0.clone(), vowels, consonants }))
    }
}

/// So that `invalidate` and `write` accept it.
impl CacheKeys for LettersOf {
    fn add_to(&self, set: &mut KeySet) {
        set.add(self.key().key(), LetterCount::POLICY);
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let cow = CacheCow::memory();
    for word in ["Cow", "COW", "cache"] {
        let read = cow.read(LettersOf::new(word)).await?;
        if let Some(count) = &read.value {
            let LetterCount { vowels, consonants, .. } = &**count;
            println!("{word}: {vowels} vowels, {consonants} consonants ({:?})", read.source);
        }
    }

    cow.invalidate(LettersOf::new("cow")).await?;
    let read = cow.read(LettersOf::new("cow")).await?;
    println!("cow, invalidated: {:?}", read.source);

    let error = cow.get(LettersOf::new("c0w")).await.expect_err("0 is a digit");
    let cause = error.fetch_error::<std::io::Error>().map(ToString::to_string);
    println!("c0w: {error}: {}", cause.unwrap_or_default());
    Ok(())
}
