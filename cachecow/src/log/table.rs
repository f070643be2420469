//! Names of tables.

use std::borrow::Cow;
use std::fmt;

/// The name of a table, as in the database's catalog, with or without its schema.
///
/// A name without a schema is in the follower's default schema, `public` in PostgreSQL. Names are compared exactly:
/// PostgreSQL stores `CREATE TABLE Users` as `users`, and `CREATE TABLE "Users"` as `Users`.
///
/// ```
/// use cachecow::log::TableName;
///
/// let users = TableName::new(Some("app"), "users");
/// assert_eq!(users.to_string(), "app.users");
/// assert_eq!(TableName::new(None, "Odd \"name\"").quoted(), r#""Odd ""name""""#);
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableName {
    schema: Option<Cow<'static, str>>,
    name: Cow<'static, str>,
}

impl TableName {
    /// Makes the name of a table in this schema.
    pub const fn new(schema: Option<&'static str>, name: &'static str) -> Self {
        let schema = match schema {
            Some(schema) => Some(Cow::Borrowed(schema)),
            None => None,
        };
        Self { schema, name: Cow::Borrowed(name) }
    }

    /// Makes a table's name from owned strings.
    pub fn owned(schema: Option<String>, name: String) -> Self {
        Self { schema: schema.map(Cow::Owned), name: Cow::Owned(name) }
    }

    /// Returns the schema, if it was given.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// Returns the table's own name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether this is the table `name` in `schema`. `default_schema` is the schema of a name without one.
    pub fn is(&self, schema: &str, name: &str, default_schema: &str) -> bool {
        self.schema().unwrap_or(default_schema) == schema && self.name() == name
    }

    /// Returns the name for an SQL statement, with each part in double quotes, as in standard SQL.
    pub fn quoted(&self) -> String {
        match self.schema() {
            Some(schema) => self.quoted_in(schema),
            None => identifier(self.name()),
        }
    }

    /// The same, with this schema if the name has none.
    #[cfg(any(feature = "postgres-log", all(feature = "outbox", feature = "postgres")))]
    pub(super) fn quoted_with_schema(&self, default_schema: &str) -> String {
        self.quoted_in(self.schema().unwrap_or(default_schema))
    }

    fn quoted_in(&self, schema: &str) -> String {
        format!("{}.{}", identifier(schema), identifier(self.name()))
    }
}

/// A name in a statement of standard SQL.
pub(super) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Why a table of PostgreSQL is not followed from which these inherit. All are named as SQL has them.
#[cfg(any(feature = "postgres-log", all(feature = "outbox", feature = "postgres")))]
pub(super) fn inherits(name: &str, children: &[String]) -> String {
    let separate: Vec<String> =
        children.iter().map(|child| format!("alter table {child} no inherit {name};")).collect();
    format!(
        "{} inherit from {name}, and a change of one of their rows is no change of {name}: the log has it under their own \
         names, so it would be missed. Partition the table (`partition by`), or separate them: `{}`",
        children.join(", "),
        separate.join(" ")
    )
}

/// In the form of `#[cache(table = …)]`: in double quotes if a name is not a plain word.
impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_plain = |part: &str| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|letter| letter.is_alphanumeric() || letter == '_' || letter == '$')
        };
        let parts = self.schema().into_iter().chain([self.name()]);
        for (at, part) in parts.enumerate() {
            if at > 0 {
                f.write_str(".")?;
            }
            if is_plain(part) {
                f.write_str(part)?;
            } else {
                f.write_str(&identifier(part))?;
            }
        }
        Ok(())
    }
}
