//! Key templates: `order:{tenant}:{id}`.

/// A well-formed key template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Template {
    /// The names in the placeholders, in order.
    pub(crate) placeholders: Vec<String>,
    /// The template with its placeholders emptied, escapes as written.
    pub(crate) emptied: String,
}

/// What the placeholders refer to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A placeholder names a field of the struct.
    Struct,
    /// A placeholder names a parameter of the function.
    Function,
}

impl Template {
    /// Parses a template of a struct's key, or says what is wrong with it and what to write.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        Self::parse_of(text, Owner::Struct)
    }

    /// The same for a struct's key or a function's.
    pub(crate) fn parse_of(text: &str, owner: Owner) -> Result<Self, String> {
        if text.is_empty() {
            let message = match owner {
                Owner::Struct => {
                    "an empty key template; write a name for the type and a placeholder for \
                     each field, such as `user:{id}`"
                }
                Owner::Function => {
                    "an empty key template; write a name for the query and a placeholder for \
                     each parameter, such as `top-posts:{day}`"
                }
            };
            return Err(message.to_owned());
        }
        let mut template = Self { placeholders: Vec::new(), emptied: String::new() };
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (plain, from_brace) = rest.split_at(at);
            template.emptied.push_str(plain);
            rest = template.brace(from_brace, owner)?;
        }
        template.emptied.push_str(rest);
        Ok(template)
    }

    /// Consumes an escape or a placeholder; returns the rest.
    fn brace<'a>(&mut self, text: &'a str, owner: Owner) -> Result<&'a str, String> {
        for escape in ["{{", "}}"] {
            if let Some(rest) = text.strip_prefix(escape) {
                self.emptied.push_str(escape);
                return Ok(rest);
            }
        }
        let Some(inner) = text.strip_prefix('{') else {
            return Err("`}` without `{`; write `}}` for a literal brace".to_owned());
        };
        let Some((name, rest)) = inner.split_once('}').filter(|(name, _)| !name.contains('{'))
        else {
            return Err(format!(
                "the placeholder `{{{inner}` is not closed; write `{{{}}}`, or `{{{{` for a \
                 literal brace",
                owner.part()
            ));
        };
        self.placeholders.push(placeholder(name, owner)?.to_owned());
        self.emptied.push_str("{}");
        Ok(rest)
    }
}

impl Owner {
    fn part(self) -> &'static str {
        match self {
            Self::Struct => "field",
            Self::Function => "parameter",
        }
    }
}

fn placeholder(name: &str, owner: Owner) -> Result<&str, String> {
    let part = owner.part();
    if name.is_empty() {
        let message = match owner {
            Owner::Struct => {
                "an empty placeholder `{}`; name the field: `{id}`, or `{0}` in a tuple struct"
            }
            Owner::Function => "an empty placeholder `{}`; name the parameter: `{day}`",
        };
        return Err(message.to_owned());
    }
    if let Some((field, _)) = name.split_once(':') {
        return Err(format!(
            "`{{{name}}}`: a placeholder has no format; write `{{{}}}`",
            field.trim()
        ));
    }
    if let Some((first, _)) = name.split_once('.').filter(|_| owner == Owner::Function) {
        return Err(format!(
            "`{{{name}}}`: a placeholder must be the name of one of the function's parameters; write \
             `{{{first}}}`, or add a parameter for this value"
        ));
    }
    if let Some((of, within)) = name.split_once('.') {
        let word = if of == "self" { within.to_owned() } else { name.replace('.', "_") };
        let help = if of == "self" { "" } else { "add a field for this value to the struct, and " };
        return Err(format!(
            "`{{{name}}}`: a placeholder must be the name of one of the struct's fields; {help}write \
             `{{{word}}}`"
        ));
    }
    let word = name.strip_prefix("r#").unwrap_or(name);
    if word.is_empty() || !word.chars().all(|c| c.is_alphanumeric() || c == '_') {
        return Err(format!(
            "`{{{name}}}` does not name a {part}; a placeholder contains the name of one {part} and \
             nothing else: `{{id}}`"
        ));
    }
    Ok(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_are_named_and_emptied() {
        let template = Template::parse("order:{tenant}:{id}").expect("well-formed");
        assert_eq!(template.placeholders, ["tenant", "id"]);
        assert_eq!(template.emptied, "order:{}:{}");
    }

    #[test]
    fn a_template_may_have_no_placeholder() {
        let template = Template::parse("settings").expect("well-formed");
        assert!(template.placeholders.is_empty());
        assert_eq!(template.emptied, "settings");
    }

    #[test]
    fn tuple_fields_and_raw_names() {
        let template = Template::parse("{0}-{r#type}").expect("well-formed");
        assert_eq!(template.placeholders, ["0", "type"]);
    }

    #[test]
    fn escapes_stay_as_written() {
        let template = Template::parse("a{{b}}{id}").expect("well-formed");
        assert_eq!(template.emptied, "a{{b}}{}");
        // Otherwise `{{}}` and an emptied placeholder would have the same encoding.
        assert_ne!(
            Template::parse("{{}}{id}").expect("well-formed").emptied,
            Template::parse("{a}{id}").expect("well-formed").emptied
        );
    }

    #[test]
    fn malformed_templates_say_what_to_write() {
        for text in [
            "",
            "user:{",
            "user:{id",
            "user:id}",
            "user:{}",
            "user:{id:?}",
            "user:{a b}",
            "{a{b}}",
            "user:{self.id}",
            "user:{r#}",
            "é{",
        ] {
            let message = Template::parse(text).expect_err(text);
            assert!(message.contains("write") || message.contains("name"), "{text}: {message}");
        }
    }
}
