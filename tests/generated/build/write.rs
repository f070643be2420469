//! The program's text.

use std::fmt::Write;

use fastrand::Rng;

use crate::change::changed;
use crate::definition::{Body, Definition, Fields, Shape, Storage};

pub(crate) fn program(definitions: &[Definition], random: &mut Rng, seed: u64) -> String {
    let mut text = format!(
        "/// What the definitions were made from.\npub(crate) const SEED: u64 = {seed};\n\n"
    );
    for definition in definitions {
        text.push_str("#[derive(Clone, Debug, PartialEq, cachecow::CacheSchema)]\n");
        write_definition(&mut text, definition);
        write_generate(&mut text, definition);
    }
    write_any(&mut text, definitions);
    for definition in definitions {
        let name = &definition.name;
        let _ = writeln!(
            text,
            "mod changed_{} {{\n    #[allow(unused_imports)]\n    use super::*;",
            name.to_lowercase()
        );
        text.push_str("    #[derive(cachecow::CacheSchema)]\n");
        write_definition(&mut text, &changed(definition, random));
        // As before, and around what changed.
        let _ = writeln!(
            text,
            "    #[derive(cachecow::CacheSchema)]\n    pub(crate) struct Around {{ value: Vec<{}> }}\n}}",
            definition.used()
        );
        let _ = writeln!(text, "mod around_{} {{\n    use super::*;", name.to_lowercase());
        let _ = writeln!(
            text,
            "    #[derive(cachecow::CacheSchema)]\n    pub(crate) struct Around {{ value: Vec<{}> }}\n}}",
            definition.used()
        );
    }
    text.push_str("/// Each type's fingerprint, before a change and after it, and of what is around it.\npub(crate) const FINGERPRINTS: &[(&str, [u64; 4])] = &[\n");
    for definition in definitions {
        let (used, module) = (definition.used(), definition.name.to_lowercase());
        let _ = writeln!(
            text,
            "    (\"{used}\", [<{used} as CacheSchema>::FINGERPRINT, <changed_{module}::{used} as CacheSchema>::FINGERPRINT, \
             <around_{module}::Around as CacheSchema>::FINGERPRINT, <changed_{module}::Around as CacheSchema>::FINGERPRINT]),"
        );
    }
    text.push_str("];\n");
    text
}

/// One enum with all of the types, so that the program has one cached struct to compile.
fn write_any(text: &mut String, definitions: &[Definition]) {
    text.push_str(
        "#[derive(Clone, Debug, PartialEq, cachecow::CacheSchema)]\npub(crate) enum Any {\n",
    );
    for definition in definitions {
        let _ = writeln!(text, "    {}(Box<{}>),", definition.name, definition.used());
    }
    text.push_str("}\n\n/// A value of the type at this place.\npub(crate) fn any(of: usize, source: &mut Source) -> Option<Any> {\n    Some(match of {\n");
    for (index, definition) in definitions.iter().enumerate() {
        let _ = writeln!(text, "        {index} => Any::{}(source.value()),", definition.name);
    }
    text.push_str("        _ => return None,\n    })\n}\n\n");
}

fn write_definition(text: &mut String, definition: &Definition) {
    let Definition { name, parameters, version, body, .. } = definition;
    if let Some(version) = version {
        let _ = writeln!(text, "#[cache(version = {version})]");
    }
    let parameters = generics(parameters, "");
    match body {
        Body::Struct(fields) => {
            let _ = write!(text, "pub(crate) struct {name}{parameters}");
            write_fields(text, fields);
            text.push_str(if fields.shape == Shape::Named { "\n" } else { ";\n" });
        }
        Body::Enum(variants) => {
            let _ = writeln!(text, "pub(crate) enum {name}{parameters} {{");
            for (variant, fields) in variants {
                let _ = write!(text, "    {variant}");
                write_fields(text, fields);
                text.push_str(",\n");
            }
            text.push_str("}\n");
        }
    }
}

fn write_fields(text: &mut String, fields: &Fields) {
    let (open, close) = match fields.shape {
        Shape::Unit => return,
        Shape::Tuple => ("(", ")"),
        Shape::Named => (" { ", "}"),
    };
    text.push_str(open);
    for field in &fields.list {
        text.push_str(match field.storage {
            Storage::Schema => "",
            Storage::Opaque => "#[cache(opaque)] ",
            Storage::SerdeBytes => "#[cache(with = serde_bytes)] ",
            Storage::Skip => "#[cache(skip)] ",
        });
        if fields.shape == Shape::Named {
            let _ = write!(text, "{}: ", field.name);
        }
        let _ = write!(text, "{}, ", field.ty);
    }
    text.push_str(close);
}

/// `Generate`: a value whose fields come from the source one after the other.
fn write_generate(text: &mut String, definition: &Definition) {
    let Definition { name, parameters, body, .. } = definition;
    let (bounded, plain) = (generics(parameters, ": Generate"), generics(parameters, ""));
    let _ = writeln!(
        text,
        "impl{bounded} Generate for {name}{plain} {{\n    fn generate(source: &mut Source) -> Self {{"
    );
    match body {
        Body::Struct(fields) => {
            text.push_str("        let _ = &source;\n        ");
            write_value(text, name, fields);
        }
        Body::Enum(variants) => {
            let _ = writeln!(text, "        match source.below({}) {{", variants.len());
            for (index, (variant, fields)) in variants.iter().enumerate() {
                let pattern =
                    if index + 1 == variants.len() { "_".to_owned() } else { index.to_string() };
                let _ = write!(text, "            {pattern} => ");
                write_value(text, &format!("Self::{variant}"), fields);
                text.push_str(",\n");
            }
            text.push_str("        }");
        }
    }
    text.push_str("\n    }\n}\n\n");
}

fn write_value(text: &mut String, path: &str, fields: &Fields) {
    text.push_str(path);
    let (open, close) = match fields.shape {
        Shape::Unit => return,
        Shape::Tuple => ("(", ")"),
        Shape::Named => (" { ", "}"),
    };
    text.push_str(open);
    for field in &fields.list {
        if fields.shape == Shape::Named {
            let _ = write!(text, "{}: ", field.name);
        }
        // A hit has the default of what is not stored.
        text.push_str(if field.storage == Storage::Skip {
            "Default::default(), "
        } else {
            "source.value(), "
        });
    }
    text.push_str(close);
}

fn generics(parameters: &[&str], bound: &str) -> String {
    if parameters.is_empty() {
        return String::new();
    }
    let all: Vec<String> =
        parameters.iter().map(|parameter| format!("{parameter}{bound}")).collect();
    format!("<{}>", all.join(", "))
}
