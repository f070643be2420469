//! Definitions from random numbers. A type is made of those before it, and of itself behind a `Box` or a `Vec`.

use fastrand::Rng;

use crate::definition::{Body, Definition, Field, Fields, Shape, Storage};

const PLAIN: [&str; 17] = [
    "u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "f32", "f64",
    "bool", "char", "String", "()",
];
const KEYS: [&str; 6] = ["u8", "i64", "String", "char", "bool", "(u8, i16)"];

pub(crate) fn definitions(random: &mut Rng, count: usize) -> Vec<Definition> {
    let mut all: Vec<Definition> = Vec::new();
    for index in 0..count {
        let used: Vec<String> = all.iter().map(Definition::used).collect();
        all.push(Generator { random, before: &used, parameters: &[] }.definition(index));
    }
    all
}

/// Generates one definition.
struct Generator<'a> {
    random: &'a mut Rng,
    /// The types that exist already.
    before: &'a [String],
    parameters: &'a [&'static str],
}

impl Generator<'_> {
    fn definition(&mut self, index: usize) -> Definition {
        let parameters: &[&str] = match self.random.u8(..6) {
            0 => &["A"],
            1 => &["A", "B"],
            _ => &[],
        };
        let arguments = parameters.iter().map(|_| self.ty(1)).collect();
        let mut within = Generator { random: self.random, before: self.before, parameters };
        let body = if within.random.bool() {
            Body::Struct(within.struct_fields())
        } else {
            let count = within.random.usize(1..5);
            Body::Enum((0..count).map(|at| (format!("V{at}"), within.variant_fields())).collect())
        };
        let mut definition = Definition {
            name: format!("T{index}"),
            parameters: parameters.to_vec(),
            arguments,
            version: None,
            body,
        };
        // A parameter that is not used is an error.
        let fields = match &mut definition.body {
            Body::Struct(fields) => fields,
            Body::Enum(variants) => &mut variants[0].1,
        };
        for &parameter in parameters {
            if fields.shape == Shape::Unit {
                fields.shape = Shape::Tuple;
            }
            let name = format!("of_{}", parameter.to_lowercase());
            fields.list.push(Field { name, ty: parameter.to_owned(), storage: Storage::Schema });
        }
        definition
    }

    fn struct_fields(&mut self) -> Fields {
        match self.random.u8(..8) {
            // A newtype.
            0 | 1 => self.fields(Shape::Tuple, 1),
            2 => {
                let count = self.random.usize(2..4);
                self.fields(Shape::Tuple, count)
            }
            3 => Fields { shape: Shape::Unit, list: Vec::new() },
            _ => {
                let count = self.random.usize(1..7);
                self.fields(Shape::Named, count)
            }
        }
    }

    fn variant_fields(&mut self) -> Fields {
        let count = self.random.usize(1..4);
        match self.random.u8(..3) {
            0 => Fields { shape: Shape::Unit, list: Vec::new() },
            1 => self.fields(Shape::Tuple, count),
            _ => self.fields(Shape::Named, count),
        }
    }

    fn fields(&mut self, shape: Shape, count: usize) -> Fields {
        Fields { shape, list: (0..count).map(|at| self.field(at)).collect() }
    }

    fn field(&mut self, at: usize) -> Field {
        let (ty, storage) = match self.random.u8(..16) {
            0 => (self.serde_type(2), Storage::Opaque),
            1 => ("Vec<u8>".to_owned(), Storage::SerdeBytes),
            2 => (format!("Option<{}>", self.ty(1)), Storage::Skip),
            3 => (format!("Option<Box<{}>>", self.itself()), Storage::Schema),
            4 => (format!("Vec<{}>", self.itself()), Storage::Schema),
            _ => (self.ty(3), Storage::Schema),
        };
        Field { name: format!("field_{at}"), ty, storage }
    }

    fn itself(&mut self) -> &'static str {
        if self.random.bool() { "Self" } else { "(u8, Self)" }
    }

    fn ty(&mut self, depth: u8) -> String {
        if depth == 0 {
            return self.leaf();
        }
        let within = depth - 1;
        match self.random.u8(..14) {
            0 => format!("Option<{}>", self.ty(within)),
            1 => format!("Vec<{}>", self.ty(within)),
            2 => format!("Box<{}>", self.ty(within)),
            3 => format!("std::sync::Arc<{}>", self.ty(within)),
            4 => format!("[{}; {}]", self.ty(within), self.random.u8(..4)),
            5 => {
                let count = self.random.usize(1..5);
                let members: Vec<String> = (0..count).map(|_| self.ty(within)).collect();
                format!("({},)", members.join(", "))
            }
            6 => format!("std::collections::BTreeMap<{}, {}>", self.key(), self.ty(within)),
            7 => format!("std::collections::HashMap<{}, {}>", self.key(), self.ty(within)),
            8 => format!("std::collections::BTreeSet<{}>", self.key()),
            9 => format!("Result<{}, {}>", self.ty(within), self.leaf()),
            _ => self.leaf(),
        }
    }

    fn leaf(&mut self) -> String {
        let is = self.random.u8(..4);
        if is == 0 && !self.parameters.is_empty() {
            return self.parameters[self.random.usize(..self.parameters.len())].to_owned();
        }
        if is < 2 && !self.before.is_empty() {
            return self.before[self.random.usize(..self.before.len())].clone();
        }
        PLAIN[self.random.usize(..PLAIN.len())].to_owned()
    }

    fn key(&mut self) -> &'static str {
        KEYS[self.random.usize(..KEYS.len())]
    }

    /// A type that serde stores faithfully: no option of something that is written as nothing.
    fn serde_type(&mut self, depth: u8) -> String {
        if depth == 0 {
            // Without `()`.
            return PLAIN[self.random.usize(..PLAIN.len() - 1)].to_owned();
        }
        match self.random.u8(..5) {
            0 => format!("Option<{}>", self.serde_type(0)),
            1 => format!("Vec<{}>", self.serde_type(depth - 1)),
            2 => format!("({}, {})", self.serde_type(depth - 1), self.serde_type(0)),
            3 => format!("std::collections::BTreeMap<{}, {}>", self.key(), self.serde_type(0)),
            _ => self.serde_type(0),
        }
    }
}
