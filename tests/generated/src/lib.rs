//! Values of any type from a seed, for definitions that are generated too.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::hash::{BuildHasher, Hash};
use std::sync::Arc;

/// How deep a value is at the most, where its type has no end.
const DEEPEST: u32 = 6;

/// Where values come from.
#[derive(Debug)]
pub struct Source {
    random: fastrand::Rng,
    depth: u32,
}

impl Source {
    /// The same values for the same seed.
    pub fn new(seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), depth: 0 }
    }

    /// The next value.
    pub fn value<T: Generate>(&mut self) -> T {
        self.depth += 1;
        let value = T::generate(self);
        self.depth -= 1;
        value
    }

    /// A number below this one.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.usize(..end)
    }

    /// How long the next collection is.
    fn len(&mut self) -> usize {
        if self.depth > DEEPEST { 0 } else { self.random.usize(..4) }
    }

    /// The extremes of a number are as likely as all others together.
    fn one_of<T: Copy, const N: usize>(&mut self, extremes: [T; N], other: T) -> T {
        if self.random.bool() { other } else { extremes[self.random.usize(..N)] }
    }

    fn all<T: Generate, C: FromIterator<T>>(&mut self) -> C {
        (0..self.len()).map(|_| self.value()).collect()
    }
}

/// A type whose values can be generated.
pub trait Generate {
    /// The next value.
    fn generate(source: &mut Source) -> Self;
}

macro_rules! integers {
    ($($int:ident)*) => {$(
        impl Generate for $int {
            fn generate(source: &mut Source) -> Self {
                let other = source.random.$int(..);
                source.one_of([0, 1, $int::MIN, $int::MAX, $int::MAX / 2 + 1], other)
            }
        }
    )*};
}

integers!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128);

impl Generate for f32 {
    fn generate(source: &mut Source) -> Self {
        let other = source.random.f32();
        source.one_of([0.0, -1.5, Self::MAX, Self::INFINITY, Self::MIN_POSITIVE], other)
    }
}

impl Generate for f64 {
    fn generate(source: &mut Source) -> Self {
        let other = source.random.f64();
        source.one_of([0.0, -1.5, Self::MAX, Self::NEG_INFINITY, Self::EPSILON], other)
    }
}

impl Generate for bool {
    fn generate(source: &mut Source) -> Self {
        source.random.bool()
    }
}

impl Generate for char {
    fn generate(source: &mut Source) -> Self {
        let other = source.random.char(..);
        source.one_of(['\0', 'a', 'é', '🐮'], other)
    }
}

impl Generate for () {
    fn generate(_: &mut Source) {}
}

impl Generate for String {
    fn generate(source: &mut Source) -> Self {
        // Longer than the shortest forms of a text now and then.
        let len = [0, 1, 5, 31, 32, 300][source.below(6)];
        (0..len).map(|_| char::generate(source)).collect()
    }
}

impl<T: Generate> Generate for Option<T> {
    fn generate(source: &mut Source) -> Self {
        (source.len() > 1).then(|| source.value())
    }
}

impl<T: Generate, E: Generate> Generate for Result<T, E> {
    fn generate(source: &mut Source) -> Self {
        if source.random.bool() { Ok(source.value()) } else { Err(source.value()) }
    }
}

impl<T: Generate> Generate for Box<T> {
    fn generate(source: &mut Source) -> Self {
        Self::new(source.value())
    }
}

impl<T: Generate> Generate for Arc<T> {
    fn generate(source: &mut Source) -> Self {
        Self::new(source.value())
    }
}

impl<T: Generate> Generate for Vec<T> {
    fn generate(source: &mut Source) -> Self {
        source.all()
    }
}

impl<T: Generate, const N: usize> Generate for [T; N] {
    fn generate(source: &mut Source) -> Self {
        std::array::from_fn(|_| source.value())
    }
}

impl<T: Generate + Ord> Generate for BTreeSet<T> {
    fn generate(source: &mut Source) -> Self {
        source.all()
    }
}

impl<K: Generate + Ord, V: Generate> Generate for BTreeMap<K, V> {
    fn generate(source: &mut Source) -> Self {
        source.all()
    }
}

impl<K: Generate + Hash + Eq, V: Generate, S: BuildHasher + Default> Generate for HashMap<K, V, S> {
    fn generate(source: &mut Source) -> Self {
        source.all()
    }
}

macro_rules! tuples {
    ($($($member:ident)*;)*) => {$(
        impl<$($member: Generate),*> Generate for ($($member,)*) {
            fn generate(source: &mut Source) -> Self {
                ($(source.value::<$member>(),)*)
            }
        }
    )*};
}

tuples! {
    A;
    A B;
    A B C;
    A B C D;
}
