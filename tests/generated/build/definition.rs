//! A type definition, as it is generated and written.

/// A struct or an enum.
#[derive(Clone)]
pub(crate) struct Definition {
    pub(crate) name: String,
    /// The type parameters.
    pub(crate) parameters: Vec<&'static str>,
    /// Types for the parameters, where the type is used.
    pub(crate) arguments: Vec<String>,
    /// The `version` setting.
    pub(crate) version: Option<u8>,
    pub(crate) body: Body,
}

#[derive(Clone)]
pub(crate) enum Body {
    Struct(Fields),
    Enum(Vec<(String, Fields)>),
}

#[derive(Clone)]
pub(crate) struct Fields {
    pub(crate) shape: Shape,
    pub(crate) list: Vec<Field>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shape {
    Unit,
    Tuple,
    Named,
}

#[derive(Clone)]
pub(crate) struct Field {
    pub(crate) name: String,
    pub(crate) ty: String,
    pub(crate) storage: Storage,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Storage {
    Schema,
    Opaque,
    SerdeBytes,
    Skip,
}

impl Definition {
    /// The type as it is used by others: with arguments.
    pub(crate) fn used(&self) -> String {
        if self.arguments.is_empty() {
            self.name.clone()
        } else {
            format!("{}<{}>", self.name, self.arguments.join(", "))
        }
    }
}
