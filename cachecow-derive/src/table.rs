//! The names of tables and columns: `app.users`, `"Odd name"`.

use syn::parse::{ParseStream, Parser};
use syn::punctuated::Punctuated;
use syn::{Error, LitStr, Result, Token, bracketed};

use crate::attr::Entry;
use crate::model::TableModel;
use crate::value;

/// A table's name, with or without its schema.
pub(crate) fn table(entry: &Entry) -> Result<TableModel> {
    let literal = value::string(entry, "\"app.users\"")?;
    let fault = |message: String| Error::new_spanned(&literal, message);
    let mut names = names(&literal.value()).map_err(fault)?;
    match (names.pop(), names.pop(), names.pop()) {
        (Some(name), schema, None) => Ok(TableModel { schema, name }),
        _ => Err(fault(
            "a table name has at most two parts, schema and name, since a change log covers one \
             database: write `table = \"app.users\"`"
                .to_owned(),
        )),
    }
}

/// A column's name, as the catalog has it.
pub(crate) fn column(entry: &Entry) -> Result<LitStr> {
    let literal = value::string(entry, "\"mail\"")?;
    if literal.value().is_empty() {
        let message = "an empty column name: write the column's name in the table";
        return Err(Error::new_spanned(&literal, message));
    }
    Ok(literal)
}

/// The names of several columns: `["id", "mail"]`.
pub(crate) fn columns(entry: &Entry) -> Result<Vec<String>> {
    let wrong = || {
        let message = "`columns` takes the names of the columns that the function reads: write `columns = [\"id\", \
                       \"mail\"]`";
        Error::new_spanned(entry.value_or_name(), message)
    };
    let value = entry.value.clone().ok_or_else(wrong)?;
    let names = |input: ParseStream<'_>| {
        let content;
        bracketed!(content in input);
        Punctuated::<LitStr, Token![,]>::parse_terminated(&content)
    };
    let names = names.parse2(value).map_err(|_| wrong())?;
    if names.is_empty() {
        return Err(wrong());
    }
    let mut columns: Vec<String> = Vec::new();
    for name in names {
        let column = name.value();
        if column.is_empty() {
            let message = "an empty column name: write the column's name in the table";
            return Err(Error::new_spanned(&name, message));
        }
        if columns.contains(&column) {
            let message = format!("`{column}` is given twice; remove one");
            return Err(Error::new_spanned(&name, message));
        }
        columns.push(column);
    }
    Ok(columns)
}

/// The names between the dots. A name that is not a plain word is in double quotes, with any quote in it doubled.
fn names(text: &str) -> std::result::Result<Vec<String>, String> {
    let mut names = Vec::new();
    let mut rest = text;
    loop {
        let (name, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_name(quoted)?,
            None => plain_name(rest)?,
        };
        names.push(name);
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(names),
            None => {
                return Err(format!(
                    "unexpected `{after}` after the name: write a dot between schema and table"
                ));
            }
        }
    }
}

fn plain_name(text: &str) -> std::result::Result<(String, &str), String> {
    let is_plain = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '$';
    let end = text.find(|letter| !is_plain(letter)).unwrap_or(text.len());
    let (name, after) = text.split_at(end);
    if name.is_empty() || !(after.is_empty() || after.starts_with('.')) {
        let name = text.split('.').next().unwrap_or_default();
        if name.is_empty() {
            return Err(
                "an empty name: write `table = \"app.users\"`, or `table = \"users\"`".to_owned()
            );
        }
        let quoted = name.replace('"', "\"\"");
        return Err(format!(
            "`{name}` is not a plain name; if this is really the table's name, write it as \
             `r#\"\"{quoted}\"\"#`"
        ));
    }
    Ok((name.to_owned(), after))
}

/// After the opening quote.
fn quoted_name(text: &str) -> std::result::Result<(String, &str), String> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let Some((before, after)) = rest.split_once('"') else {
            return Err("a name in double quotes is not closed".to_owned());
        };
        name.push_str(before);
        match after.strip_prefix('"') {
            Some(next) => {
                name.push('"');
                rest = next;
            }
            None if name.is_empty() => return Err("an empty name in double quotes".to_owned()),
            None => return Ok((name, after)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_are_plain_or_quoted() {
        for (text, expected) in [
            ("users", vec!["users"]),
            ("app.users", vec!["app", "users"]),
            ("app.Users$1", vec!["app", "Users$1"]),
            (r#""App"."odd ""name"".x""#, vec!["App", r#"odd "name".x"#]),
            ("größe", vec!["größe"]),
            ("a.b.c", vec!["a", "b", "c"]),
        ] {
            let expected = expected.into_iter().map(str::to_owned).collect();
            assert_eq!(names(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_says_what_to_write() {
        for text in [
            "", ".", "app.", ".users", "my table", "a-b", r#"""#, r#""a"#, r#""""#, r#""a"b"#,
            r#"a"b""#,
        ] {
            assert!(names(text).is_err(), "{text}");
        }
    }
}
